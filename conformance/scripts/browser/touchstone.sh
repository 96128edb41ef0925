# Sourced by run.sh: `touchstone serve` over https, with a CA and a certificate of this run, and a configuration that has Apache as a client.

touchstone=$(touchstone_binary "$top")
issuer=https://localhost:4443
client=apache secret='the secret of apache: p%c5+n/8=k'
alice="alice's password" bob="bob's password"

# Apache trusts the CA. Chromium has no switch for a root of one run; it is told the very key instead.
ca=$dir/ca.pem
(
  cd "$dir"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=CA of one run' -keyout ca-key.pem -out ca.pem
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=localhost' -keyout key.pem -out request.pem
  printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' >extensions
  openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile extensions -out certificate.pem
) >"$dir/openssl.log" 2>&1
pin=$(openssl pkey -in "$dir/key.pem" -pubout -outform der | openssl dgst -sha256 -binary | openssl base64)

"$touchstone" serve --listen 127.0.0.1:4443 --issuer $issuer --config "$here/provider.toml" \
  --tls-cert "$dir/certificate.pem" --tls-key "$dir/key.pem" >"$dir/provider.log" 2>&1 &
started="$! $started"
CURL_CA_BUNDLE=$ca wait_for $issuer/.well-known/openid-configuration ||
  { cat "$dir/provider.log"; echo 'FAIL touchstone serve did not start'; exit 1; }
