//! A user who has entered the code of a device, on the way to a decision; and wrong codes that were entered.

use std::net::IpAddr;

use crate::config::Device as DeviceConfig;
use crate::log::{Aggregate, Batch, Failure, Log, Payload as _, events};
use crate::names::{BrowserId, DeviceId, SessionId, VerificationId};
use crate::world::fresh::fingerprint;

events! {
    /// A code was entered that a device waits with.
    "device_verification.started" DeviceVerificationStarted {
        /// In which browser.
        browser_id: BrowserId,
        /// The device.
        device_id: DeviceId,
        /// The language that was wished for.
        ui_locales: Option<String>,
    }
    /// The user is known now.
    "device_verification.session.linked" DeviceVerificationSessionLinked {
        /// The session.
        session_id: SessionId,
    }
    /// A code was entered that no device waits with.
    "device_guess.failed" DeviceGuessFailed {}
}

/// A user who is to decide.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The version of the aggregate.
    pub version: u64,
    /// Its name.
    pub id: VerificationId,
    /// In which browser.
    pub browser_id: BrowserId,
    /// The device.
    pub device_id: DeviceId,
    /// The language that was wished for.
    pub ui_locales: Option<String>,
    /// The session that the user chose or began for it.
    pub linked: Option<SessionId>,
}

/// The aggregate of a user who is to decide.
pub fn aggregate(id: &VerificationId) -> Aggregate {
    Aggregate::new("device_verification", id.as_str())
}

impl Verification {
    /// The one of this name.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, id: &VerificationId) -> Result<Option<Self>, Failure> {
        let mut verification: Option<Self> = None;
        for event in log.load(&aggregate(id)).await? {
            match (event.kind.as_str(), &mut verification) {
                (DeviceVerificationStarted::TYPE, verification) => {
                    let DeviceVerificationStarted { browser_id, device_id, ui_locales } = event.read()?;
                    *verification = Some(Self { version: 0, id: id.clone(), browser_id, device_id, ui_locales, linked: None });
                }
                (DeviceVerificationSessionLinked::TYPE, Some(verification)) => {
                    verification.linked = Some(event.read::<DeviceVerificationSessionLinked>()?.session_id);
                }
                _ => {}
            }
            if let Some(verification) = &mut verification {
                verification.version = event.version;
            }
        }
        Ok(verification)
    }
}

/// Wrong codes that were entered in one browser, and from one address: a browser is easily a new one, and an address is not.
#[derive(Clone, Debug)]
pub struct Guesses {
    seen: [(Aggregate, u64, Vec<i64>); 2],
}

impl Guesses {
    /// Those of this browser and of this address.
    ///
    /// # Errors
    /// The store failed.
    pub async fn load(log: &Log, browser: &BrowserId, address: IpAddr) -> Result<Self, Failure> {
        let of_browser = Aggregate::new("device_guesses", browser.as_str());
        let of_address = Aggregate::new("device_guesses", fingerprint(&network(address).to_string()));
        Ok(Self { seen: [seen(log, of_browser).await?, seen(log, of_address).await?] })
    }

    /// Whether there were so many that no further code is looked at now; and for how many milliseconds still.
    pub fn locked_for(&self, now_ms: i64, config: &DeviceConfig) -> Option<i64> {
        let until = |times: &[i64]| {
            let nth = times.len().checked_sub(config.guesses)?;
            Some(times[nth] + config.lock.ms() - now_ms).filter(|left| *left > 0)
        };
        self.seen.iter().filter_map(|(_, _, times)| until(times)).max()
    }

    /// The batch, with one more.
    ///
    /// # Errors
    /// The payload cannot be written.
    pub fn one_more(&self, mut batch: Batch) -> Result<Batch, Failure> {
        for (aggregate, version, _) in &self.seen {
            batch = batch.add(aggregate, *version, &DeviceGuessFailed {})?;
        }
        Ok(batch)
    }

    /// The batch, on the condition that nobody has guessed meanwhile: else many who guess at once were all within the limit.
    #[must_use]
    pub fn unchanged(&self, batch: Batch) -> Batch {
        self.seen.iter().fold(batch, |batch, (aggregate, version, _)| batch.unchanged(aggregate, *version))
    }
}

async fn seen(log: &Log, aggregate: Aggregate) -> Result<(Aggregate, u64, Vec<i64>), Failure> {
    let events = log.load(&aggregate).await?;
    let version = events.last().map_or(0, |event| event.version);
    Ok((aggregate, version, events.iter().map(|event| event.at_ms).collect()))
}

/// Whoever has one address of IPv6 has the whole network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::from((u128::from(v6) & !u128::from(u64::MAX)).to_be_bytes()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lock_ends_when_the_first_of_the_last_guesses_is_old_enough() {
        let config = DeviceConfig { guesses: 2, ..DeviceConfig::default() };
        let lock = config.lock.ms();
        let with = |of_browser: &[i64], of_address: &[i64]| {
            let seen = |times: &[i64]| (Aggregate::new("device_guesses", "x"), 0, times.to_vec());
            Guesses { seen: [seen(of_browser), seen(of_address)] }
        };
        assert_eq!(with(&[0], &[0]).locked_for(1, &config), None);
        assert_eq!(with(&[0, 5], &[]).locked_for(10, &config), Some(lock - 10));
        assert_eq!(with(&[], &[0, 5]).locked_for(10, &config), Some(lock - 10));
        assert_eq!(with(&[0, 5, 7], &[]).locked_for(10, &config), Some(lock - 5));
        assert_eq!(with(&[0, 5], &[]).locked_for(lock, &config), None);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let of = |text: &str| network(text.parse().expect("an address")).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
