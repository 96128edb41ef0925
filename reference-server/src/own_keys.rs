//! Signing keys that the provider makes for itself, and where it keeps them: in memory, or in a file of their own beside the data file.
//!
//! The log has no private keys, so that whoever may read the data cannot sign. What the log knows is which key signs, by its name; so a
//! key is in the file before its name is in the log.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::{Algorithm, ConfigError, KeyUse, parse_keys};
use crate::keys::{KeyMaker, SigningKey};
use crate::log::Failure;
use crate::provider::Provider;

/// What the file begins with.
const HEAD: &str =
    "# The private keys of `touchstone serve --data`, in the words of its configuration. Whoever reads this file can sign.\n";

/// Why the keys that were kept cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Somebody but its owner may read it.
    #[error(
        "{0}: others may read this file, and whoever reads it can sign; let its owner alone read it (chmod 600), or remove it: then new keys are made"
    )]
    Exposed(PathBuf),
    /// A slip in it.
    #[error(transparent)]
    Slip(#[from] ConfigError),
    /// The system says no.
    #[error("{file}: {error}")]
    System {
        /// The file.
        file: PathBuf,
        /// What it says.
        error: io::Error,
    },
    /// No key could be made.
    #[error(transparent)]
    Chance(#[from] Failure),
}

/// Makes keys, and keeps them.
pub struct OwnKeys {
    /// Where, and what is there. Without a place they are gone with the process.
    kept: Option<(PathBuf, Mutex<String>)>,
}

impl OwnKeys {
    /// Keys that live as long as the process.
    pub fn in_memory() -> Self {
        Self { kept: None }
    }

    /// Keys in a file, and those that are in it.
    ///
    /// # Errors
    /// It cannot be read, others may read it, or it has a slip.
    pub fn kept_in(file: PathBuf) -> Result<(Self, Vec<SigningKey>), KeysError> {
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => HEAD.to_owned(),
            Err(error) => return Err(KeysError::System { file, error }),
        };
        if is_exposed(&file) {
            return Err(KeysError::Exposed(file));
        }
        let keys = parse_keys(&file.display().to_string(), &text)?;
        Ok((Self { kept: Some((file, Mutex::new(text))) }, keys))
    }

    /// Makes a key and keeps it. For RSA this takes a tenth of a second, more or less.
    ///
    /// # Errors
    /// The system gave no randomness, or the file could not be written.
    pub fn make(&self, alg: Algorithm, key_use: KeyUse) -> Result<SigningKey, Failure> {
        let private = private(alg)?;
        let key = SigningKey::made(alg, key_use, &private).map_err(|error| Failure(error.to_string()))?;
        if let Some((file, text)) = &self.kept {
            let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
            let word = match key_use {
                KeyUse::Current => "current",
                KeyUse::Next => "next",
            };
            let (kid, alg, private) = (&key.kid, alg.text(), STANDARD.encode(&private));
            let more =
                format!("{text}\n[[keys]]\nkid     = \"{kid}\"\nalg     = \"{alg}\"\nuse     = \"{word}\"\nprivate = \"{private}\"\n");
            write(file, &more).map_err(|error| Failure(format!("{}: {error}", file.display())))?;
            *text = more;
        }
        Ok(key)
    }

    /// The keys that are quickly made, and that are not there yet.
    ///
    /// # Errors
    /// As of [`OwnKeys::make`].
    pub fn at_once(&self, there: &mut Vec<SigningKey>) -> Result<(), Failure> {
        for alg in [Algorithm::ES256, Algorithm::EdDSA] {
            if !there.iter().any(|key| key.alg == alg && key.signs()) {
                there.push(self.make(alg, KeyUse::Current)?);
            }
        }
        Ok(())
    }

    /// Makes the RSA key off the threads that serve, and publishes it when it is there. Until then discovery does not mention it.
    pub fn in_the_background(self: &Arc<Self>, provider: &Arc<Provider>) {
        if provider.keys.all().iter().any(|key| key.alg == Algorithm::RS256 && key.signs()) {
            return;
        }
        let (keys, provider) = (self.clone(), provider.clone());
        let working = provider.world.counts.busy();
        tokio::task::spawn_blocking(move || {
            if let Ok(key) = keys.make(Algorithm::RS256, KeyUse::Current) {
                provider.keys.add(key);
            }
            drop(working);
        });
    }

    /// What makes the next keys at a rotation.
    pub fn maker(self: Arc<Self>) -> KeyMaker {
        Box::new(move |alg| {
            let keys = self.clone();
            Box::pin(async move {
                let made = tokio::task::spawn_blocking(move || keys.make(alg, KeyUse::Next)).await;
                made.map_err(|error| Failure(error.to_string()))?
            })
        })
    }
}

fn private(alg: Algorithm) -> Result<Vec<u8>, Failure> {
    let failed = |_: Unspecified| Failure(format!("no key for {} could be made", alg.text()));
    Ok(match alg {
        Algorithm::ES256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(failed)?.as_ref().to_vec()
        }
        Algorithm::EdDSA => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(failed)?.as_ref().to_vec(),
        Algorithm::RS256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
            der.as_ref().to_vec()
        }
    })
}

/// Puts a new file in the place of the old one, so that it is whole at every moment. It is its owner's alone.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().prefix(".touchstone-").tempfile_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    // The name has to last as well. Where a folder cannot be opened there is no such thing.
    if let Ok(folder) = File::open(folder) {
        folder.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn is_exposed(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|there| there.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose;

    #[test]
    fn what_is_made_signs_and_is_named_by_its_thumbprint() {
        for alg in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
            let key = OwnKeys::in_memory().make(alg, KeyUse::Current).expect("a key");
            assert_eq!(key.kid.as_str().len(), 43);
            let token = jose::sign(&key, "JWT", &serde_json::json!({ "a": 1 })).expect("a token");
            assert!(jose::verify(&token, "JWT", [&key]).is_some());
            assert!(jose::verify(&token, "at+jwt", [&key]).is_none(), "another kind of token");
            let other = OwnKeys::in_memory().make(alg, KeyUse::Current).expect("a key");
            assert!(jose::verify(&token, "JWT", [&other]).is_none());
        }
    }

    #[test]
    fn what_is_kept_is_there_again_and_its_owners_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("op.keys");
        let (keys, none) = OwnKeys::kept_in(file.clone()).expect("a new file");
        assert!(none.is_empty());
        let mut made = Vec::new();
        keys.at_once(&mut made).expect("keys");
        made.push(keys.make(Algorithm::RS256, KeyUse::Next).expect("a key"));
        let (again, mut there) = OwnKeys::kept_in(file.clone()).expect("the same file");
        let names = |keys: &[SigningKey]| keys.iter().map(|key| (key.kid.clone(), key.alg, key.signs())).collect::<Vec<_>>();
        assert_eq!(names(&there), names(&made));
        again.at_once(&mut there).expect("nothing to make");
        assert_eq!(there.len(), 3);
        let token = jose::sign(&made[2], "JWT", &serde_json::json!({ "a": 1 })).expect("a token");
        assert!(jose::verify(&token, "JWT", [&there[2]]).is_some());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("our file");
            assert!(matches!(OwnKeys::kept_in(file), Err(KeysError::Exposed(_))));
        }
    }
}
