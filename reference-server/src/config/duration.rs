//! Durations as people write them: `500ms`, `60s`, `2m`, `1h`, `30d`.

use serde::{Deserialize, Deserializer, de};

/// A length of time, at least zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    ms: i64,
}

impl Span {
    /// So many seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self { ms: secs * 1000 }
    }

    /// In milliseconds.
    pub const fn ms(self) -> i64 {
        self.ms
    }

    /// In whole seconds.
    pub const fn secs(self) -> i64 {
        self.ms / 1000
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|char: char| !char.is_ascii_digit())?;
        let (count, unit) = text.split_at(digits);
        let unit = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        // A thousand years: more is a slip, and sums of such spans stay far from the end of the type.
        let ms = count.parse::<i64>().ok()?.checked_mul(unit)?;
        (ms <= 366_000 * 86_400_000).then_some(Self { ms })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is no duration; write 500ms, 60s, 2m, 1h or 30d")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        assert_eq!(Span::parse("500ms"), Some(Span { ms: 500 }));
        assert_eq!(Span::parse("30d").map(Span::secs), Some(2_592_000));
        for wrong in ["", "5", "s", "-1s", "1.5h", "1 h", "99999999999999999999d", "999999999999d"] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
    }
}
