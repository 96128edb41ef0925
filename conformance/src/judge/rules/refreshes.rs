//! Refreshes: what stays of a grant however often its tokens are renewed, and whose refresh token it is. RFC 6749 §6, Core §12, RFC 9700 §4.14.

use serde_json::{Map, Value};

use super::answers::words;
use super::id_tokens::audiences;
use super::walk::{Seen, numeric_date};
use super::{At, Looks, Rule, Run};
use crate::transcript::jose::Jws;
use crate::transcript::tokens::{Kind, Token, one};

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule {
            id: "refresh-never-widens",
            asks: "No refresh brings more scope than was granted in the beginning.",
            cites: &["rfc6749-6-scope-not-exceeded"],
            broken_by: &["refresh-widens-scope"],
            judge: never_widens,
        },
        Rule {
            id: "a-refresh-that-names-no-scope-keeps-it",
            asks: "A refresh that names no scope brings the scope that was granted in the beginning.",
            cites: &["rfc6749-6-scope-omitted-same"],
            broken_by: &["refresh-narrows-scope"],
            judge: keeps_scope,
        },
        Rule {
            id: "refresh-keeps-the-issuer",
            asks: "The ID token of a refresh has the issuer of the first one.",
            cites: &["core-12.2-iss-same"],
            broken_by: &["refresh-changes-iss"],
            judge: |run, looks| keeps(run, looks, "iss"),
        },
        Rule {
            id: "refresh-keeps-the-person",
            asks: "The ID token of a refresh is about the person of the first one.",
            cites: &["core-12.2-sub-same"],
            broken_by: &["refresh-changes-sub"],
            judge: |run, looks| keeps(run, looks, "sub"),
        },
        Rule {
            id: "refresh-keeps-the-audience",
            asks: "The ID token of a refresh is for whom the first one was for.",
            cites: &["core-12.2-aud-same"],
            broken_by: &["refresh-forgets-the-audience"],
            judge: keeps_audience,
        },
        Rule {
            id: "refresh-keeps-the-login-time",
            asks: "`auth_time` in the ID token of a refresh is the time of the login, and not of the refresh.",
            cites: &["core-12.2-auth-time-original"],
            broken_by: &["refresh-renews-auth-time"],
            judge: keeps_login_time,
        },
        Rule {
            id: "a-refreshed-id-token-is-new",
            asks: "`iat` in the ID token of a refresh is the time of the refresh.",
            cites: &["core-12.2-iat-new"],
            broken_by: &["refresh-brings-the-old-iat"],
            judge: new_iat,
        },
        Rule {
            id: "a-refreshed-nonce-is-the-old-one",
            asks: "A nonce in the ID token of a refresh, if there is one, is that of the first one.",
            cites: &["core-12.2-nonce-same"],
            broken_by: &["refresh-makes-up-a-nonce"],
            judge: same_nonce,
        },
        Rule {
            id: "a-refreshed-id-token-has-no-nonce",
            asks: "The ID token of a refresh has no nonce.",
            cites: &["core-12.2-nonce-absent"],
            broken_by: &["refresh-makes-up-a-nonce"],
            judge: no_nonce,
        },
        Rule {
            id: "a-rotated-refresh-token-is-dead",
            asks: "A refresh token that another one was given for buys nothing any more.",
            cites: &["rfc9700-4.14.2-rotation-new-token"],
            broken_by: &["refresh-reuse-unnoticed"],
            judge: dead_when_rotated,
        },
        Rule {
            id: "refresh-tokens-of-public-clients-rotate",
            asks: "A client without a secret gets a new refresh token with each refresh.",
            cites: &["rfc9700-2.2.2-refresh-public"],
            broken_by: &["refresh-tokens-stay"],
            judge: public_ones_rotate,
        },
        Rule {
            id: "a-refresh-token-is-for-its-client",
            asks: "A refresh token buys nothing for any client but the one that it was issued to.",
            cites: &["rfc6749-6-client-bound", "rfc6749-10.4-refresh-binding-checked", "core-12.1-refresh-client-bound"],
            broken_by: &["refused-refresh-tokens-buy-all-the-same"],
            judge: for_its_client,
        },
        Rule {
            id: "the-login-in-access-tokens-stays",
            asks: "auth_time, acr and amr are the same in all access tokens of one authorization.",
            cites: &["rfc9068-2.2.1-auth-claims-fixed"],
            broken_by: &["at-jwt-renews-auth-time"],
            judge: login_claims_stay,
        },
        Rule {
            id: "a-client-for-itself-gets-no-refresh-token",
            asks: "A client that acts for itself gets no refresh token.",
            cites: &["rfc6749-4.4.3-no-refresh-token"],
            broken_by: &["clients-for-themselves-get-refresh-tokens"],
            judge: none_for_itself,
        },
        Rule {
            id: "a-client-for-itself-is-its-own-subject",
            asks: "A JWT access token of a client that acts for itself has that client for its subject.",
            cites: &["rfc9068-2.2-sub-client"],
            broken_by: &["clients-act-as-an-administrator"],
            judge: own_subject,
        },
    ]
}

