//! Signing keys: parsed once, current by the log, published for a while after they were replaced.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::error::KeyRejected;
use serde_json::{Value, json};

use crate::config::{Algorithm, KeyEntry, KeyUse};
use crate::jose::Handle;
use crate::log::{Aggregate, Batch, Failure, Log, NotWritten, Payload as _, events};
use crate::names::KeyId;
use crate::world::fresh::fingerprint;

events! {
    /// From now on this key signs; the one before it of the same algorithm is retired.
    "key.activated" KeyActivated {
        /// The key.
        kid: KeyId,
        /// Its algorithm.
        alg: String,
    }
}

/// A key of ours.
pub struct SigningKey {
    /// Its name.
    pub kid: KeyId,
    /// Its one algorithm.
    pub alg: Algorithm,
    /// Whether it signed from the start.
    key_use: KeyUse,
    /// As it is published: RFC 7517.
    pub jwk: Value,
    /// By which tokens are signed and verified.
    pub handle: Handle,
}

/// The bytes are no private key of that algorithm.
#[derive(Debug, thiserror::Error)]
#[error("`private` of key `{kid}` is not a PKCS#8 key for {alg}: {why}")]
pub struct NotAKey {
    kid: KeyId,
    alg: &'static str,
    why: KeyRejected,
}

impl SigningKey {
    /// Reads a key.
    ///
    /// # Errors
    /// The bytes are no private key of that algorithm.
    pub fn parse(entry: &KeyEntry) -> Result<Self, NotAKey> {
        let wrong = |why| NotAKey { kid: entry.kid.clone(), alg: entry.alg.text(), why };
        let (handle, jwk) = Handle::parse(entry.alg, &entry.private).map_err(wrong)?;
        Ok(Self::named(entry.kid.clone(), entry.alg, entry.key_use, handle, jwk))
    }

    /// A key that was made here, named by its thumbprint (RFC 7638).
    ///
    /// # Errors
    /// The bytes are no private key of that algorithm.
    pub fn made(alg: Algorithm, key_use: KeyUse, private: &[u8]) -> Result<Self, KeyRejected> {
        let (handle, jwk) = Handle::parse(alg, private)?;
        let members: BTreeMap<&String, &Value> = jwk.as_object().into_iter().flatten().collect();
        let kid = KeyId::new(fingerprint(&json!(members).to_string()));
        Ok(Self::named(kid, alg, key_use, handle, jwk))
    }

    fn named(kid: KeyId, alg: Algorithm, key_use: KeyUse, handle: Handle, mut jwk: Value) -> Self {
        jwk["kid"] = json!(kid);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(alg.text());
        Self { kid, alg, key_use, jwk, handle }
    }

    /// Whether it signs from the start.
    pub fn signs(&self) -> bool {
        self.key_use == KeyUse::Current
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({}, {})", self.kid, self.alg.text())
    }
}

/// Makes a key of an algorithm, where the provider may make keys of its own: one call, one key that waits for its turn.
pub type KeyMaker = Box<dyn Fn(Algorithm) -> Pin<Box<dyn Future<Output = Result<SigningKey, Failure>> + Send>> + Send + Sync>;

/// All keys that the provider has or had.
pub struct Keyring {
    keys: RwLock<Vec<Arc<SigningKey>>>,
}

/// Which keys sign, and since when the others do not.
#[derive(Default)]
pub struct Standing {
    version: u64,
    current: BTreeMap<Algorithm, KeyId>,
    retired: BTreeMap<KeyId, i64>,
}

impl Standing {
    fn signs(&self, key: &SigningKey) -> bool {
        self.current.get(&key.alg) == Some(&key.kid)
    }

    fn never_signed(&self, key: &SigningKey) -> bool {
        !self.signs(key) && !self.retired.contains_key(&key.kid)
    }
}

fn aggregate() -> Aggregate {
    Aggregate::new("key", "signing")
}

impl Keyring {
    /// A ring of these keys, in this order.
    pub fn new(keys: Vec<SigningKey>) -> Self {
        Self { keys: RwLock::new(keys.into_iter().map(Arc::new).collect()) }
    }

