#!/usr/bin/env bash
# need.sh PROGRAM=PACKAGE ... makes sure that each program is there: installs the
# Debian package when root, else says what to do.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
missing=()
for pair in "$@"; do
  program=${pair%%=*} package=${pair#*=}
  case $program in
    postgres) ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || command -v postgres >/dev/null || missing+=("$package") ;;
    *) command -v "$program" >/dev/null || missing+=("$package") ;;
  esac
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]} ..."
  # The services that come with the packages stay off: tests start their own.
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d.tollgate && chmod +x /usr/sbin/policy-rc.d.tollgate
  made=
  [ -e /usr/sbin/policy-rc.d ] || { mv /usr/sbin/policy-rc.d.tollgate /usr/sbin/policy-rc.d; made=1; }
  trap 'rm -f /usr/sbin/policy-rc.d.tollgate; [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d' EXIT
  log=$(mktemp)
  if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log"
    echo "could not install ${missing[*]}"
    exit 1
  fi
  exit 0
fi
echo "These programs are missing; install the packages and run again: ${missing[*]}"
echo "  sudo apt-get install ${missing[*]}"
exit 1
