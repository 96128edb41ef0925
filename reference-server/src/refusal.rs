//! Why something is refused (many reasons), and how it is said on the wire (few codes): two tables, no wildcard.

/// Declares the OAuth error codes: variant, text, status at an endpoint that answers in JSON.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal $status:literal,)+) => {
        /// An error code of OAuth 2.0 or OpenID Connect.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode { $($(#[$doc])* $name,)+ }

        impl ErrorCode {
            /// All of them.
            #[cfg(test)]
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name,)+];

            /// As it is written on the wire.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The HTTP status where the answer is JSON or a bearer challenge.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }
        }
    };
}

codes! {
    /// RFC 6749, sections 4.1.2.1 and 5.2; RFC 6750, section 3.1.
    InvalidRequest = "invalid_request" 400,
    /// RFC 6749, section 5.2; 401 whichever way the client tried.
    InvalidClient = "invalid_client" 401,
    /// RFC 6749, section 5.2.
    InvalidGrant = "invalid_grant" 400,
    /// RFC 6749, sections 4.1.2.1 and 5.2.
    UnauthorizedClient = "unauthorized_client" 400,
    /// RFC 6749, section 5.2.
    UnsupportedGrantType = "unsupported_grant_type" 400,
    /// RFC 6749, section 4.1.2.1.
    UnsupportedResponseType = "unsupported_response_type" 400,
    /// RFC 6749, sections 4.1.2.1 and 5.2.
    InvalidScope = "invalid_scope" 400,
    /// RFC 6749, section 4.1.2.1; RFC 8628, section 3.5.
    AccessDenied = "access_denied" 400,
    /// RFC 8628, section 3.5.
    AuthorizationPending = "authorization_pending" 400,
    /// RFC 8628, section 3.5.
    SlowDown = "slow_down" 400,
    /// RFC 8628, section 3.5.
    ExpiredToken = "expired_token" 400,
    /// RFC 6749, section 4.1.2.1.
    ServerError = "server_error" 500,
    /// OpenID Connect Core 1.0, section 3.1.2.6.
    LoginRequired = "login_required" 400,
    /// OpenID Connect Core 1.0, section 3.1.2.6.
    AccountSelectionRequired = "account_selection_required" 400,
    /// OpenID Connect Core 1.0, section 3.1.2.6.
    ConsentRequired = "consent_required" 400,
    /// OpenID Connect Core 1.0, section 3.1.2.6.
    RequestNotSupported = "request_not_supported" 400,
    /// OpenID Connect Core 1.0, section 3.1.2.6.
    RequestUriNotSupported = "request_uri_not_supported" 400,
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
    UnmetAuthenticationRequirements = "unmet_authentication_requirements" 400,
    /// RFC 8693, section 2.2.2.
    InvalidTarget = "invalid_target" 400,
    /// RFC 7591, section 3.2.2.
    InvalidRedirectUri = "invalid_redirect_uri" 400,
    /// RFC 7591, section 3.2.2.
    InvalidClientMetadata = "invalid_client_metadata" 400,
    /// RFC 6750, section 3.1.
    InvalidToken = "invalid_token" 401,
    /// RFC 6750, section 3.1.
    InsufficientScope = "insufficient_scope" 403,
}

/// Declares the reasons: variant, code, and the sentence for the developer on the other side, in the characters that
/// RFC 6749, section 5.2 allows.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $(($field:ty))? = $code:ident $text:literal,)+) => {
        /// Why a request is refused.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum Refusal { $($(#[$doc])* #[error($text)] $name $(($field))?,)+ }

        impl Refusal {
            /// The code on the wire.
            pub fn code(&self) -> ErrorCode {
                match self { $(refusals!(@pattern $name $(($field))?) => ErrorCode::$code,)+ }
            }
        }
    };
    (@pattern $name:ident) => { Self::$name };
    (@pattern $name:ident ($field:ty)) => { Self::$name(_) };
}