/// A refresh that worked, with the first answer of its grant.
struct Refresh<'r> {
    seen: Seen<'r>,
    body: Map<String, Value>,
    /// The refresh token that was handed in.
    spent: &'r Token,
    /// What the grant's code bought.
    first: Map<String, Value>,
}

/// Requests with a refresh token that is known, and that token.
fn requests<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, &'r Token)> {
    let refreshes = run.answers().filter(|s| s.is_token_request());
    refreshes.filter_map(|seen| {
        let form = seen.exchange.request.form();
        let text = one(&form, "refresh_token").filter(|_| one(&form, "grant_type") == Some("refresh_token"))?;
        let spent = seen.walk.tokens_of(Kind::RefreshToken).find(|t| t.text == text && t.seq < seen.exchange.sent_seq)?;
        Some((seen, spent))
    })
}

fn worked(seen: &Seen<'_>) -> Option<Map<String, Value>> {
    let body = seen.object().filter(|_| seen.answer.status == 200)?;
    body.get("access_token").is_some_and(Value::is_string).then_some(body)
}

fn refreshes<'r>(run: &'r Run<'_>) -> impl Iterator<Item = Refresh<'r>> {
    requests(run).filter_map(|(seen, spent)| {
        let of_grant = |t: &&Token| t.authorization.is_some() && t.authorization == spent.authorization;
        let bought = seen.walk.tokens_of(Kind::AccessToken).filter(of_grant).find(|t| t.grant_type == "authorization_code")?;
        let first = seen.walk.transcript.exchanges.get(bought.exchange?)?.ok()?.json()?.as_object()?.clone();
        Some(Refresh { body: worked(&seen)?, seen, spent, first })
    })
}

impl Refresh<'_> {
    /// The scope that was granted in the beginning: as the first answer says, which is silent where it is what was asked for (RFC 6749 §5.1).
    fn granted(&self) -> Option<String> {
        let said = self.first.get("scope").and_then(Value::as_str).map(str::to_owned);
        said.or_else(|| self.seen.walk.authorization(self.spent)?.param("scope").map(str::to_owned))
    }

    /// The scope that the refresh brought, where its answer says so.
    fn brought(&self) -> Option<&str> {
        self.body.get("scope").and_then(Value::as_str)
    }
}

fn never_widens(run: &Run<'_>, looks: &mut Looks) {
    for refresh in refreshes(run) {
        let (Some(granted), Some(brought)) = (refresh.granted(), refresh.brought()) else { continue };
        let more: Vec<&str> = words(brought).difference(&words(&granted)).copied().collect();
        looks.look(refresh.seen.at(), more.is_empty(), &format!("scope within {granted:?}"), || format!("{} as well", more.join(" ")));
    }
}

fn keeps_scope(run: &Run<'_>, looks: &mut Looks) {
    for refresh in refreshes(run).filter(|r| r.seen.exchange.request.param("scope").is_none()) {
        // Where an earlier refresh asked for less, the new refresh token may stand for less (RFC 6749 §6).
        let of_grant = |t: &&Token| t.authorization == refresh.spent.authorization && t.grant_type == "refresh_token";
        let narrowed = refresh.seen.walk.tokens_of(Kind::AccessToken).filter(of_grant).any(|t| {
            let earlier = t.exchange.and_then(|i| refresh.seen.walk.transcript.exchanges.get(i));
            earlier.is_some_and(|e| e.sent_seq < refresh.seen.exchange.sent_seq && e.request.param("scope").is_some())
        });
        let (Some(granted), Some(brought)) = (refresh.granted().filter(|_| !narrowed), refresh.brought()) else { continue };
        let fits = words(&granted) == words(brought);
        looks.look(refresh.seen.at(), fits, &format!("scope {granted:?}"), || format!("scope {brought:?}"));
    }
}

