//! What pages say, in every language that there is: one file each under `locales/`.

use std::sync::LazyLock;

use hyper::header::ACCEPT_LANGUAGE;
use serde::Deserialize;

use crate::exchange::Request;

/// The languages. The first one is spoken where nobody wishes for another.
const FILES: [&str; 2] = [include_str!("../locales/en.toml"), include_str!("../locales/de.toml")];

// A test holds that every file can be read; with one that could not the pages would be empty.
static LANGUAGES: LazyLock<[Texts; FILES.len()]> = LazyLock::new(|| FILES.map(|file| toml::from_str(file).unwrap_or_default()));

/// One text. What stands in braces is filled in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Text {
    /// As it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With one gap filled.
    pub fn with(&self, name: &str, value: &str) -> String {
        self.filled(&[(name, value)])
    }

    /// With two gaps filled.
    pub fn with_both(&self, name: &str, value: &str, other: &str, other_value: &str) -> String {
        self.filled(&[(name, value), (other, other_value)])
    }

    /// In one go, so that braces in a value stay what they are.
    fn filled(&self, values: &[(&str, &str)]) -> String {
        let (mut filled, mut rest) = (String::new(), self.0.as_str());
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let gap = after.split_once('}');
            let value = gap.and_then(|(name, _)| values.iter().find(|(known, _)| *known == name));
            match (gap, value) {
                (Some((_, behind)), Some((_, value))) => {
                    filled.push_str(value);
                    rest = behind;
                }
                _ => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

/// Declares the texts. One that no page says is dead code, and the compiler says so.
macro_rules! texts {
    ($($name:ident,)+) => {
        /// A language: everything that pages say in it, and `tag`, by which it is known (BCP 47).
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[allow(missing_docs, reason = "each is said in words in every file under `locales/`")]
        pub struct Texts { $(pub $name: Text,)+ }

        #[cfg(test)]
        impl Texts {
            fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($name), self.$name.as_str()),)+]
            }
        }
    };
}

texts! {
    tag,
    go_on_to,
    allow,
    deny,
    cancel,
    another_account,
    close_window,
    sign_in,
    sign_in_failed,
    sign_in_name,
    sign_in_password,
    choose_account,
    consent,
    consent_wants,
    consent_you,
    scope_openid,
    scope_profile,
    scope_email,
    scope_address,
    scope_phone,
    scope_offline_access,
    sign_out,
    sign_out_asked,
    sign_out_unasked,
    sign_out_yes,
    sign_out_no,
    signed_out,
    signed_out_text,
    still_signed_in,
    still_signed_in_text,
    device_code,
    device_code_enter,
    device_code_label,
    device_code_continue,
    device_code_unknown,
    device_code_expired,
    device_code_used,
    device_code_locked,
    device,
    device_shows,
    device_wants,
    device_wants_nothing,
    device_warning,
    device_connected,
    device_connected_text,
    device_declined,
    device_declined_text,
    device_undecided,
    problem,
    problem_request,
    problem_inside,
    problem_sign_in_gone,
    problem_device_gone,
    problem_form,
    problem_host,
    problem_page,
    problem_developers,
    form_post,
    form_post_button,
    admin,
    admin_client,
    admin_not_yours,
    admin_role,
    admin_canceled,
    admin_canceled_text,
    admin_sign_out,
    admin_more,
    admin_clients,
    admin_client_id,
    admin_name,
    admin_from,
    admin_logout,
    admin_logout_uri,
    admin_logout_told,
    admin_logout_sid,
    admin_grants,
    admin_redirect_uris,
    admin_post_logout,
    admin_save,
    admin_saved,
    admin_everything,
    admin_sessions,
    admin_user,
    admin_session,
    admin_began,
    admin_last_sign_in,
    admin_end,
    admin_over,
    admin_flags,
    admin_flags_text,
    admin_flag,
    admin_now,
    admin_by,
    admin_instance,
    admin_system,
    admin_configuration,
    admin_on,
    admin_off,
    admin_inherit,
    admin_events,
    admin_when,
    admin_what,
    admin_of,
    admin_payload,
    admin_older,
}

/// The tags of all languages, as discovery names them.
pub fn tags() -> Vec<&'static str> {
    LANGUAGES.iter().map(|texts| texts.tag.as_str()).collect()
}

