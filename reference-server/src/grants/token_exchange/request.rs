//! What an exchange asks: the parameters of RFC 8693, section 2.1, and the types of section 3.

use crate::params::Params;
use crate::refusal::Refusal;

/// A kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token of this provider.
    AccessToken,
    /// A refresh token of this provider; known, and never taken.
    RefreshToken,
    /// An ID token of this provider.
    IdToken,
    /// As subject a JWT that the client has signed, as the type asked for an access token that is a JWT.
    Jwt,
    /// The name of a user: no token at all.
    UserId,
}

impl TokenType {
    const ALL: [Self; 5] = [Self::AccessToken, Self::RefreshToken, Self::IdToken, Self::Jwt, Self::UserId];

    /// As it is written on the wire.
    pub fn uri(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::RefreshToken => "urn:ietf:params:oauth:token-type:refresh_token",
            Self::IdToken => "urn:ietf:params:oauth:token-type:id_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
            Self::UserId => "urn:zitadel:params:oauth:token-type:user_id",
        }
    }

    fn read(name: &'static str, uri: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|known| known.uri() == uri).ok_or(Refusal::TokenTypeUnknown(name))
    }

    /// Whether it is only the client's word that this user is meant: then somebody has to stand up for it.
    pub fn needs_actor(self) -> bool {
        matches!(self, Self::Jwt | Self::UserId)
    }
}

/// An exchange that is asked for.
pub struct Exchange {
    /// `subject_token`.
    pub subject: String,
    /// What it is said to be.
    pub subject_type: TokenType,
    /// `actor_token`, and what it is said to be.
    pub actor: Option<(String, TokenType)>,
    /// What is wanted.
    pub requested: TokenType,
}

impl Exchange {
    /// Reads the tokens and their types.
    ///
    /// # Errors
    /// One is missing, or of a type that is not known or not taken there.
    pub fn read(params: &Params) -> Result<Self, Refusal> {
        let subject = params.need("subject_token", |text| text)?;
        let subject_type = params.need("subject_token_type", |text| TokenType::read("subject_token_type", &text))??;
        let requested = match params.get("requested_token_type")? {
            Some(uri) => TokenType::read("requested_token_type", uri)?,
            None => TokenType::AccessToken,
        };
        if matches!(requested, TokenType::RefreshToken | TokenType::UserId) {
            return Err(Refusal::TokenTypeNotTaken("requested_token_type"));
        }
        // Section 2.1: the two come together.
        let actor = match (params.get("actor_token")?, params.get("actor_token_type")?) {
            (Some(token), Some(uri)) => Some((token.to_owned(), TokenType::read("actor_token_type", uri)?)),
            (Some(_), None) => return Err(Refusal::Missing("actor_token_type")),
            (None, Some(_)) => return Err(Refusal::ActorTypeAlone),
            (None, None) => None,
        };
        Ok(Self { subject, subject_type, actor, requested })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &str) -> Result<Exchange, Refusal> {
        Params::parse(form.as_bytes()).and_then(|params| Exchange::read(&params))
    }

    #[test]
    fn a_token_and_its_type_come_together() {
        let subject = "subject_token=t&subject_token_type=urn:ietf:params:oauth:token-type:access_token";
        let plain = read(subject).expect("an exchange");
        assert_eq!((plain.subject_type, plain.requested, plain.actor), (TokenType::AccessToken, TokenType::AccessToken, None));
        let wrong = |more: &str| read(&format!("{subject}&{more}")).err();
        assert_eq!(wrong("actor_token=t"), Some(Refusal::Missing("actor_token_type")));
        assert_eq!(wrong("actor_token_type=urn:ietf:params:oauth:token-type:id_token"), Some(Refusal::ActorTypeAlone));
        assert_eq!(wrong("requested_token_type=id_token"), Some(Refusal::TokenTypeUnknown("requested_token_type")));
        assert_eq!(
            wrong("requested_token_type=urn:zitadel:params:oauth:token-type:user_id"),
            Some(Refusal::TokenTypeNotTaken("requested_token_type"))
        );
        assert_eq!(read("subject_token=t").err(), Some(Refusal::Missing("subject_token_type")));
    }
}