    /// Puts another key on the ring. It signs once it is activated.
    pub fn add(&self, key: SigningKey) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(key));
    }

    /// Every key, retired and future ones too, in order.
    pub fn all(&self) -> Vec<Arc<SigningKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key that signs with this algorithm now.
    ///
    /// # Errors
    /// The store failed, or there is none.
    pub async fn current(&self, log: &Log, alg: Algorithm) -> Result<Arc<SigningKey>, Failure> {
        let standing = self.standing(log).await?;
        let kid = standing.current.get(&alg);
        self.all().into_iter().find(|key| Some(&key.kid) == kid).ok_or_else(|| Failure(format!("there is no key for {} yet", alg.text())))
    }

    /// The algorithms that can be had.
    ///
    /// # Errors
    /// The store failed.
    pub async fn algorithms(&self, log: &Log) -> Result<Vec<Algorithm>, Failure> {
        Ok(self.standing(log).await?.current.into_keys().collect())
    }

    /// The keys to publish: those that sign, and those that were replaced less than `retention_ms` ago.
    ///
    /// # Errors
    /// The store failed.
    pub async fn published(&self, log: &Log, now_ms: i64, retention_ms: i64) -> Result<Vec<Arc<SigningKey>>, Failure> {
        let standing = self.standing(log).await?;
        let lately = |key: &SigningKey| standing.retired.get(&key.kid).is_some_and(|at_ms| now_ms - at_ms < retention_ms);
        Ok(self.all().into_iter().filter(|key| standing.signs(key) || lately(key)).collect())
    }

    /// The keys that were published once, by which hints may have been signed.
    ///
    /// # Errors
    /// The store failed.
    pub async fn ever_published(&self, log: &Log) -> Result<Vec<Arc<SigningKey>>, Failure> {
        let standing = self.standing(log).await?;
        Ok(self.all().into_iter().filter(|key| !standing.never_signed(key)).collect())
    }

    /// Sees to it that every algorithm in use has a next key.
    ///
    /// # Errors
    /// The store failed, or no key could be made.
    pub async fn prepare(&self, log: &Log, maker: &KeyMaker) -> Result<(), Failure> {
        let standing = self.standing(log).await?;
        for alg in standing.current.keys() {
            if !self.all().iter().any(|key| key.alg == *alg && standing.never_signed(key)) {
                self.add(maker(*alg).await?);
            }
        }
        Ok(())
    }

    /// Makes the next key of every algorithm that has one the current one; returns the new ones.
    ///
    /// # Errors
    /// The store failed.
    pub async fn rotate(&self, log: &Log, now_ms: i64) -> Result<Vec<Arc<SigningKey>>, Failure> {
        loop {
            let standing = self.standing(log).await?;
            let mut next: BTreeMap<Algorithm, Arc<SigningKey>> = BTreeMap::new();
            for key in self.all() {
                if standing.never_signed(&key) {
                    next.entry(key.alg).or_insert(key);
                }
            }
            let mut batch = Batch::new();
            for key in next.values() {
                let activated = KeyActivated { kid: key.kid.clone(), alg: key.alg.text().to_owned() };
                batch = batch.add(&aggregate(), standing.version, &activated)?;
            }
            match log.append(batch, now_ms).await {
                Ok(()) => return Ok(next.into_values().collect()),
                Err(NotWritten::Changed(_) | NotWritten::Taken(_)) => {}
                Err(NotWritten::Failed(failure)) => return Err(failure),
            }
        }
    }

    async fn standing(&self, log: &Log) -> Result<Standing, Failure> {
        let keys = self.all();
        let mut standing = Standing::default();
        for key in keys.iter().filter(|key| key.key_use == KeyUse::Current) {
            standing.current.insert(key.alg, key.kid.clone());
        }
        for event in log.load(&aggregate()).await? {
            standing.version = event.version;
            if event.kind == KeyActivated::TYPE {
                let activated: KeyActivated = event.read()?;
                let Some(key) = keys.iter().find(|key| key.kid == activated.kid) else { continue };
                if let Some(before) = standing.current.insert(key.alg, activated.kid) {
                    standing.retired.insert(before, event.at_ms);
                }
            }
        }
        Ok(standing)
    }
}
