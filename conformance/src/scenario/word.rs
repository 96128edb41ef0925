//! The closed lists of words that scenarios may use. The loader refuses others, and the editors' schema offers these.

/// The keys of a file.
pub const FILE_KEYS: &[&str] = &["title", "cites", "needs", "room", "provider", "client", "with", "step", "ask", "default", "row"];

/// What `[ask]`, `[default]` and a row say about a check.
pub const CHECK_KEYS: &[&str] =
    &["cites", "needs", "room", "broken_by", "unbreakable", "control", "expect", "refused", "deliveries", "events"];

/// What a row may have beside that.
pub const ROW_KEYS: &[&str] = &["with", "first", "then"];

/// What stands around a verb, in a step, `[ask]`, a row and `then`.
pub const VERB_KEYS: &[&str] = &["set", "drop", "repeat", "times", "at_once", "succeed", "within", "beside"];

/// What `beside` may have around its verb.
pub const BESIDE_KEYS: &[&str] = &["save"];

/// What a step of the walk may have beside that.
pub const STEP_KEYS: &[&str] = &["save", "refused"];

/// The keys of a telling.
pub const TELLING_KEYS: &[&str] = &["of", "answered", "at_least", "pauses", "at", "before_answer", "logout_token", "logout_token_header"];

/// The places of a reply that `expect` can ask about; the tokens also with `_header` behind them.
pub const REPLY_PLACES: &[&str] =
    &["status", "header", "json", "callback", "landed", "access_token", "refresh_token", "id_token", "userinfo_token"];

/// What a target may lack. Everything is asked for unless the target file says `lacks`.
pub const FEATURES: &[&str] = &[
    "client_credentials",
    "refresh_token",
    "device",
    "slow_down",
    "token_exchange",
    "impersonation",
    "jwt_bearer",
    "introspection",
    "refresh_token_introspection",
    "revocation",
    "registration",
    "end_session",
    "backchannel_logout",
    "form_post",
    "consent",
    "single_sign_on",
    "issuer_in_response",
    "pkce_required",
    "private_key_jwt",
    "jwt_access_token",
    "claims_parameter",
    "pairwise",
    "signed_userinfo",
    "oauth_metadata",
    "tls",
];

/// What the harness may be able to do to a target beside speaking the protocol. Each act of `admin` is one more: `admin.ACT`.
pub const POWERS: &[&str] = &["virtual_time", "restart", "event_log", "configurable", "two_origins", "own_keys", "management_api"];

/// The three browsers. A closed list: a slip must not make a fourth in which nobody is signed in.
pub const BROWSERS: &[&str] = &["first", "second", "third"];

/// The origins of a target that a verb can be sent to.
pub const ORIGINS: &[&str] = &["primary", "other"];

/// Where a browser can land, by what the page is for.
pub const PAGES: &[&str] =
    &["callback", "login", "consent", "select_account", "confirm", "enter_code", "done", "signed_out", "post_logout", "error"];

/// The two registered addresses of every relying party that is told of logouts.
pub const ADDRESSES: &[&str] = &["first", "second"];

/// How a client can authenticate itself.
pub const AUTH: &[&str] = &["none", "client_secret_basic", "client_secret_post", "private_key_jwt", "client_secret_jwt"];

/// How a client can fail to answer at all.
pub const SILENCES: &[&str] = &["hang", "drop", "gone"];

/// Who signs a forged token; beside them `client.NAME`, the key of that client.
pub const SIGNERS: &[&str] = &["keep", "none", "foreign", "hs256-public", "fixture"];

/// Switches of the embedded provider.
pub const FLAGS: &[&str] =
    &["token_exchange", "enable_back_channel_logout", "oidc_single_v1_session_termination", "debug_oidc_parent_error"];

/// Policies of the embedded provider.
pub const POLICIES: &[&str] = &["impersonation", "pkce_required"];

/// The paths into a request that are no parameter: everything below them, or they themselves.
pub const REQUEST_TABLES: &[&str] = &["header", "query", "assertion", "assertion_header"];

/// See [`REQUEST_TABLES`].
pub const REQUEST_PLACES: &[&str] = &["body", "method", "assertion_key"];

