//! Scopes: what a client may ask for, and which claims that opens (Core, section 5.4).

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// The scopes that mean something here.
pub const KNOWN: [&str; 5] = ["openid", "profile", "email", "address", "phone"];

/// Scopes that were granted, in the order of [`KNOWN`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// What of the scopes asked for is known. Unknown ones are ignored (Core, section 3.1.2.1), and the answer says what was granted.
    ///
    /// # Errors
    /// Nothing of it is known, or nothing was asked for: RFC 6749, section 3.3.
    pub fn grant(asked: Option<&str>) -> Result<Self, Refusal> {
        let asked: Vec<&str> = asked.unwrap_or_default().split(' ').collect();
        let granted: Vec<&str> = KNOWN.into_iter().filter(|known| asked.contains(known)).collect();
        if granted.is_empty() { Err(Refusal::ScopeUnknown) } else { Ok(Self(granted.join(" "))) }
    }

    /// These and others, of those that are known.
    pub fn and(&self, others: impl Iterator<Item = &'static str>) -> Self {
        let others: Vec<&str> = others.collect();
        let known: Vec<&str> = KNOWN.into_iter().filter(|known| self.has(known) || others.contains(known)).collect();
        Self(known.join(" "))
    }

    /// Whether this scope is among them.
    pub fn has(&self, scope: &str) -> bool {
        self.words().any(|known| known == scope)
    }

    /// One by one.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// As it is written on the wire.
    #[cfg(test)]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_ignored_and_never_granted() {
        assert_eq!(Scope::grant(Some("email x openid")).map(|scope| scope.as_str().to_owned()), Ok("openid email".into()));
        assert_eq!(Scope::grant(Some("OPENID")), Err(Refusal::ScopeUnknown));
        assert_eq!(Scope::grant(None), Err(Refusal::ScopeUnknown));
    }
}
