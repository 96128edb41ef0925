#!/bin/sh
# The example provider of github.com/zitadel/oidc, built by the machine's Go. Exits 1 where there is none, or the modules cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../peers.sh"
command -v go >/dev/null || exit 1
mkdir -p "$PEERS/zitadel-oidc"
(cd "$here" && timeout 300 go build -o "$PEERS/zitadel-oidc/op" .) >"$PEERS/go.log" 2>&1
