#!/bin/sh
# oidc-provider in the foreground, at http://127.0.0.1:${PORT:-4100}, until it is told to stop.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../peers.sh"
need_node
OIDC_PROVIDER=$PEERS/oidc-provider exec "$NODE" "$here/op.mjs"
