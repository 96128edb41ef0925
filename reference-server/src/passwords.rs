//! Passwords: argon2id at the configured cost, off the threads that serve when it costs something.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;

use crate::config::{PasswordCost, User};
use crate::log::Failure;
use crate::names::{Password, UserId};

/// From here on a hash is not computed between two requests on the same thread.
const CHEAP_KIB: u32 = 256;

type Hash = [u8; 32];

/// Checks passwords. The users of a configuration have theirs in plain text; each is hashed when it is first needed, so that a check
/// costs what it would cost with a stored hash.
pub struct Passwords {
    argon2: Argon2<'static>,
    cheap: bool,
    known: Mutex<BTreeMap<UserId, Hash>>,
}

impl Passwords {
    /// Hashes at this cost.
    ///
    /// # Errors
    /// These are no costs of argon2.
    pub fn new(cost: &PasswordCost) -> Result<Arc<Self>, Failure> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|error| Failure(error.to_string()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Ok(Arc::new(Self { argon2, cheap: cost.memory_kib <= CHEAP_KIB, known: Mutex::default() }))
    }

    /// Whether this is the user's password. For nobody it takes as long as for somebody, and is no.
    ///
    /// # Errors
    /// There was no memory for the hash.
    pub async fn fits(self: &Arc<Self>, user: Option<&User>, password: Password) -> Result<bool, Failure> {
        let user = user.map(|user| (user.id.clone(), user.password.clone()));
        if self.cheap {
            return self.check(user, &password);
        }
        let passwords = self.clone();
        tokio::task::spawn_blocking(move || passwords.check(user, &password)).await.map_err(|error| Failure(error.to_string()))?
    }

    fn check(&self, user: Option<(UserId, Password)>, password: &Password) -> Result<bool, Failure> {
        let nobody = UserId::new("");
        let offered = self.hash(user.as_ref().map_or(&nobody, |(id, _)| id), password)?;
        let Some((id, right)) = user else { return Ok(false) };
        let known = self.lock().get(&id).copied();
        let right = match known {
            Some(hash) => hash,
            None => {
                let hash = self.hash(&id, &right)?;
                self.lock().insert(id, hash);
                hash
            }
        };
        Ok(verify_slices_are_equal(&offered, &right).is_ok())
    }

    /// The salt is the user's name, hashed: what is hashed here is never stored, it only has to differ from user to user.
    fn hash(&self, id: &UserId, password: &Password) -> Result<Hash, Failure> {
        let mut hash = Hash::default();
        let salt = digest::digest(&digest::SHA256, id.as_str().as_bytes());
        self.argon2
            .hash_password_into(password.reveal().as_bytes(), &salt.as_ref()[..16], &mut hash)
            .map_err(|error| Failure(error.to_string()))?;
        Ok(hash)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<UserId, Hash>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
