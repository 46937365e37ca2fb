#!/bin/sh
# deadcode.sh TOOL: refuses functions that none of the programs reaches, but for those that
# deadcode.allow gives a reason for; and lines of that list that no longer apply.
set -eu
here=$(dirname "$0")
found=$("$1" -filter github.com/tollgate/tollgate ./infra/tollgate ./gateway-edge/cmd/gateway-edge ./portal/cmd/portal ./services/cmd/worker ./terraform ./terraform/internal/docgen |
	sed 's/:[0-9]*:[0-9]*: unreachable func: / /' | sort -u)
allowed=$(sed -e '/^#/d' -e 's/ #.*//' "$here/deadcode.allow" | sort -u)
dead=$(printf '%s\n' "$found" | grep -vxF -e "$allowed" || true)
stale=$(printf '%s\n' "$allowed" | grep -vxF -e "$found" || true)
[ -z "$dead" ] || printf 'no program reaches these: remove them, or give tests/deadcode.allow a reason\n%s\n' "$dead"
[ -z "$stale" ] || printf 'these are reached or gone: take them out of tests/deadcode.allow\n%s\n' "$stale"
[ -z "$dead$stale" ]