/// ID tokens of refreshes, each with the first one of its grant.
fn id_tokens<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (At, &'r Token, &'r Jws, &'r Jws)> {
    let refreshed = run.jwts(Kind::IdToken).filter(|(_, t, _)| t.grant_type == "refresh_token");
    refreshed.filter_map(|(walk, token, jws)| {
        let first = walk.tokens_of(Kind::IdToken).filter(|t| t.authorization.is_some() && t.authorization == token.authorization);
        let first = first.filter(|t| t.grant_type == "authorization_code").find_map(|t| t.jws.as_ref())?;
        Some((walk.at_token(token), token, jws, first))
    })
}

fn keeps(run: &Run<'_>, looks: &mut Looks, claim: &str) {
    for (at, _, jws, first) in id_tokens(run) {
        let (now, before) = (jws.claims.get(claim), first.claims.get(claim));
        looks.look(at, now == before, &format!("{claim} {}", text(before)), || format!("{claim} {}", text(now)));
    }
}

fn keeps_audience(run: &Run<'_>, looks: &mut Looks) {
    for (at, _, jws, first) in id_tokens(run) {
        // One audience may be a string or a list (RFC 7519 §4.1.3), and the first one's has to be in the new one's (Core §12.2).
        let (now, before) = (audiences(jws), audiences(first));
        looks.look(at, before.is_subset(&now), &format!("aud {before:?}"), || format!("aud {now:?}"));
    }
}

fn keeps_login_time(run: &Run<'_>, looks: &mut Looks) {
    for (at, _, jws, first) in id_tokens(run) {
        let (Some(now), Some(before)) = (jws.claims.get("auth_time"), first.claims.get("auth_time")) else { continue };
        looks.look(at, now == before, &format!("auth_time {before}"), || format!("auth_time {now}"));
    }
}

fn new_iat(run: &Run<'_>, looks: &mut Looks) {
    for walk in &run.walks {
        for token in walk.tokens_of(Kind::IdToken).filter(|t| t.grant_type == "refresh_token") {
            let Some(jws) = &token.jws else { continue };
            let from = (token.asked - walk.skew()).div_euclid(1000);
            let iat = numeric_date(jws, "iat");
            let fits = iat.is_some_and(|iat| iat >= from * 1000 && iat <= token.came + walk.skew());
            looks.look(walk.at_token(token), fits, &format!("iat from {from}"), || format!("iat {}", text(jws.claims.get("iat"))));
        }
    }
}

fn same_nonce(run: &Run<'_>, looks: &mut Looks) {
    for (at, _, jws, first) in id_tokens(run) {
        let (now, before) = (jws.claims.get("nonce"), first.claims.get("nonce"));
        looks.look(at, now.is_none() || now == before, "no nonce, or the first one", || "another nonce".into());
    }
}

fn no_nonce(run: &Run<'_>, looks: &mut Looks) {
    for (at, _, jws, _) in id_tokens(run) {
        looks.look(at, jws.claims.get("nonce").is_none(), "no nonce", || "a nonce".into());
    }
}

fn dead_when_rotated(run: &Run<'_>, looks: &mut Looks) {
    for (seen, spent) in requests(run) {
        // Another one had come for it before this was sent: what goes out at the same moment is a race, and not a second use.
        let rotated = seen.walk.tokens_of(Kind::RefreshToken).any(|next| {
            let bought = next.exchange.and_then(|i| seen.walk.transcript.exchanges.get(i));
            next.text != spent.text
                && bought.is_some_and(|e| {
                    e.answered_seq < seen.exchange.sent_seq && one(&e.request.form(), "refresh_token") == Some(&spent.text)
                })
        });
        if rotated {
            looks.look(seen.at(), worked(&seen).is_none(), "a refusal", || "tokens for a refresh token that was replaced".into());
        }
    }
}

