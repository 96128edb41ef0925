#!/bin/sh
# npm's oidc-provider, and a node that runs it. Exits 1 where they cannot be had.
set -eu
. "$(dirname "$0")/../../peers.sh"
need_node
need_npm oidc-provider oidc-provider@9.13.3
