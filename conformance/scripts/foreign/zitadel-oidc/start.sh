#!/bin/sh
# The example provider in the foreground, at http://localhost:${PORT:-4300}/, until it is told to stop.
set -eu
. "$(dirname "$0")/../../peers.sh"
exec "$PEERS/zitadel-oidc/op"
