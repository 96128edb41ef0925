//! `[device]`: what the codes of RFC 8628 look like, how long they live, and how often one may guess.

use serde::Deserialize;

use super::duration::Span;
use super::place::{ConfigError, Source};

/// `[device]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Device {
    /// The letters of user codes.
    pub charset: String,
    /// How many of them a code has.
    pub amount: usize,
    /// After how many of them a dash stands; none with 0.
    pub dash_interval: usize,
    /// How long both codes live.
    pub lifetime: Span,
    /// The pause between two polls, until the device is told to slow down.
    pub interval: Span,
    /// How many wrong codes a browser or an address may enter within the time of `lock`.
    pub guesses: usize,
    /// How long a wrong code counts.
    pub lock: Span,
}

impl Default for Device {
    fn default() -> Self {
        Self {
            // RFC 8628, section 6.1: consonants make no words, and none of these looks like another.
            charset: "BCDFGHJKLMNPQRSTVWXZ".to_owned(),
            amount: 8,
            dash_interval: 4,
            lifetime: Span::from_secs(300),
            interval: Span::from_secs(5),
            guesses: 10,
            lock: Span::from_secs(900),
        }
    }
}

/// The fewest codes that there have to be: with ten guesses one in a hundred thousand browsers finds one of a live device.
const CODES: f64 = 1e6;

pub(super) fn check(source: &Source<'_>, device: &Device) -> Result<(), ConfigError> {
    let at = source.text.find("[device]").unwrap_or(0);
    match wrong(device) {
        Some(what) => Err(source.at(at..at, what)),
        None => Ok(()),
    }
}

fn wrong(device: &Device) -> Option<String> {
    let Device { charset, amount, dash_interval, lifetime, interval, guesses, lock } = device;
    if let Some(letter) = charset.chars().find(|letter| !letter.is_ascii_alphanumeric()) {
        return Some(format!("charset has `{letter}`, and only ASCII letters and digits can be told from what people type between them"));
    }
    let twice = charset.char_indices().find(|(at, letter)| charset[..*at].chars().any(|before| before.eq_ignore_ascii_case(letter)));
    if let Some((_, letter)) = twice {
        return Some(format!("charset has `{letter}` twice; case is not looked at when a code is entered"));
    }
    if *amount > 64 {
        return Some(format!("amount is {amount}, and nobody types more than 64 letters"));
    }
    // Lossless: there are at most 62 letters, and 64 of them.
    let codes = (charset.len() as f64).powi(*amount as i32);
    if codes < CODES {
        return Some(format!(
            "a charset of {} and an amount of {amount} make {codes} codes, which can be guessed: there have to be a million at least",
            charset.len()
        ));
    }
    if *dash_interval > *amount {
        return Some(format!("dash_interval is {dash_interval}, and a code has {amount} letters; 0 is no dash"));
    }
    let whole = |span: &Span| span.ms() > 0 && span.ms() % 1000 == 0;
    if !whole(lifetime) || !whole(interval) {
        return Some("lifetime and interval are told to devices in seconds: whole ones, and one at least".to_owned());
    }
    if interval.ms() >= lifetime.ms() {
        return Some("interval is not shorter than lifetime, so that nobody could poll twice".to_owned());
    }
    if *guesses == 0 || lock.ms() == 0 {
        return Some("guesses and lock have to be more than nothing".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Device)) -> String {
        let mut device = Device::default();
        change(&mut device);
        wrong(&device).unwrap_or_default()
    }

    #[test]
    fn the_defaults_are_right_and_so_are_nine_digits() {
        assert_eq!(refused(|_| {}), "");
        assert_eq!(refused(|device| (device.charset, device.amount, device.dash_interval) = ("0123456789".into(), 9, 3)), "");
        assert_eq!(refused(|device| device.dash_interval = 0), "");
    }

    #[test]
    fn a_slip_is_told_by_what_it_would_lead_to() {
        assert!(refused(|device| device.charset = "BCDFÄ".into()).contains("`Ä`"));
        assert!(refused(|device| device.charset = "BC-D".into()).contains("`-`"));
        assert!(refused(|device| device.charset = "BCDFGHb".into()).contains("`b` twice"));
        assert!(refused(|device| device.charset = String::new()).contains("can be guessed"));
        assert!(refused(|device| device.amount = 4).contains("make 160000 codes"));
        assert!(refused(|device| device.amount = 65).contains("more than 64"));
        assert!(refused(|device| device.dash_interval = 9).contains("0 is no dash"));
        assert!(refused(|device| device.interval = Span::from_secs(0)).contains("in seconds"));
        assert!(refused(|device| device.interval = Span::from_secs(300)).contains("poll twice"));
        assert!(refused(|device| device.guesses = 0).contains("more than nothing"));
    }
}