refusals! {
    /// The body is not a form.
    NotAForm = InvalidRequest "the body has to be application/x-www-form-urlencoded in UTF-8",
    /// The parameters are not UTF-8.
    NotUtf8 = InvalidRequest "the parameters are not UTF-8",
    /// RFC 6749, sections 3.1 and 3.2.
    Repeated(String) = InvalidRequest "the parameter {0} comes more than once",
    /// A parameter that has to be there.
    Missing(&'static str) = InvalidRequest "the parameter {0} is missing",
    /// A parameter whose value has no meaning.
    Malformed(&'static str) = InvalidRequest "the parameter {0} is malformed",
    /// Nobody of that name.
    ClientUnknown = InvalidClient "the client is unknown",
    /// No authentication, or one that does not fit.
    ClientNotAuthenticated = InvalidClient "the client did not authenticate, or not with what it was given",
    /// It tried with another method than the one that it registered.
    AuthenticationMethodNotRegistered = InvalidClient "the client did not authenticate by the method that it has registered",
    /// RFC 7521, section 4.2: only the one of RFC 7523 is known here.
    AssertionTypeUnknown = InvalidClient "the client_assertion_type is not urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    /// RFC 7523, section 3: no JWT, of another kind, or with a header that nobody here knows.
    AssertionMalformed = InvalidClient "the client_assertion is no JWT that authenticates a client",
    /// RFC 7521, section 4.2: both name the same client.
    AssertionOfAnotherClient = InvalidClient "the client_id is not the client whom the client_assertion is about",
    /// RFC 7523, section 3.
    AssertionNotSigned = InvalidClient "the client_assertion is not signed by a key of the client, with an algorithm that it may use",
    /// RFC 7523, section 3; Core, section 9.
    AssertionClaim(&'static str) = InvalidClient "the claim {0} of the client_assertion is missing, or is not what it has to be",
    /// Core, section 9.
    AssertionExpired = InvalidClient "the client_assertion has expired",
    /// RFC 7523, section 3: limits are the provider's to set.
    AssertionTooLong = InvalidClient "the client_assertion lives longer than is accepted here",
    /// Core, section 9: an assertion is good once.
    AssertionUsed = InvalidClient "the client_assertion was used before",
    /// What the client's `jwks_uri` leads to.
    ClientKeysNotHad = InvalidClient "the keys of the client cannot be had from its jwks_uri",
    /// RFC 6749, section 2.3.
    TwoAuthenticationMethods = InvalidRequest "the client authenticated in more than one way",
    /// RFC 6749, section 2.3.1: credentials never come in the address.
    ParametersInAddress = InvalidRequest "parameters belong in the body, not in the address",
    /// Not registered.
    RedirectUriUnknown = InvalidRequest "the redirect_uri is not one that the client has registered",
    /// OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1.
    ResponseModeUnsupported = InvalidRequest "the response_mode is neither query nor form_post",
    /// Only `code` is.
    ResponseTypeUnsupported = UnsupportedResponseType "the only response_type here is code",
    /// The client has not registered this grant.
    GrantNotAllowed = UnauthorizedClient "the client is not registered for this grant",
    /// Nobody here knows such a grant.
    GrantUnknown = UnsupportedGrantType "the grant_type is unknown here",
    /// RFC 6749, section 4.4.
    ClientIsPublic = UnauthorizedClient "this grant is for clients that authenticate",
    /// RFC 7662, section 4: a name alone is no authentication.
    AskerIsPublic = InvalidClient "who asks about tokens has to authenticate",
    /// No scope that is known here.
    ScopeUnknown = InvalidScope "none of the scopes asked for is known here",
    /// RFC 6749, section 6.
    ScopeBeyondGrant = InvalidScope "the scope is wider than what was granted",
    /// RFC 6749, section 3.3.
    ScopeNotRegistered = InvalidScope "the client is not registered for this scope",
    /// Core, section 3.1.2.6.
    RequestObject = RequestNotSupported "request objects are not supported",
    /// Core, section 3.1.2.6.
    RequestUri = RequestUriNotSupported "request_uri is not supported",
    /// RFC 7636, section 4.4.1; the policy asks it of every client.
    ChallengeMissing = InvalidRequest "code_challenge is required (RFC 7636)",
    /// RFC 7636, section 4.4.1.
    ChallengeMethodUnsupported = InvalidRequest "the only code_challenge_method here is S256",
    /// Core, section 3.1.2.1.
    PromptNoneCombined = InvalidRequest "prompt=none stands alone",
    /// Not a token of ours.
    HintInvalid = InvalidRequest "the id_token_hint is not an ID token of this provider",
    /// Core, section 3.1.2.6.
    NobodySignedIn = LoginRequired "the user has to sign in, and prompt=none forbids to ask",
    /// Core, section 3.1.2.1: the user of the hint is not the one who is here.
    AnotherUser = LoginRequired "the user who is signed in is not the one whom the client insists on",
    /// Core, sections 3.1.2.2 and 5.5.1.
    SubjectUnknown = LoginRequired "nobody who could sign in here has the subject that is asked for",
    /// Core, section 5.5.1.1.
    AcrUnmet = UnmetAuthenticationRequirements "nobody can sign in here in a way of any acr that is asked for as essential",
    /// Core, section 3.1.2.6.
    AccountNotChosen = AccountSelectionRequired "the user has to choose an account, and prompt=none forbids to ask",
    /// Core, section 3.1.2.6.
    NoConsentYet = ConsentRequired "the user has to consent, and prompt=none forbids to ask",
    /// The user said no.
    UserDenied = AccessDenied "the user declined",
    /// Nobody issued it, or not here.
    CodeUnknown = InvalidGrant "the code is unknown",
    /// RFC 6749, section 5.2.
    CodeOfAnotherClient = InvalidGrant "the code was issued to another client",
    /// RFC 6749, section 4.1.2.
    CodeExpired = InvalidGrant "the code has expired",
    /// RFC 6749, section 4.1.2: and what it bought is revoked.
    CodeSpent = InvalidGrant "the code was used before; the tokens that it bought are revoked",
    /// The session ended before.
    SessionEnded = InvalidGrant "the session in which this was granted has ended",
    /// The user is not there any more.
    UserGone = InvalidGrant "the user who granted this is unknown now",
    /// RFC 8628, section 3.5.
    DevicePending = AuthorizationPending "the user has not decided yet",
    /// RFC 8628, section 3.5.
    DevicePollTooEarly = SlowDown "this came before the pause was over, which is five seconds longer from now on",
    /// RFC 8628, section 3.5.
    DeviceDenied = AccessDenied "the user declined",
    /// RFC 8628, section 3.5.
    DeviceCodeExpired = ExpiredToken "the device code has expired; begin anew",
    /// Nobody issued it, or not here.
    DeviceCodeUnknown = InvalidGrant "the device code is unknown",
    /// RFC 8628, section 3.4: it is the client's that asked for it.
    DeviceCodeOfAnotherClient = InvalidGrant "the device code was issued to another client",
    /// It has bought its tokens.
    DeviceCodeSpent = InvalidGrant "the device code was used before",
    /// Nobody issued it, or not here.
    RefreshTokenUnknown = InvalidGrant "the refresh token is unknown",
    /// RFC 6749, section 6.
    RefreshTokenOfAnotherClient = InvalidGrant "the refresh token was issued to another client",
    /// RFC 9700, section 4.14.2: and all that was granted with it is revoked.
    RefreshTokenSpent = InvalidGrant "the refresh token was used before; all tokens of this grant are revoked",
    /// RFC 6749, section 5.2.
    RefreshTokenRevoked = InvalidGrant "the refresh token is revoked",
    /// RFC 6749, section 5.2.
    RefreshTokenExpired = InvalidGrant "the refresh token has expired",
    /// The policy, the right or one of the two people is gone.
    ImpersonationOver = InvalidGrant "nobody may act for this user in this way any more",
    /// The grant by which the family came.
    OriginNotAllowed = InvalidGrant "the client is not registered any more for the grant by which this began",
    /// RFC 7523, sections 3 and 3.1.
    GrantAssertion(&'static str) = InvalidGrant "the assertion {0}",
    /// RFC 6749, section 3.3: nothing here has a default.
    ScopeMissing = InvalidRequest "the parameter scope is missing, and no token here has one",
    /// The instance does not have this flag.
    TokenExchangeOff = InvalidRequest "token exchange is switched off",
    /// RFC 8693, section 3.
    TokenTypeUnknown(&'static str) = InvalidRequest "the {0} is unknown here",
    /// RFC 8693, section 2.1.
    TokenTypeNotTaken(&'static str) = InvalidRequest "the {0} is none that is issued by an exchange",
    /// RFC 8693, section 2.1.
    ActorTypeAlone = InvalidRequest "there is an actor_token_type without an actor_token",
    /// RFC 8693, section 2.2.2.
    SubjectToken(&'static str) = InvalidRequest "the subject_token {0}",
    /// RFC 8693, section 2.2.2.
    ActorToken(&'static str) = InvalidRequest "the actor_token {0}",
    /// Only the client says who is meant.
    ActorMissing = InvalidRequest "such a subject needs an actor_token",
    /// RFC 8693, section 4.4.
    ActorNotNamed = InvalidRequest "the may_act of the subject_token does not name this actor",
    /// One for the other for the other.
    TooManyActors = InvalidRequest "too many act here one for the other",
    /// The policy of the instance.
    ImpersonationOff = InvalidRequest "impersonation is switched off",
    /// Roles and organizations.
    ImpersonationNotPermitted = InvalidRequest "the actor may not act for this user",
    /// RFC 8693, section 2.2.2.
    ResourceUnknown = InvalidTarget "a resource is no absolute URI without a fragment, or none that the client is configured for",
    /// RFC 8693, section 2.2.2.
    AudienceBeyond = InvalidTarget "a target is asked for where none of the tokens is good",
    /// RFC 8693, section 2.2.2.
    ScopeBeyondTokens = InvalidScope "a scope is asked for that none of the tokens has, or that the client may not have",
    /// Core, section 3.1.2.1.
    IdTokenWithoutOpenid = InvalidScope "an ID token needs the scope openid",
    /// RFC 7009, section 2.1.
    TokenOfAnotherClient = InvalidGrant "the token was issued to another client",
    /// RFC 6749, section 4.1.3.
    RedirectUriDiffers = InvalidGrant "the redirect_uri is not that of the authorization request",
    /// RFC 7636, section 4.6.
    VerifierMissing = InvalidGrant "the code_verifier is missing",
    /// RFC 7636, section 4.6; the code is void then, so that nobody guesses on.
    VerifierWrong = InvalidGrant "the code_verifier does not fit the challenge; the code is void",
    /// RFC 9700, section 2.1.1.
    VerifierWithoutChallenge = InvalidGrant "there is a code_verifier although there was no code_challenge",
    /// RFC 6750, section 2.
    TwoTokens = InvalidRequest "the access token comes in more than one way",
    /// RFC 6750, section 3.1.
    TokenInvalid = InvalidToken "the access token is unknown, expired or revoked, or its session has ended",
    /// RFC 6750, section 3.1.
    ScopeTooSmall = InsufficientScope "the access token lacks the scope openid",
    /// RP-Initiated Logout 1.0, section 3.
    PostLogoutUriUnknown = InvalidRequest "the post_logout_redirect_uri is not one that the client has registered",
    /// RP-Initiated Logout 1.0, section 2.
    HintOfAnotherClient = InvalidRequest "the id_token_hint was issued to another client than client_id says",
    /// The page was opened too late, in another browser, or a second time.
    SignInGone = InvalidRequest "this sign-in has expired, is over, or was begun in another browser; go back to the application and try again",
    /// A code was entered too long ago, was decided upon meanwhile, or was entered in another browser.
    DeviceGone = InvalidRequest "this code has expired, was decided upon already, or was entered in another browser",
    /// The form was not shown to this browser.
    FormForged = InvalidRequest "this form was not shown in this browser; cookies have to be allowed",
    /// A form without a choice that we know.
    ChoiceUnknown = InvalidRequest "the form has no such choice",
    /// RFC 7591, section 3.1.
    NotJson = InvalidRequest "the body has to be a JSON object, and the Content-Type application/json",
    /// RFC 7591, section 3.2.2.
    RegisteredRedirectUri(String) = InvalidRedirectUri "{0}",
    /// RFC 7591, section 3.2.2.
    RegisteredMetadata(String) = InvalidClientMetadata "{0}",
    /// RFC 7591, section 3; RFC 7592, section 2.
    RegistrationTokenMissing = InvalidToken "a bearer token is needed here",
    /// RFC 7591, section 3; RFC 7592, section 2.
    RegistrationTokenWrong = InvalidToken "the bearer token is unknown, or its client is not registered here",
    /// The store or a key failed. What exactly is nobody's business outside.
    Internal(String) = ServerError "something failed at the provider",
}

impl Refusal {
    /// The sentence for `error_description`, in the characters that RFC 6749, section 5.2 allows.
    pub fn description(&self) -> String {
        self.to_string().chars().filter(|char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\')).collect()
    }
}

impl From<crate::log::Failure> for Refusal {
    fn from(failure: crate::log::Failure) -> Self {
        Self::Internal(failure.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_as_it_is_written() {
        let mut seen = std::collections::BTreeSet::new();
        for code in ErrorCode::ALL {
            assert!(seen.insert(code.text()), "{} twice", code.text());
            assert!(code.text().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!((400..=500).contains(&code.status()));
        }
    }

    #[test]
    fn a_description_keeps_to_its_alphabet() {
        assert_eq!(Refusal::Repeated("a\"\\\u{fc}b".into()).description(), "the parameter ab comes more than once");
    }

    #[test]
    fn the_inside_of_a_failure_stays_inside() {
        assert!(!Refusal::Internal("disk on fire".into()).to_string().contains("fire"));
    }
}