/// The language of a page: the first of the wishes in `ui_locales` that there is (Core, section 3.1.2.1), else what the browser likes
/// best, else the first.
pub fn texts(ui_locales: Option<&str>, request: &Request) -> &'static Texts {
    let wished = ui_locales.unwrap_or_default().split(' ').filter_map(spoken).next();
    let liked =
        || accepted(&request.headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(","));
    wished.or_else(liked).unwrap_or(&LANGUAGES[0])
}

/// The language of a page that answers a request with `ui_locales` of its own, or with none.
pub fn asked(request: &Request) -> &'static Texts {
    let params = request.params().unwrap_or_default();
    texts(params.get("ui_locales").ok().flatten(), request)
}

/// RFC 9110, section 12.5.4: of the languages that a browser names the one that it likes best and that there is.
fn accepted(header: &str) -> Option<&'static Texts> {
    let range = |range: &str| {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |quality| quality.parse::<f32>().ok())?;
        let texts = if tag.trim() == "*" { LANGUAGES.first() } else { spoken(tag.trim()) }?;
        (quality > 0.0).then_some((quality, texts))
    };
    let mut best: Option<(f32, &Texts)> = None;
    for (quality, texts) in header.split(',').filter_map(range) {
        // The first of those that are liked alike.
        if best.is_none_or(|(known, _)| quality > known) {
            best = Some((quality, texts));
        }
    }
    best.map(|(_, texts)| texts)
}

/// RFC 4647, section 3.4: a tag, or what is left of it when its end is cut off piece by piece.
fn spoken(tag: &str) -> Option<&'static Texts> {
    let mut tag = tag;
    loop {
        if let Some(texts) = LANGUAGES.iter().find(|texts| texts.tag.as_str().eq_ignore_ascii_case(tag)) {
            return Some(texts);
        }
        tag = tag.rsplit_once('-')?.0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn gaps(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|after| Some(after.split_once('}')?.0)).collect()
    }

    #[test]
    fn no_key_is_missing_or_unknown_in_any_language_and_all_have_the_same_gaps() {
        // What no page says is no key of `Texts`, or the compiler warns of it; and what is no key is refused here.
        let read = FILES.map(|file| toml::from_str::<Texts>(file).unwrap_or_else(|error| panic!("{error}")));
        for texts in &read {
            for ((name, text), (_, first)) in texts.all().into_iter().zip(read[0].all()) {
                assert!(!text.trim().is_empty() && text.trim() == text, "{}: {name}", texts.tag);
                assert_eq!(gaps(text), gaps(first), "{}: {name}", texts.tag);
            }
        }
        assert_eq!(tags().into_iter().collect::<BTreeSet<_>>().len(), FILES.len(), "every language has a tag of its own");
    }

    #[test]
    fn the_keys_stand_in_the_same_order_in_every_file() {
        let keys = |file: &str| -> Vec<String> {
            file.lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(|line| Some(line.split_once(" = ")?.0.trim().to_owned()))
                .collect()
        };
        for file in FILES {
            assert_eq!(keys(file), keys(FILES[0]));
        }
    }

    #[test]
    fn gaps_are_filled_once_and_braces_of_others_stay() {
        let text = Text("{client} wants to know of {user}: {what}".into());
        assert_eq!(text.with_both("client", "{user}", "user", "A {b} c"), "{user} wants to know of A {b} c: {what}");
        assert_eq!(Text("{".into()).with("a", "b"), "{");
    }

    #[test]
    fn the_wish_comes_first_and_then_what_the_browser_likes() {
        let tag = |header: &str| accepted(header).map(|texts| texts.tag.as_str());
        assert_eq!(tag("de-CH, en;q=0.5"), Some("de"));
        assert_eq!(tag("fr, en;q=0.5, de;q=0.7"), Some("de"));
        assert_eq!(tag("de;q=0, en;q=0.1"), Some("en"));
        assert_eq!(tag("fr, *;q=0.1"), Some("en"));
        assert_eq!(tag("fr;q=x, , ;;"), None);
        assert_eq!(spoken("DE-at-1996").map(|texts| texts.tag.as_str()), Some("de"));
        assert!(spoken("d").is_none() && spoken("").is_none() && spoken("-").is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_header_makes_the_choice_panic(header in "[a-z*;,=q0-9. -]{0,40}|\\PC{0,20}") {
            let _ = accepted(&header);
            let _ = spoken(&header);
        }
    }
}
