#!/usr/bin/env bash
# Says what to do where Node.js is missing or too old for the web portal's build.
set -euo pipefail
need=20.19
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "The web portal is built with Node.js $need or later and npm, which are not installed."
  echo "Install them (https://nodejs.org), or build without the web portal: make build WEB_BUILD=no"
  exit 1
fi
have=$(node -p 'process.versions.node')
if [ "$(printf '%s\n%s\n' "$need" "$have" | sort -V | head -1)" != "$need" ]; then
  echo "The web portal needs Node.js $need or later; this is $have."
  echo "Install a newer one, or build without the web portal: make build WEB_BUILD=no"
  exit 1
fi