/// The error codes of the protocols spoken here (IANA's registry of OAuth extensions errors, and OpenID Connect's own).
pub const ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "access_denied",
    "unsupported_response_type",
    "server_error",
    "temporarily_unavailable",
    "interaction_required",
    "login_required",
    "account_selection_required",
    "consent_required",
    "invalid_request_uri",
    "invalid_request_object",
    "request_not_supported",
    "request_uri_not_supported",
    "registration_not_supported",
    "unmet_authentication_requirements",
    "authorization_pending",
    "slow_down",
    "expired_token",
    "invalid_target",
    "invalid_token",
    "insufficient_scope",
    "unsupported_token_type",
    "invalid_redirect_uri",
    "invalid_client_metadata",
    "invalid_software_statement",
    "unapproved_software_statement",
];

/// Metadata of a client: the registered names (RFC 7591, OpenID Connect Registration and the logout specifications), and ours behind them.
pub const CLIENT_METADATA: &[&str] = &[
    "client_id",
    "client_secret",
    "client_name",
    "client_uri",
    "logo_uri",
    "policy_uri",
    "tos_uri",
    "contacts",
    "application_type",
    "redirect_uris",
    "post_logout_redirect_uris",
    "response_types",
    "grant_types",
    "scope",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "jwks",
    "jwks_uri",
    "sector_identifier_uri",
    "subject_type",
    "id_token_signed_response_alg",
    "userinfo_signed_response_alg",
    "request_object_signing_alg",
    "default_max_age",
    "require_auth_time",
    "default_acr_values",
    "initiate_login_uri",
    "request_uris",
    "software_id",
    "software_version",
    "software_statement",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "access_token_format",
    "audience",
    "may_introspect",
    "offline_access_without_consent",
    "refresh_without_offline_access",
    "consent",
];

/// What the provider adds to a client's metadata, and what the harness does (`basic`, the value of its Basic header).
pub const CLIENT_ANSWERED: &[&str] =
    &["basic", "registration_access_token", "registration_client_uri", "client_id_issued_at", "client_secret_expires_at"];

/// What a key of `[provider]` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// True or false.
    Flag,
    /// A whole number.
    Number,
    /// `"90s"`.
    Duration,
    /// A list of those.
    Durations,
    /// One of these words.
    Words(&'static [&'static str]),
}

/// The keys of `[provider]`: configuration laid over the embedded provider's own.
pub const PROVIDER: &[(&str, Setting)] = &[
    ("store", Setting::Words(&["memory", "durable"])),
    ("set_up", Setting::Flag),
    ("flags.token_exchange", Setting::Flag),
    ("flags.enable_back_channel_logout", Setting::Flag),
    ("flags.oidc_single_v1_session_termination", Setting::Flag),
    ("flags.debug_oidc_parent_error", Setting::Flag),
    ("policy.impersonation", Setting::Flag),
    ("policy.pkce_required", Setting::Flag),
    ("lifetimes.sign_in", Setting::Duration),
    ("lifetimes.authorization_code", Setting::Duration),
    ("lifetimes.access_token", Setting::Duration),
    ("lifetimes.id_token", Setting::Duration),
    ("lifetimes.session_idle", Setting::Duration),
    ("lifetimes.session_absolute", Setting::Duration),
    ("lifetimes.logout_token", Setting::Duration),
    ("lifetimes.client_assertion", Setting::Duration),
    ("outgoing.guard_internal", Setting::Flag),
    ("registration.mode", Setting::Words(&["off", "token", "open"])),
    ("device.amount", Setting::Number),
    ("device.dash_interval", Setting::Number),
    ("device.guesses", Setting::Number),
    ("delivery.limit", Setting::Duration),
    ("delivery.pauses", Setting::Durations),
    ("delivery.grace", Setting::Duration),
];

/// Whether a word of `needs` is a feature, a power or an act.
pub fn is_need(word: &str) -> bool {
    needs().any(|known| known == word)
}

/// Every word that `needs` may hold.
pub fn needs() -> impl Iterator<Item = String> {
    let acts = super::verb::ACTS.iter().map(|act| format!("admin.{}", act.name));
    FEATURES.iter().chain(POWERS).map(|word| (*word).to_owned()).chain(acts)
}

/// Whether a word of `needs` is a power: what the harness must be able to do, and not what the target offers.
pub fn is_power(word: &str) -> bool {
    POWERS.contains(&word) || word.starts_with("admin.")
}
