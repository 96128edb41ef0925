//! Client metadata: each member in its type, what is left out with its default, and whether it fits together.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use url::Url;

use super::Wanted;
use crate::config::{
    self, AccessTokenFormat, Algorithm, ApplicationType, AssertionAlgorithm, AuthMethod, Client, Consent, Secret, SubjectType,
    WrittenClient,
};
use crate::grants::{GRANTS, device_code};
use crate::refusal::Refusal;
use crate::scope;
use crate::world::guard::Guard;

/// Addresses of pages that are kept for people to read.
const PAGES: [&str; 4] = ["client_uri", "logo_uri", "policy_uri", "tos_uri"];

/// What would have to be encrypted: whoever wants that must not get it in the clear.
const ENCRYPTED: [&str; 4] = [
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
];

/// Metadata as it was said.
pub struct Read<'a> {
    said: &'a Map<String, Value>,
    redirect_uris: Vec<String>,
    response_types: Vec<String>,
    grant_types: Vec<String>,
    application_type: ApplicationType,
    auth_method: AuthMethod,
}

fn wrong(why: impl Into<String>) -> Refusal {
    Refusal::RegisteredMetadata(why.into())
}

/// A member in its type. `null` is as good as absent (RFC 7592, section 2.2).
fn member<T: DeserializeOwned>(said: &Map<String, Value>, name: &str) -> Result<Option<T>, Refusal> {
    match said.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => T::deserialize(value).map(Some).map_err(|error| wrong(format!("{name}: {error}"))),
    }
}

impl<'a> Read<'a> {
    /// Reads what everything else depends on.
    ///
    /// # Errors
    /// A member has another type than it has to have.
    pub fn from(said: &'a Map<String, Value>) -> Result<Self, Refusal> {
        let grant_types = member(said, "grant_types")?.unwrap_or_else(|| vec!["authorization_code".to_owned()]);
        let by_code = grant_types.iter().any(|grant| grant == "authorization_code");
        // Without the code grant there is nothing for the authorization endpoint to answer (RFC 7591, section 2.1).
        let default = || if by_code { vec!["code".to_owned()] } else { Vec::new() };
        let redirect_uris = member(said, "redirect_uris").map_err(|refusal| Refusal::RegisteredRedirectUri(refusal.to_string()))?;
        Ok(Self {
            said,
            redirect_uris: redirect_uris.unwrap_or_default(),
            response_types: member(said, "response_types")?.unwrap_or_else(default),
            grant_types,
            application_type: member(said, "application_type")?.unwrap_or_default(),
            auth_method: member(said, "token_endpoint_auth_method")?.unwrap_or_default(),
        })
    }

    /// The redirect URIs.
    pub fn redirect_uris(&self) -> Vec<String> {
        self.redirect_uris.clone()
    }

    /// The sector that the client says it is of.
    pub fn sector_identifier_uri(&self) -> Option<String> {
        member(self.said, "sector_identifier_uri").ok().flatten()
    }

    /// The secret that the client needs.
    pub fn secret(&self) -> Wanted {
        Wanted::by(self.auth_method)
    }

    fn by_code(&self) -> bool {
        self.grant_types.iter().any(|grant| grant == "authorization_code")
    }

    /// What a stranger may not register, though an operator may.
    ///
    /// # Errors
    /// The first thing that cannot be had.
    pub fn check(&self, keys: &[Algorithm], guard: &Guard, pairwise: bool) -> Result<(), Refusal> {
        self.check_addresses(guard)?;
        self.check_flows()?;
        for name in ["id_token_signed_response_alg", "userinfo_signed_response_alg"] {
            let alg = member::<Algorithm>(self.said, name)?;
            let alg = alg.or_else(|| (name == "id_token_signed_response_alg").then(Algorithm::default));
            if let Some(alg) = alg.filter(|alg| !keys.contains(alg)) {
                return Err(wrong(format!("{name}: there is no key for {} here", alg.text())));
            }
        }
        if let Some(name) = ENCRYPTED.into_iter().find(|name| self.said.get(*name).is_some_and(|value| !value.is_null())) {
            return Err(wrong(format!("{name}: nothing is encrypted here")));
        }
        if member::<SubjectType>(self.said, "subject_type")? == Some(SubjectType::Pairwise) && !pairwise {
            return Err(wrong("subject_type: there are no pairwise subjects here"));
        }
        Ok(())
    }