fn public_ones_rotate(run: &Run<'_>, looks: &mut Looks) {
    for (seen, spent) in requests(run) {
        let public = seen.walk.client(seen.exchange.client.as_deref(), "token_endpoint_auth_method").is_some_and(|m| m == "none");
        // A key that the client holds is the other way (RFC 9449).
        let bound = seen.exchange.request.header("dpop").next().is_some();
        let Some(body) = worked(&seen).filter(|_| public && !bound) else { continue };
        let next = body.get("refresh_token").and_then(Value::as_str);
        looks.look(seen.at(), next.is_some_and(|n| n != spent.text), "a new refresh token", || {
            if next.is_some() { "the same refresh token".into() } else { "no refresh token".into() }
        });
    }
}

/// Nothing in a request says otherwise who asks.
fn asks_for_itself(seen: &Seen<'_>) -> bool {
    let about_the_client = ["client_id", "client_secret", "client_assertion", "header.Authorization", "header.authorization", "body"];
    let touched = |mark: &String| mark.split(' ').nth(1).is_some_and(|path| about_the_client.contains(&path));
    !seen.exchange.edited.iter().any(touched)
}

/// A token that somebody else hands in than got it, where both are certain.
fn handed_in_by_another(seen: &Seen<'_>, token: &Token) -> bool {
    let owner = token.client.as_deref().filter(|_| token.honest);
    owner.zip(seen.exchange.client.as_deref()).is_some_and(|(owner, asker)| owner != asker) && asks_for_itself(seen)
}

fn for_its_client(run: &Run<'_>, looks: &mut Looks) {
    for (seen, spent) in requests(run).filter(|(seen, spent)| handed_in_by_another(seen, spent)) {
        looks.look(seen.at(), worked(&seen).is_none(), "a refusal", || {
            format!("tokens for a refresh token of {}", spent.client.as_deref().unwrap_or_default())
        });
    }
}

/// A code that somebody else hands in than got it.
pub(super) fn codes_of_others<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, &'r Token, bool)> {
    let bought = run.answers().filter(|s| s.is_token_request());
    bought.filter_map(|seen| {
        let form = seen.exchange.request.form();
        let text = one(&form, "code")?;
        let code = seen.walk.tokens_of(Kind::Code).find(|t| t.text == text)?;
        handed_in_by_another(&seen, code).then(|| (seen, code, worked(&seen).is_some()))
    })
}

fn login_claims_stay(run: &Run<'_>, looks: &mut Looks) {
    for (walk, token, jws) in run.jwts(Kind::AccessToken).filter(|(walk, t, _)| walk.has("rfc9068") && t.grant_type == "refresh_token") {
        let of_grant = |t: &&Token| t.authorization.is_some() && t.authorization == token.authorization && t.seq < token.seq;
        let Some(first) = walk.tokens_of(Kind::AccessToken).filter(of_grant).find_map(|t| t.jws.as_ref()) else { continue };
        for claim in ["auth_time", "acr", "amr"] {
            let (Some(now), Some(before)) = (jws.claims.get(claim), first.claims.get(claim)) else { continue };
            looks.look(walk.at_token(token), now == before, &format!("{claim} {before}"), || format!("{claim} {now}"));
        }
    }
}

/// Successes of clients that act for themselves.
fn for_themselves<'r>(run: &'r Run<'_>) -> impl Iterator<Item = (Seen<'r>, Map<String, Value>)> {
    let asked = run.answers().filter(|s| s.is_token_request());
    let asked = asked.filter(|s| one(&s.exchange.request.form(), "grant_type") == Some("client_credentials"));
    asked.filter_map(|s| Some((s, worked(&s)?)))
}

fn none_for_itself(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in for_themselves(run) {
        looks.look(seen.at(), body.get("refresh_token").is_none(), "no refresh token", || "a refresh token".into());
    }
}

fn own_subject(run: &Run<'_>, looks: &mut Looks) {
    for (seen, body) in for_themselves(run).filter(|(seen, _)| seen.walk.has("rfc9068")) {
        let Some(jws) = body.get("access_token").and_then(Value::as_str).and_then(Jws::parse) else { continue };
        let Some(id) = seen.walk.client(seen.exchange.client.as_deref(), "client_id").filter(|_| asks_for_itself(&seen)) else { continue };
        let sub = jws.claims.get("sub");
        looks.look(seen.at(), sub == Some(id), &format!("sub {id}"), || format!("sub {}", text(sub)));
    }
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), Value::to_string)
}
