# Sourced by run.sh: the npm package, with Apache registered as a client. Plain http, as its own set-up has it.

"$here/../foreign/oidc-provider/install.sh" || skipped 'oidc-provider cannot be had from npm'
issuer=http://localhost:4101
PORT=4101 ISSUER=$issuer SAME_SITE=lax "$here/../foreign/oidc-provider/start.sh" >"$dir/provider.log" 2>&1 &
started="$! $started"
wait_for $issuer/.well-known/openid-configuration || { cat "$dir/provider.log"; echo 'FAIL oidc-provider did not start'; exit 1; }
registered=$(curl -sf $issuer/reg -H 'Content-Type: application/json' -d '{
  "redirect_uris": ["'$rp'/protected/redirect_uri"], "grant_types": ["authorization_code"],
  "backchannel_logout_uri": "'$rp'/protected/redirect_uri?logout=backchannel", "backchannel_logout_session_required": true }')
member() { echo "$registered" | "$NODE" -p "JSON.parse(require('fs').readFileSync(0))['$1']"; }
client=$(member client_id) secret=$(member client_secret) ca= pin=
alice="alice's password" bob="bob's password"
