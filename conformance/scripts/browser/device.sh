#!/bin/sh
# A device that is npm's openid-client asks `touchstone serve` for its codes; a person enters them in a real Chromium and says yes, then no.
#
# TOUCHSTONE names the binary; else the one that cargo built, built first if there is none. Prints PASS or FAIL for each step and leaves
# screenshots and logs in $PEERS/device-run. Ends with 0 if all passed. What is missing is installed (apt, npm); where that cannot be
# done it prints SKIPPED and ends with 0. Everything that it starts it stops.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
. "$here/../peers.sh"

need_debian chromium curl openssl || skipped 'Chromium is a Debian package'
need_node && need_npm playwright playwright-core@1.65.1 && need_npm openid-client openid-client@6.9.0 ||
  skipped 'node, playwright-core and openid-client cannot be had from npm'

dir=$PEERS/device-run
rm -rf "$dir"
mkdir -p "$dir"
stops_what_it_starts

. "$here/touchstone.sh"    # starts it, and sets issuer, ca, pin and the people

env NODE_EXTRA_CA_CERTS="$ca" PLAYWRIGHT="$PEERS/playwright" CLIENT="$PEERS/openid-client" SHOTS="$dir" ISSUER="$issuer" CERT_PIN="$pin" \
  USER_NAME=alice PASSWORD="$alice" "$NODE" "$here/device.mjs"
