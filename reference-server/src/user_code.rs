//! The code that a person carries from a device to a browser (RFC 8628, section 6.1): made, typed, shown.

use crate::config::Device;
use crate::log::Aggregate;
use crate::world::fresh::{Fresh, fingerprint};

/// A user code: letters and digits, without the dashes between them, in the case of the alphabet.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl std::fmt::Debug for UserCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserCode(redacted)")
    }
}

impl UserCode {
    /// A fresh one.
    pub fn fresh(fresh: &Fresh, (aggregate, version): (&Aggregate, u64), purpose: &str, config: &Device) -> Self {
        Self(fresh.letters(aggregate, version, purpose, config.charset.as_bytes(), config.amount))
    }

    /// What somebody typed: case does not matter, nor does anything that is no letter and no digit.
    pub fn typed(text: &str, config: &Device) -> Self {
        let letter = |typed: char| config.charset.chars().find(|known| known.eq_ignore_ascii_case(&typed)).unwrap_or(typed);
        Self(text.chars().filter(char::is_ascii_alphanumeric).map(letter).collect())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As a device shows it, with its dashes.
    pub fn shown(&self, config: &Device) -> String {
        let mut shown = String::new();
        for (nth, letter) in self.0.chars().enumerate() {
            if nth > 0 && config.dash_interval > 0 && nth % config.dash_interval == 0 {
                shown.push('-');
            }
            shown.push(letter);
        }
        shown
    }

    /// What the log knows it by.
    pub fn id(&self) -> String {
        fingerprint(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(charset: &str, amount: usize, dash_interval: usize) -> Device {
        Device { charset: charset.into(), amount, dash_interval, ..Device::default() }
    }

    fn made(config: &Device) -> UserCode {
        UserCode::fresh(&Fresh::new([1; 32]), (&Aggregate::new("a", "b"), 1), "user code", config)
    }

    #[test]
    fn dashes_stand_between_letters_and_never_at_an_end() {
        let shown = |amount, dash_interval| made(&config("X", amount, dash_interval)).shown(&config("X", amount, dash_interval));
        assert_eq!(shown(8, 4), "XXXX-XXXX");
        assert_eq!(shown(9, 3), "XXX-XXX-XXX");
        assert_eq!(shown(7, 3), "XXX-XXX-X");
        assert_eq!(shown(8, 0), "XXXXXXXX");
        assert_eq!(shown(8, 8), "XXXXXXXX");
    }

    #[test]
    fn a_code_is_known_however_it_is_typed() {
        let config = Device::default();
        let code = made(&config);
        let shown = code.shown(&config);
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', ""),
            shown.replace('-', " "),
            format!("  {} ", shown.replace('-', "\u{2013}")),
            shown.chars().map(|letter| format!("{letter} ")).collect(),
        ] {
            assert_eq!(UserCode::typed(&typed, &config), code, "{typed}");
        }
        assert_ne!(UserCode::typed(&shown[1..], &config), code);
        assert!(UserCode::typed(" - ", &config).is_empty());
        assert_eq!(UserCode::typed("AbC1", &self::config("abcdef0123456789", 8, 4)).0, "abc1");
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_is_known_again(amount in 1_usize..20, dash_interval in 0_usize..20, noise in "[-. _\u{2013}]{0,3}") {
            let config = config("BCDFGHJKLMNPQRSTVWXZ", amount, dash_interval);
            let code = made(&config);
            let typed = format!("{noise}{}{noise}", code.shown(&config).replace('-', &noise).to_lowercase());
            proptest::prop_assert_eq!(UserCode::typed(&typed, &config), code);
        }
    }
}