    /// RFC 7591, section 5: remote addresses are https; http stays on the machine of the user. A native client has either that or a
    /// scheme of its own (Registration, section 2).
    fn check_addresses(&self, guard: &Guard) -> Result<(), Refusal> {
        let native = self.application_type == ApplicationType::Native;
        if self.by_code() && self.redirect_uris.is_empty() {
            return Err(Refusal::RegisteredRedirectUri("redirect_uris: at least one is needed".to_owned()));
        }
        for uri in &self.redirect_uris {
            self.check_where_users_go(uri, native).map_err(Refusal::RegisteredRedirectUri)?;
        }
        for uri in member::<Vec<String>>(self.said, "post_logout_redirect_uris")?.unwrap_or_default() {
            self.check_where_users_go(&uri, native).map_err(|why| wrong(format!("post_logout_redirect_uris: {why}")))?;
        }
        for name in PAGES {
            if let Some(uri) = member::<String>(self.said, name)?
                && !Url::parse(&uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
            {
                return Err(wrong(format!("{name}: `{uri}` is no address of a page")));
            }
        }
        if let Some(uri) = member::<String>(self.said, "initiate_login_uri")? {
            config::check_https("initiate_login_uri", &uri).map_err(wrong)?;
        }
        // Where this machine would go itself.
        for name in ["jwks_uri", "sector_identifier_uri", "backchannel_logout_uri"] {
            let Some(uri) = member::<String>(self.said, name)? else { continue };
            if name != "backchannel_logout_uri" {
                config::check_https(name, &uri).map_err(wrong)?;
            }
            if Url::parse(&uri).is_ok_and(|url| !guard.may_allow(&url)) {
                return Err(wrong(format!("{name}: `{uri}` is an address inside, where registered clients do not send us")));
            }
        }
        Ok(())
    }

    fn check_where_users_go(&self, uri: &str, native: bool) -> Result<(), String> {
        config::check_redirect_uri(uri, native)?;
        let Ok(url) = Url::parse(uri) else { return Err(format!("`{uri}` is not absolute")) };
        match url.scheme() {
            "https" if native && !config::is_loopback(&url) => {
                Err(format!("`{uri}` is remote: a native client has a loopback address or a scheme of its own"))
            }
            "http" if !native && self.auth_method == AuthMethod::None => Err(format!("`{uri}` has to be https: the client is public")),
            _ => Ok(()),
        }
    }

    /// Registration, section 2 and RFC 7591, section 2.1: grants and response types fit together, and work here.
    fn check_flows(&self) -> Result<(), Refusal> {
        for asked in &self.grant_types {
            match GRANTS.iter().find(|known| known.grant_type == asked) {
                None => return Err(wrong(format!("grant_types: `{asked}` is unknown here"))),
                Some(grant) if !grant.self_service => return Err(wrong(format!("grant_types: `{asked}` is given by the operator alone"))),
                Some(_) => {}
            }
        }
        if let Some(unknown) = self.response_types.iter().find(|response_type| *response_type != "code") {
            return Err(wrong(format!("response_types: `{unknown}` is unknown here, the only one is `code`")));
        }
        if self.grant_types.is_empty() {
            return Err(wrong("grant_types: a client without a grant gets nothing"));
        }
        if self.by_code() == self.response_types.is_empty() {
            return Err(wrong("response_types and grant_types do not fit together: `code` belongs to `authorization_code`"));
        }
        let has = |grant: &str| self.grant_types.iter().any(|known| known == grant);
        if has("refresh_token") && !self.by_code() && !has(device_code::GRANT_TYPE) {
            return Err(wrong("grant_types: nothing brings the refresh tokens for `refresh_token`"));
        }
        Ok(())
    }

    /// Everything that the client is, with defaults.
    pub fn whole(&self) -> Map<String, Value> {
        let mut whole = Map::new();
        whole.insert("redirect_uris".to_owned(), json!(self.redirect_uris));
        whole.insert("response_types".to_owned(), json!(self.response_types));
        whole.insert("grant_types".to_owned(), json!(self.grant_types));
        let said_or = |name: &str, default: &str| self.said.get(name).filter(|value| !value.is_null()).cloned().unwrap_or(json!(default));
        for (name, default) in [
            ("application_type", "web"),
            ("token_endpoint_auth_method", AuthMethod::default().text()),
            ("id_token_signed_response_alg", Algorithm::default().text()),
            ("subject_type", "public"),
        ] {
            whole.insert(name.to_owned(), said_or(name, default));
        }
        let kept = [
            "client_name",
            "token_endpoint_auth_signing_alg",
            "jwks",
            "jwks_uri",
            "userinfo_signed_response_alg",
            "sector_identifier_uri",
            "post_logout_redirect_uris",
            "backchannel_logout_uri",
            "default_max_age",
            "require_auth_time",
            "contacts",
            "initiate_login_uri",
            "software_id",
            "software_version",
        ];
        for name in kept.into_iter().chain(PAGES) {
            if let Some(value) = self.said.get(name).filter(|value| !value.is_null()) {
                whole.insert(name.to_owned(), value.clone());
            }
        }
        let session_required = self.said.get("backchannel_logout_session_required").filter(|value| !value.is_null());
        if whole.contains_key("backchannel_logout_uri") || session_required.is_some() {
            whole.insert("backchannel_logout_session_required".to_owned(), session_required.cloned().unwrap_or(json!(false)));
        }
        // What a client may ask a user for is for the user to say; on its own behalf a stranger may have nothing.
        if let Some(Value::String(scope)) = self.said.get("scope") {
            let known: Vec<&str> = scope.split(' ').filter(|word| scope::KNOWN.contains(word)).collect();
            whole.insert("scope".to_owned(), json!(known.join(" ")));
        }
        whole
    }

    /// The client that this is, of this name and with this secret.
    ///
    /// # Errors
    /// A member has another type than it has to have, or does not fit the others.
    pub fn client(&self, id: &str, secret: Option<Secret>) -> Result<Client, String> {
        self.written(id, secret).map_err(|refusal| refusal.to_string()).and_then(|written| config::client("A client".to_owned(), written))
    }

    fn written(&self, id: &str, client_secret: Option<Secret>) -> Result<WrittenClient, Refusal> {
        let said = self.said;
        member::<Vec<String>>(said, "contacts")?;
        for name in ["scope", "software_id", "software_version"] {
            member::<String>(said, name)?;
        }
        member::<bool>(said, "require_auth_time")?;
        Ok(WrittenClient {
            client_id: id.to_owned(),
            client_name: member::<String>(said, "client_name")?.filter(|name| !name.is_empty()),
            client_secret,
            token_endpoint_auth_method: self.auth_method,
            token_endpoint_auth_signing_alg: member::<AssertionAlgorithm>(said, "token_endpoint_auth_signing_alg")?,
            jwks: member(said, "jwks")?,
            jwks_uri: member(said, "jwks_uri")?,
            grant_types: self.grant_types.clone(),
            scope: String::new(),
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: member(said, "post_logout_redirect_uris")?.unwrap_or_default(),
            id_token_signed_response_alg: member(said, "id_token_signed_response_alg")?.unwrap_or_default(),
            userinfo_signed_response_alg: member(said, "userinfo_signed_response_alg")?,
            subject_type: member(said, "subject_type")?.unwrap_or_default(),
            sector_identifier_uri: self.sector(said)?,
            backchannel_logout_uri: member(said, "backchannel_logout_uri")?,
            backchannel_logout_session_required: member(said, "backchannel_logout_session_required")?.unwrap_or_default(),
            application_type: self.application_type,
            access_token_format: AccessTokenFormat::Opaque,
            audience: Vec::new(),
            may_introspect: false,
            offline_access_without_consent: false,
            refresh_without_offline_access: false,
            consent: Consent::Once,
            default_max_age: member(said, "default_max_age")?,
        })
    }

    /// It is of use to pairwise subjects alone; a public client may have one too (Registration, section 2).
    fn sector(&self, said: &Map<String, Value>) -> Result<Option<String>, Refusal> {
        let pairwise = member::<SubjectType>(said, "subject_type")? == Some(SubjectType::Pairwise);
        Ok(member::<String>(said, "sector_identifier_uri")?.filter(|_| pairwise))
    }
}
