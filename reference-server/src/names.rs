//! A type for each kind of value, so that none is passed for another and no secret is printed.

/// Makes newtypes for values that anybody may see.
macro_rules! name {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        #[allow(dead_code, reason = "each kind of value has the same methods, needed or not")]
        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

/// Makes newtypes for values that open something: they do not print, and compare in constant time.
macro_rules! secret {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        #[allow(dead_code, reason = "each kind of value has the same methods, needed or not")]
        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The secret itself. A search for this word finds every place where one leaves its type.
            pub fn reveal(&self) -> &str {
                &self.0
            }

            /// Whether both are the same, in a time that does not tell where they differ.
            pub fn matches(&self, other: &Self) -> bool {
                aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), other.0.as_bytes()).is_ok()
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    )+};
}

name! {
    /// The identifier of a client, as registered (RFC 6749, section 2.2).
    ClientId;
    /// The `sub` of a user.
    UserId;
    /// The `sid` of a session at the provider.
    SessionId;
    /// An authorization request that waits for its user.
    SignInId;
    /// A browser: the hash of its cookie and of the issuer that it talks to.
    BrowserId;
    /// A device that asks (RFC 8628): the hash of its device code.
    DeviceId;
    /// A user who has entered a code and is to decide.
    VerificationId;
    /// What one code bought: the tokens of one client for one user.
    OidcSessionId;
    /// An access token that a client has for itself.
    ClientTokenId;
    /// The name of a signing key.
    KeyId;
    /// The issuer identifier, text as written: it is only ever compared as such.
    Issuer;
    /// A redirect URI, text as written: RFC 9700, section 2.1 compares exactly.
    RedirectUri;
    /// The `code_challenge` of RFC 7636.
    Challenge;
}

secret! {
    /// An authorization code.
    Code;
    /// The `device_code` of RFC 8628.
    DeviceCode;
    /// An access token, opaque or a JWT.
    AccessToken;
    /// A refresh token.
    RefreshToken;
    /// The `code_verifier` of RFC 7636.
    Verifier;
    /// What a client authenticates with.
    ClientSecret;
    /// What lets somebody register a client (RFC 7591, section 1.2).
    InitialAccessToken;
    /// What lets a client read, change and remove its registration (RFC 7591, section 1.2).
    RegistrationToken;
    /// What a user authenticates with.
    Password;
    /// The value of the cookie by which a browser is known again.
    BrowserCookie;
    /// Ties a form to the browser that it was shown in.
    FormToken;
    /// What pairwise subjects are made with.
    PairwiseSalt;
    /// The static bearer token of the management API.
    ManagementToken;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Password::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Password(redacted)");
        assert!(secret.matches(&Password::new("hunter2")));
        assert!(!secret.matches(&Password::new("hunter")));
    }
}
