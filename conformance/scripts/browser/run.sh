#!/bin/sh
# Somebody signs in with a real Chromium through Apache's mod_auth_openidc, signs out at the provider only, and the session at Apache is gone.
#
#   run.sh                  the provider is `touchstone serve`, over https with a CA made here
#   run.sh oidc-provider    the provider is the npm package: shows that this script can pass without us
#
# TOUCHSTONE names the binary; else the one that cargo built, built first if there is none. Prints PASS or FAIL for each step and leaves
# screenshots and logs in $PEERS/browser-run. Ends with 0 if all passed. What is missing is installed (apt, npm); where that cannot be
# done it prints SKIPPED and ends with 0. Everything that it starts it stops.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
. "$here/../peers.sh"

provider=${1:-touchstone}
case $provider in touchstone | oidc-provider) ;; *) echo "usage: $0 [oidc-provider]" >&2; exit 2 ;; esac

need_debian apache2 libapache2-mod-auth-openidc chromium curl openssl || skipped 'Apache, mod_auth_openidc and Chromium are Debian packages'
need_node && need_npm playwright playwright-core@1.65.1 || skipped 'node and playwright-core cannot be had from npm'

dir=$PEERS/browser-run
rm -rf "$dir"
mkdir -p "$dir"
chmod 755 "$PEERS" "$dir"
rp=http://127.0.0.1:4700
stops_what_it_starts

. "$here/$provider.sh"    # starts it, and sets issuer, ca, pin, client, secret and the people

"$here/apache.sh" "$dir/apache" "$issuer" "$client" "$secret" "$ca" >"$dir/apache.out" 2>&1 &
started="$! $started"
wait_for $rp/out.html || { cat "$dir/apache.out" "$dir/apache/error.log"; echo 'FAIL Apache did not start'; exit 1; }

env PLAYWRIGHT="$PEERS/playwright" SHOTS="$dir" RP=$rp/protected/ RP_LOG="$dir/apache/access.log" ISSUER="$issuer" CERT_PIN="$pin" \
  USER_NAME=alice PASSWORD="$alice" OTHER_NAME=bob OTHER_PASSWORD="$bob" "$NODE" "$here/walk.mjs"
