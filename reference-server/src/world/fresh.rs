//! Fresh names: what others have to be unable to guess, derived and not counted.

use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::log::Aggregate;
use crate::names::{BrowserCookie, BrowserId, FormToken, Issuer};

type Draw = dyn Fn(&[&str]) -> [u8; 32] + Send + Sync;

/// Where chance comes from: 256 bits for the parts of a name, the same ones for the same parts. A seed that nobody else knows is enough.
#[derive(Clone)]
pub struct Chance(Arc<Draw>);

impl Chance {
    /// A chance that draws as a test wants it, twice the same where it has to be shown what comes of that.
    pub fn new(draw: impl Fn(&[&str]) -> [u8; 32] + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// What these parts draw: kind and name of an aggregate, its version, the purpose, and whatever else tells names apart.
    pub fn draw(&self, parts: &[&str]) -> [u8; 32] {
        (self.0)(parts)
    }
}

impl From<[u8; 32]> for Chance {
    /// HMAC-SHA256 with the seed for a key.
    fn from(seed: [u8; 32]) -> Self {
        let seed = hmac::Key::new(hmac::HMAC_SHA256, &seed);
        Self::new(move |parts| {
            let mut context = hmac::Context::with_key(&seed);
            for part in parts {
                // With its length before it no part can pass for two.
                context.update(&(part.len() as u64).to_be_bytes());
                context.update(part.as_bytes());
            }
            let mut drawn = [0; 32];
            drawn.copy_from_slice(context.sign().as_ref());
            drawn
        })
    }
}

/// Makes names of chance, the aggregate, its version and the purpose.
///
/// A name is not a counter's: of two writers who race for the same version the one who wins has the same name, whichever it is.
pub struct Fresh {
    chance: Chance,
}

impl Fresh {
    /// Names of this chance.
    pub fn new(chance: impl Into<Chance>) -> Self {
        Self { chance: chance.into() }
    }

    /// 256 bits, base64url: 43 characters.
    pub fn secret(&self, aggregate: &Aggregate, version: u64, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.chance.draw(&[aggregate.kind(), aggregate.id(), &version.to_string(), purpose]))
    }

    /// 128 bits, base64url: 22 characters.
    pub fn id(&self, aggregate: &Aggregate, version: u64, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(&self.chance.draw(&[aggregate.kind(), aggregate.id(), &version.to_string(), purpose])[..16])
    }

    /// So many letters of an alphabet of at most 256, each as likely as any other.
    pub fn letters(&self, aggregate: &Aggregate, version: u64, purpose: &str, alphabet: &[u8], amount: usize) -> String {
        // A byte beyond the last whole alphabet would favour the first letters.
        let fair = 256 - 256 % alphabet.len().max(1);
        let version = version.to_string();
        let bytes = (0_u64..).flat_map(|nth| self.chance.draw(&[aggregate.kind(), aggregate.id(), &version, purpose, &nth.to_string()]));
        let letters = bytes.map(usize::from).filter(|byte| *byte < fair).filter_map(|byte| alphabet.get(byte % alphabet.len().max(1)));
        letters.take(amount).map(|letter| char::from(*letter)).collect()
    }

    /// What the forms of this browser carry, so that no other site can send them.
    pub fn form_token(&self, browser: &BrowserId) -> FormToken {
        FormToken::new(URL_SAFE_NO_PAD.encode(self.chance.draw(&["form", browser.as_str()])))
    }
}

/// What a secret is filed under: its SHA-256, base64url. The log never holds a secret itself.
pub fn fingerprint(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, secret.as_bytes()))
}

/// A browser as the log knows it. The issuer is part of it, so that two issuers on one host do not share their sessions.
pub fn browser_id(issuer: &Issuer, cookie: &BrowserCookie) -> BrowserId {
    BrowserId::new(fingerprint(&format!("{issuer} {}", cookie.reveal())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_of_their_alphabet_and_none_is_favoured() {
        let fresh = Fresh::new([1; 32]);
        let text = fresh.letters(&Aggregate::new("a", "b"), 1, "letters", b"ABC", 3000);
        assert_eq!(text.len(), 3000);
        for letter in ["A", "B", "C"] {
            assert!((900..1100).contains(&text.matches(letter).count()), "{letter}");
        }
        assert_ne!(text[..64], fresh.letters(&Aggregate::new("a", "b"), 2, "letters", b"ABC", 64));
    }

    #[test]
    fn a_name_depends_on_seed_aggregate_version_and_purpose_alone() {
        let fresh = Fresh::new([1; 32]);
        let aggregate = Aggregate::new("code", "x");
        let name = fresh.secret(&aggregate, 1, "token");
        assert_eq!(name, Fresh::new([1; 32]).secret(&aggregate, 1, "token"));
        assert_eq!(name.len(), 43);
        assert_eq!(fresh.id(&aggregate, 1, "token").len(), 22);
        for other in [
            Fresh::new([2; 32]).secret(&aggregate, 1, "token"),
            fresh.secret(&aggregate, 2, "token"),
            fresh.secret(&aggregate, 1, "tokens"),
            fresh.secret(&Aggregate::new("code", "y"), 1, "token"),
            fresh.secret(&Aggregate::new("cod", "ex"), 1, "token"),
        ] {
            assert_ne!(name, other);
        }
    }
}
