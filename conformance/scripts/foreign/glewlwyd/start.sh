#!/bin/sh
# glewlwyd in the foreground, at http://127.0.0.1:${PORT:-4400}/api/oidc, with a fresh database, until it is told to stop.
# Ready, which is seeded with clients and users, when its discovery document answers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../peers.sh"
dir=$PEERS/glewlwyd
port=${PORT:-4400}
rm -rf "$dir"
mkdir -p "$dir"
zcat /usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz | sqlite3 "$dir/data.db"
rnbyc -j -g RSA2048 -k rsa -a RS256 -g EC256 -k p256 -a ES256 -g Ed25519 -k ed25519 -a EdDSA -o "$dir/keys.json" -p "$dir/public.json"

cat >"$dir/glewlwyd.conf" <<END
port=$port
bind_address="127.0.0.1"
external_url="http://127.0.0.1:$port"
login_url="login.html"
api_prefix="api"
static_files_path="/usr/share/glewlwyd/webapp/"
static_files_mime_types = ( { extension = ".html" mime_type = "text/html" } )
log_mode="console"
log_level="${LOG_LEVEL:-WARNING}"
cookie_secure=0
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
admin_session_authentication="cookie"
profile_session_authentication="cookie"
login_api_enabled=true
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = { type = "sqlite3" path = "$dir/data.db" };
END

glewlwyd -c "$dir/glewlwyd.conf" >"$dir/out.log" 2>&1 &
pid=$!
trap 'kill $pid 2>/dev/null || true' EXIT
trap 'exit 0' INT TERM
wait_for "http://127.0.0.1:$port/config"
python3 "$here/seed.py" "http://127.0.0.1:$port" "$dir/keys.json"
echo "glewlwyd at http://127.0.0.1:$port/api/oidc"
wait $pid
