"""Seeds a fresh glewlwyd through its administration API: users, the OpenID Connect plugin, the clients.

    seed.py http://127.0.0.1:4400 PRIVATE-JWKS-FILE

Clients are those of fixtures/targets/glewlwyd.toml. Standard library only.
"""
import http.cookiejar
import json
import sys
import urllib.error
import urllib.request

base, keys = sys.argv[1], open(sys.argv[2]).read()
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def call(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + "/api" + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        text = browser.open(request).read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {path}: {error.code} {error.read().decode()[:600]}")
    return json.loads(text) if text else None


call("POST", "/auth/", {"username": "admin", "password": "password"})  # as its own database script sets it

# As it comes, the client database keeps one `post_logout_redirect_uri`, while the plugin reads the list `post_logout_redirect_uris`.
module = call("GET", "/mod/client/database")
module["parameters"]["data-format"]["post_logout_redirect_uris"] = {"multiple": True, "read": True, "write": True}
module["parameters"]["data-format"]["sign_kid"] = {"multiple": False, "read": True, "write": True}
call("PUT", "/mod/client/database", module)
call("PUT", "/mod/client/database/reset")

# As it comes, `openid` needs no password, and `amr` then says `session`.
scope = call("GET", "/scope/openid")
call("PUT", "/scope/openid", {**scope, "password_required": True, "password_max_age": 0})

for scope in ("profile", "email", "offline_access"):
    call("POST", "/scope/", {"name": scope, "display_name": scope, "description": scope, "password_required": False, "scheme": {}})

for name in ("alice", "bob"):
    call("POST", "/user/", {
        "username": name, "name": f"{name.capitalize()} Example", "email": f"{name}@example.test", "password": f"{name}'s password",
        "enabled": True, "scope": ["openid", "profile", "email", "offline_access", "g_profile"],
    })

def client(name, kid, *, auth="client_secret_basic", grants=("code", "refresh_token"), told=True, by_session=True, redirect=None):
    """One client under its own name; `told` has a back-channel address, `by_session` asks for `sid` in what it is told."""
    here = f"http://127.0.0.1:9900/{name}"
    call("POST", "/client/", {
        "client_id": name, "name": name, "enabled": True, "authorization_type": list(grants), "scope": [], "sign_kid": kid,
        "confidential": auth != "none", "token_endpoint_auth_method": [auth],
        **({"client_secret": f"{name}-secret"} if auth != "none" else {}),
        "redirect_uri": [redirect or f"{here}/cb"],
        "post_logout_redirect_uris": [f"{here}/out", f"{here}/out?kept=1"],
        **({"backchannel_logout_uri": f"{here}/bcl", "backchannel_logout_session_required": "1" if by_session else "0"} if told else {}),
    })


client("web", "rsa")
client("shop", "p256", auth="client_secret_post")
client("forum", "ed25519", grants=["code"], by_session=False)
client("wiki", "rsa", grants=["code"])
client("trap", "rsa", grants=["code"])
client("spa", "p256", auth="none", told=False)
client("native", "p256", auth="none", grants=["code"], told=False, redirect="http://127.0.0.1/cb")

# Last, because its discovery document is what tells that the provider is ready.
on = [
    "oauth-as-iss-id", "auth-type-code-enabled", "auth-type-client-enabled", "auth-type-device-enabled", "auth-type-refresh-enabled",
    "auth-type-code-revoke-replayed", "refresh-token-rolling", "pkce-allowed", "pkce-required", "session-management-allowed",
    "back-channel-logout-allowed", "front-channel-logout-allowed", "introspection-revocation-allowed", "introspection-revocation-allow-target-client", "jwks-show",
]
off = [
    "allow-non-oidc", "auth-type-token-enabled", "auth-type-id-token-enabled", "auth-type-none-enabled", "auth-type-implicit-enabled",
    "auth-type-password-enabled", "pkce-method-plain-allowed", "request-parameter-allow",
    "encrypt-out-token-allow", "register-client-allowed",
]
call("POST", "/mod/plugin/", {
    "module": "oidc", "name": "oidc", "display_name": "oidc", "order_rank": 0, "readonly": False,
    "parameters": {
        "iss": base + "/api/oidc", "subject-type": "public", "jwks-private": keys, "default-kid": "rsa", "client-sign_kid-parameter": "sign_kid",
        "access-token-duration": 3600, "refresh-token-duration": 30 * 86400, "code-duration": 60, "refresh-token-one-use": "always",
        "allowed-scope": ["openid", "profile", "email", "offline_access"], "scope-claim": "no", "address-claim": {"type": "no"},
        "name-claim": "on-demand", "name-claim-scope": ["profile"], "email-claim": "on-demand", "email-claim-scope": ["email"],
        "additional-parameters": [], "claims": [],
        "session-cookie-name": "GLEWLWYD2_OIDC_SID", "session-cookie-expiration": 14 * 86400,
        "device-authorization-expiration": 300, "device-authorization-interval": 5,
        "client-pubkey-parameter": "pubkey", "client-jwks-parameter": "jwks", "client-jwks_uri-parameter": "jwks_uri",
        **dict.fromkeys(on, True), **dict.fromkeys(off, False),
    },
})
