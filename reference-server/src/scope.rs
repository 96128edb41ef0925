//! Scopes: what a client may ask for, and which claims that opens (Core, section 5.4).

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// The scope that lets a client go on while the user is away (Core, section 11).
pub const OFFLINE_ACCESS: &str = "offline_access";

/// The scopes that mean something here.
pub const KNOWN: [&str; 6] = ["openid", "profile", "email", "address", "phone", OFFLINE_ACCESS];

/// Scopes that were granted: a user's in the order of [`KNOWN`], a client's own in the order of its registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(String);

impl Scope {
    /// What of the scopes asked for is known. Unknown ones are ignored (Core, section 3.1.2.1), and so is `offline_access` where
    /// nothing permits it (Core, section 11); the answer says what was granted.
    ///
    /// # Errors
    /// Nothing of it is left, or nothing was asked for: RFC 6749, section 3.3.
    pub fn grant(asked: Option<&str>, offline: bool) -> Result<Self, Refusal> {
        let asked: Vec<&str> = words_of(asked.unwrap_or_default()).collect();
        let permitted = KNOWN.into_iter().filter(|known| offline || *known != OFFLINE_ACCESS);
        let granted: Vec<&str> = permitted.filter(|known| asked.contains(known)).collect();
        if granted.is_empty() { Err(Refusal::ScopeUnknown) } else { Ok(Self(granted.join(" "))) }
    }

    /// None at all: a device may ask for that (RFC 8628, section 3.1).
    pub fn none() -> Self {
        Self(String::new())
    }

    /// What a client may have of a user who is not there to be asked: it says exactly which claims it wants, and nothing outlives the
    /// token.
    ///
    /// # Errors
    /// Something else is asked for, or nothing.
    pub fn of_user(asked: &str) -> Result<Self, Refusal> {
        Self::allowed(asked, |word| word != OFFLINE_ACCESS).ok_or(Refusal::ScopeUnknown)
    }

    /// Exactly the scopes asked for, if all are known and allowed and there is one.
    pub fn allowed(asked: &str, allowed: impl Fn(&str) -> bool) -> Option<Self> {
        let asked: Vec<&str> = words_of(asked).collect();
        if asked.is_empty() || asked.iter().any(|word| !KNOWN.contains(word) || !allowed(word)) {
            return None;
        }
        let known: Vec<&str> = KNOWN.into_iter().filter(|known| asked.contains(known)).collect();
        Some(Self(known.join(" ")))
    }

    /// The scope that brings an ID token, alone.
    pub fn openid() -> Self {
        Self("openid".to_owned())
    }

    /// These but for one.
    pub fn without(&self, scope: &str) -> Self {
        Self(self.words().filter(|known| *known != scope).collect::<Vec<_>>().join(" "))
    }

    /// These and others, of those that are known.
    pub fn and(&self, others: impl Iterator<Item = &'static str>) -> Self {
        let others: Vec<&str> = others.collect();
        let known: Vec<&str> = KNOWN.into_iter().filter(|known| self.has(known) || others.contains(known)).collect();
        Self(known.join(" "))
    }

    /// What of these scopes is asked for now; without a word all of them (RFC 6749, section 6).
    ///
    /// # Errors
    /// More is asked for than there is.
    pub fn narrowed(&self, asked: Option<&str>) -> Result<Self, Refusal> {
        self.part(asked).ok_or(Refusal::ScopeBeyondGrant)
    }

    /// What a client may have for itself, of what it is registered for; without a word all of it (RFC 6749, section 3.3).
    ///
    /// # Errors
    /// It asks for what it is not registered for.
    pub fn of_client(registered: &[String], asked: Option<&str>) -> Result<Self, Refusal> {
        Self(registered.join(" ")).part(asked).ok_or(Refusal::ScopeNotRegistered)
    }

    fn part(&self, asked: Option<&str>) -> Option<Self> {
        let Some(asked) = asked else { return Some(self.clone()) };
        let asked: Vec<&str> = words_of(asked).collect();
        if asked.is_empty() || asked.iter().any(|word| !self.has(word)) {
            return None;
        }
        let part: Vec<&str> = self.words().filter(|known| asked.contains(known)).collect();
        Some(Self(part.join(" ")))
    }

    /// Whether this scope is among them.
    pub fn has(&self, scope: &str) -> bool {
        self.words().any(|known| known == scope)
    }

    /// One by one.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        words_of(&self.0)
    }

    /// As it is written on the wire; nothing if there is none.
    pub fn said(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(asked: Option<&str>) -> Result<String, Refusal> {
        Scope::grant(asked, true).map(|scope| scope.said().unwrap_or_default().to_owned())
    }

    #[test]
    fn what_is_unknown_is_ignored_and_never_granted() {
        assert_eq!(granted(Some("email x  openid")), Ok("openid email".into()));
        assert_eq!(granted(Some("OPENID")), Err(Refusal::ScopeUnknown));
        assert_eq!(granted(None), Err(Refusal::ScopeUnknown));
    }

    #[test]
    fn offline_access_is_ignored_where_nothing_permits_it() {
        assert_eq!(granted(Some("offline_access openid")), Ok("openid offline_access".into()));
        assert_eq!(Scope::grant(Some("offline_access openid"), false), Scope::grant(Some("openid"), true));
        assert_eq!(Scope::grant(Some("offline_access"), false), Err(Refusal::ScopeUnknown));
    }

    #[test]
    fn a_part_is_never_more_than_the_whole() {
        let whole = Scope::grant(Some("openid email"), false).expect("known");
        assert_eq!(whole.narrowed(None), Ok(whole.clone()));
        assert_eq!(whole.narrowed(Some("email")).map(|part| part.0), Ok("email".into()));
        for more in ["profile", "openid profile", "openid unheard-of", "OPENID", " "] {
            assert_eq!(whole.narrowed(Some(more)), Err(Refusal::ScopeBeyondGrant), "{more}");
        }
    }

    #[test]
    fn a_client_has_for_itself_what_it_is_registered_for() {
        let registered = ["orders.read".to_owned(), "orders.write".to_owned()];
        assert_eq!(Scope::of_client(&registered, None).map(|all| all.0), Ok("orders.read orders.write".into()));
        assert_eq!(Scope::of_client(&registered, Some("orders.write")).map(|part| part.0), Ok("orders.write".into()));
        assert_eq!(Scope::of_client(&registered, Some("openid")), Err(Refusal::ScopeNotRegistered));
        assert_eq!(Scope::of_client(&[], None).map(|none| none.said().is_none()), Ok(true));
        assert_eq!(Scope::of_client(&[], Some("openid")), Err(Refusal::ScopeNotRegistered));
    }
}
