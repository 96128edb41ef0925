//! Enums that the log keeps: by their number, and never by a form that is printed somewhere. A name may be mended; what was written stays readable.

/// What is known of such an enum.
pub trait Stored: Copy + Sized + 'static {
    /// All of it, in the order of the numbers.
    const ALL: &'static [Self];

    /// How the log has it.
    fn number(self) -> u8;

    /// What people read; no log depends on it.
    fn text(self) -> &'static str;

    /// The one with this number.
    ///
    /// # Errors
    /// There is none: written by a newer release, or by nobody.
    fn from_number(number: u64) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|known| u64::from(known.number()) == number);
        found.copied().ok_or_else(|| {
            format!("{number} is the number of no {}", std::any::type_name::<Self>().rsplit("::").next().unwrap_or_default())
        })
    }
}

/// Declares enums that are stored: each variant with its number, which never changes, and its name for people.
macro_rules! stored {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant = $number,)+ }

        impl $crate::state::stored::Stored for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn number(self) -> u8 {
                self as u8
            }

            fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u8($crate::state::stored::Stored::number(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let number = <u64 as serde::Deserialize>::deserialize(deserializer)?;
                $crate::state::stored::Stored::from_number(number).map_err(serde::de::Error::custom)
            }
        }
    )+};
}
pub(crate) use stored;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::device::Canceled;
    use crate::state::features::Flag;
    use crate::state::oidc_session::{Because, Reason};
    use crate::state::sign_in::{Prompt, ResponseMode};

    stored! {
        /// A state with a default.
        #[derive(Default)]
        State {
            /// Begun.
            #[default]
            Begun = 1 "begun",
            /// Over.
            Over = 4 "done with",
        }
    }

    #[test]
    fn it_is_written_and_read_by_number() {
        assert_eq!(serde_json::to_value([State::Begun, State::Over]).expect("JSON"), json!([1, 4]));
        assert_eq!(serde_json::from_value::<Vec<State>>(json!([4, 1])).expect("both"), [State::Over, State::Begun]);
        assert_eq!(State::Over.text(), "done with");
    }

    #[test]
    fn an_unknown_number_is_named_and_a_printed_form_is_none() {
        let error = serde_json::from_value::<State>(json!(2)).expect_err("no such number").to_string();
        assert_eq!(error, "2 is the number of no State");
        for printed in [json!("begun"), json!("Begun"), json!("1"), json!(-1), json!(null)] {
            assert!(serde_json::from_value::<State>(printed.clone()).is_err(), "{printed}");
        }
    }

    #[test]
    fn a_default_is_its_number() {
        assert_eq!(serde_json::to_value(State::default()).expect("JSON"), json!(State::Begun.number()));
    }

    /// What is in logs already stays what it was.
    #[test]
    fn the_numbers_are_those_that_were_written() {
        fn of<E: Stored>() -> Vec<(u8, &'static str)> {
            E::ALL.iter().map(|known| (known.number(), known.text())).collect()
        }
        let reasons = ["unspecified", "auth_request", "refresh", "jwt_profile", "client_credentials", "exchange", "impersonation"];
        assert_eq!(of::<Reason>(), (0..).zip(reasons).collect::<Vec<_>>());
        assert_eq!(of::<Because>(), [(1, "code_reused"), (2, "refresh_token_reused"), (3, "revoked")]);
        assert_eq!(of::<Canceled>(), [(3, "denied"), (4, "expired")]);
        assert_eq!(of::<Prompt>(), [(0, "none"), (1, "login"), (2, "consent"), (3, "select_account")]);
        assert_eq!(of::<ResponseMode>(), [(0, "query"), (1, "form_post")]);
        let flags = [
            (5, "token_exchange"),
            (9, "debug_oidc_parent_error"),
            (10, "oidc_single_v1_session_termination"),
            (12, "enable_back_channel_logout"),
        ];
        assert_eq!(of::<Flag>(), flags);
        assert_eq!((Reason::default().number(), ResponseMode::default().number()), (0, 0));
    }
}
