//! One small slip each, and the whole of what is said about it.

use super::{Case, END};

/// The cases, by what they are about.
#[rustfmt::skip] // A case is a line or a few, and not a page.
pub const CASES: &[Case] = &[
    // Keys of a file, and its clients.
    (&[(r#"title = "A sentence"
"#, "")], &["1:1: the file has no `title`; it is the sentence that the file proves"]),
    (&[(r#"cites = ["doc-1-must"]
"#, "")], &["22:1: a check that cites nothing; `cites` names the requirements that it asks about"]),
    (&[("cites = [", "cite = [")], &["2:1: a file has no `cite`; did you mean `cites`?"]),
    (&[("[ask]", "[asks]")], &["22:2: a file has no `asks`; did you mean `ask`?"]),
    (&[(r#"like = "web""#, r#"lik = "web""#)], &[
        "5:9: `slow` is `like` no client; name the fixture that it differs from",
        "6:1: a client has no `lik`; did you mean `like`?",
    ]),
    (&[(r#"like = "web""#, r#"like = "wb""#)], &["6:8: there is no client `wb`; did you mean `web`?"]),
    (&[(r#"like = "web""#, r#"like = "web"
id_token_signd_response_alg = "ES256""#)], &[
        "7:1: a client has no `id_token_signd_response_alg`; did you mean `id_token_signed_response_alg`?",
    ]),
    (&[("[with]", "[client.Slower]\nlike = \"web\"\n[with]")], &["8:9: `Slower` cannot be the name of a client; small letters, digits and `-`"]),
    (&[("[with]", "[client.shop]\nlike = \"web\"\n[with]")], &["8:9: `shop` is a client of the fixtures; give this one a name of its own"]),

    // Verbs and their fields.
    (&[("login = {", "loggin = {")], &["12:1: there is no verb `loggin`; did you mean `login`?"]),
    (&[(r#"save = "alice""#, r#"save = "alice"
advance = "1h""#)], &["14:1: a step has one verb, and this has `login` and `advance`"]),
    (&[(r#"save = "alice""#, r#"sav = "alice""#)], &["13:1: a step has no `sav`; did you mean `save`?"]),
    (&[(r#"login = { user = "alice", client = "slow", scope = "openid" }
"#, "")], &["11:1: a step has no verb"]),
    (&[(r#"scope = "openid""#, r#"scop = "openid""#)], &["12:44: `login` has no field `scop`; did you mean `scope`?"]),
    (&[(r#"user = "alice", "#, "")], &["12:1: `login` needs `user`"]),
    (&[(r#"user = "alice""#, r#"user = "alise""#)], &["12:18: there is no user `alise`; did you mean `alice`?"]),
    (&[(r#"client = "spa""#, r#"client = "sap""#)], &["16:38: there is no client `sap`; did you mean `spa`?"]),
    (&[(r#"browser = "second""#, r#"browser = "secund""#)], &["16:55: `browser` is never `secund`; did you mean `second`?"]),
    (&[(r#"browser = "second""#, "browser = 2")], &["16:55: `browser` wants text and not `2`"]),
    (&[("authorize = { user", "authorize = { max_age = { a = 1 }, user")], &[
        "16:25: `max_age` wants text, a number, true or false, or a list of these and not `{ a = 1 }`",
    ]),
    (&[("answer = {", r#"answer = "now"
#"#)], &[r#"20:10: `answer` wants a table of its fields and not `"now"`"#]),
    (&[(END, r#"[row.x]
admin = { do = "terminate", of = "{alice}" }
deliveries.slow = ["{alice}"]
"#)], &[
        "40:16: there is no act `terminate`; did you mean `terminate_session`?",
    ]),
    (&[(END, r#"[row.x]
admin = { of = "{alice}" }
deliveries.slow = ["{alice}"]
"#)], &[
        "40:1: `admin` has no `do`; it is one of set_flag, set_policy, grant_role, revoke_role, lock_user, unlock_user, deactivate_user, reactivate_user, terminate_session, rotate_keys, remove_client, set_up",
    ]),
    (&[(END, r#"[row.x]
needs = ["admin.terminate_session"]
admin = { do = "terminate_session" }
deliveries.slow = ["{alice}"]
"#)], &[
        "41:1: `terminate_session` needs `of`",
    ]),
    (&[(END, r#"[row.x]
needs = ["admin.terminate_session"]
admin = { do = "terminate_session", of = "{alice}", user = "bob" }
deliveries.slow = ["{alice}"]
"#)], &[
        "41:53: `terminate_session` has no field `user`; it is one of `of`, `origin`",
    ]),
    (&[(r#"with = "{with.answers}""#, r#"with = [200, "hung", 99, { statu = 1 }]"#)], &[
        "20:42: there is no answer `hung`; did you mean `hang`?",
        "20:50: an answer is a status code from 200 to 599, or a word; `hang`, `drop` or `gone`",
        "20:56: an answer has no `statu`; did you mean `status`?",
    ]),
    (&[(END, r#"[row.x]
advance = "1 hour"
deliveries.slow = ["{alice}"]
"#)], &[
        "40:11: `1 hour` is no duration; write `500ms`, `90s`, `5m`, `20h`, `60d`",
    ]),
    (&[(END, r#"[row.x]
first = [{ forge = { from = "{alice.id_token}", sign = "foriegn" }, save = "f" }]
deliveries.slow = []
control = "a/good"
"#)], &[
        "40:56: there is no signer `foriegn`; did you mean `foreign`?",
    ]),
    (&[(END, r#"[row.x]
first = [{ forge = { from = "{alice.id_token}", sign = "client.slw" }, save = "f" }]
set.id_token_hint = "{f.token}"
refused = "page"
"#)], &[
        "40:56: there is no client `slw`; did you mean `slow`?",
    ]),
    (&[(END, r#"[row.x]
send = { get = "{op}/x", post = "{op}/x" }
expect.status = 200
"#)], &[
        "40:33: `send` has `get` or `post` and not both",
    ]),
    (&[(END, r#"[row.x]
send = { url = "{op}/x" }
expect.status = 200
"#)], &[
        "40:1: `send` with a `url` needs its `method`; or write the address under `get` or `post`",
    ]),

    // References.
    (&[(r#"of = "{alice}" }
deliv"#, r#"of = "{alic}" }
deliv"#)], &[
        "23:23: `{alic}` names nothing: nothing is saved as `alic`; did you mean `alice`?",
    ]),
    (&[(r#"save = "code""#, r#"save = "code"
set.state = "{later.json.x}""#), ("[ask]", r#"[[step]]
keys = {}
save = "later"

[ask]"#)], &[
        "18:14: `later` is saved later, in line 25",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{code.id_token}" }"#)], &[
        "36:36: `{code.id_token}` names nothing: what `authorize` brings has no `id_token`",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{alice.id_token}" }"#)], &[
        r#"36:17: `of` wants a reply as a whole; such as `"{alice}"`, with the name that it was saved under"#,
    ]),
    (&[(r#"of = "{alice}" }
deliv"#, r#"of = "{code}", state = "{alice}" }
deliv"#)], &[
        "23:41: `{alice}` is a whole reply; a path into it is meant; such as `{alice.access_token}`",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{alice.json.id_token}" }"#)], &[
        "36:36: a token is not reached through `json`; write `{alice.id_token}`",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{alice.token_type}" }"#)], &[
        "36:36: `{alice.token_type}` names nothing: what `login` brings has no `token_type`; it is a member of the answer: `json.token_type`",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{alice..x}{alice .id_token}" }"#)], &[
        "36:35: `{alice .id_token}` is no reference as it is written; write `{alice.id_token}`",
        "36:36: `{alice..x}` has a dot too many",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{asked.json.scope}" }"#)], &[
        "36:36: `{asked}` is the reply of the question, which has not been asked here; `expect`, `deliveries`, `events` and `then` can speak of it",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{client.slw.client_id}{client.slow.client_idd}{client.slow}{client.slow.redirect_uris.7}{client.spa.basic}" }"#)], &[
        "36:36: `{client.slw.client_id}` names nothing: there is no client `slw`; did you mean `slow`?",
        "36:58: `{client.slow.client_idd}` names nothing: a client has no `client_idd`; did you mean `client_id`?",
        "36:82: `{client.slow}` is a whole client; a member is meant; write `{client.slow.client_id}` or the like",
        "36:95: `{client.slow.redirect_uris.7}` names nothing: `slow` has nothing there",
        "36:124: `{client.spa.basic}` names nothing: `spa` has nothing there",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{user.alise.id}{user.alice.idd}{user.alice}" }"#)], &[
        "36:36: `{user.alise.id}` names nothing: there is no user `alise`; did you mean `alice`?",
        "36:51: `{user.alice.idd}` names nothing: `alice` has no `idd`; did you mean `id`?",
        "36:67: `{user.alice}` is a whole user; a member is meant",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{rp.slow.third}{rp.spa.first}{rp.nobody.first}" }"#)], &[
        "36:36: `{rp.slow.third}` names nothing: a relying party has two addresses; `first` and `second`",
        "36:51: `{rp.spa.first}` names nothing: `spa` has no `backchannel_logout_uri`",
        "36:65: `{rp.nobody.first}` names nothing: there is no client `nobody`",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{op.second}{op.other.x}{op.other.issuer}" }"#)], &[
        "36:36: `{op.second}` names nothing: the target has no origin `second`; it is one of `primary`, `other`, `management`, `issuer`",
        "36:47: `{op.other.x}` names nothing: an origin has no `x`; write `issuer`",
        r#"36:59: this takes the power `two_origins`, which `needs` lacks; write `needs = ["two_origins"]`, beside what is there"#,
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "{alice.landed.x}{code.request}{alice.status}" }"#)], &[
        "36:36: `{alice.landed.x}` names nothing: `landed` has no inside",
        "36:52: `{code.request}` is a table; a member of it is meant",
    ]),
    (&[(r#"of = "{code}" }"#, r#"of = "{code}", scope = "now+5 m" }"#)], &["36:35: `now+5 m` is no time; write `now`, `now+5m`, `now-90s`"]),
    (&[(r#"[[step]]
answer"#, r#"[[step]]
device = { client = "tv" }
save = "device"

[[step]]
send = { get = "{device.json.intervall}" }
set.header.X = "{device.id_token}"

[[step]]
answer"#)], &[
        "24:17: `{device.json.intervall}` names nothing: the answer to `device` has no `intervall`; did you mean `interval`?",
        "25:17: `{device.id_token}` names nothing: what `device` brings has no `id_token`; it is one of `status`, `header`, `json`, `request`, `at`",
    ]),
    (&[(r#"save = "code""#, r#"save = "code"
refused = "login_required""#)], &["37:17: nothing can go on from `code`: that step is refused"]),

    // Placeholders.
    (&[("{with.answers}", "{with.answer}")], &["20:37: `{with.answer}` is a placeholder that is not in `[with]`; did you mean `answers`?"]),
    (&[("with.answers = [500, 200], ", "with.answer = [500, 200], ")], &[
        "28:17: the row gives `answer` a value, which is not in `[with]`; did you mean `answers`?",
    ]),
    (&[("answers = [200]", r#"answers = [200]
idle = 1"#)], &["10:1: no row varies the placeholder `idle`, and no step uses it"]),
    (&[("answers = [200]", r#"answers = [200]
round = "{with.round}""#)], &[
        "10:1: no row varies the placeholder `round`, and no step uses it",
    ]),
    (&[("answers = [200]", r#"answers = [200]
who = "nobody""#), (r#"user = "alice""#, r#"user = "{with.who}""#)], &[
        "10:7: there is no user `nobody`; it is one of `admin`, `alice`, `auditor`, `bob`, `helpdesk`, `support`, `zoe`",
    ]),
    (&[(r#"user = "alice""#, r#"user = "x{with.answers}""#)], &[
        r#"12:18: `user` has to be known before anything runs; a word, or a placeholder alone: `"{with.X}"`"#,
    ]),

    // Requirements.
    (&[(r#"cites = ["doc-1-must"]"#, r#"cites = ["doc-1-mast"]"#)], &[
        "2:10: there is no requirement `doc-1-mast`; did you mean `doc-1-must`?",
    ]),
    (&[(r#"cites = ["doc-1-must"]"#, r#"cites = ["doc-1-may"]"#)], &[
        "2:10: `doc-1-may` is a MAY, and nobody can break it; where it leaves room it belongs in `room`",
    ]),
    (&[(r#"cites = ["doc-1-must"]"#, r#"cites = ["doc-1-must", "doc-1-should"]"#)], &[
        "2:24: `doc-1-must` is a MUST and `doc-1-should` a SHOULD: a check has one strength; ask the other in a row or a file of its own",
    ]),
    (&[(r#"cites = ["doc-1-must"]"#, r#"cites = ["doc-1-must", "doc-1-rp"]"#)], &[
        "2:24: `doc-1-must` binds the provider and `doc-1-rp` the relying party: a check has one culprit",
    ]),
    (&[(r#"cites = ["doc-1-must"]"#, r#"cites = ["doc-2-inside", "doc-2-inside"]"#)], &[
        "2:10: `doc-2-inside` is not asked: nobody can see it",
        "2:26: `doc-2-inside` stands there twice",
        "2:26: `doc-2-inside` is not asked: nobody can see it",
    ]),
    (&[(r#"cites = ["doc-1-must"]"#, r#"cites = "doc-1-must""#)], &[r#"2:9: `cites` wants a list of text and not `"doc-1-must"`"#]),
    (&[(r#"refused = ["invalid_grant"]"#, r#"refused = ["invalid_grant"]
room = ["doc-9"]"#)], &[
        "39:9: there is no requirement `doc-9`; did you mean `doc-1-rp`?",
    ]),

    // Needs.
    (&[(r#"["event_log"]"#, r#"["event_log", "end_sesion"]"#)], &[
        "3:23: there is no feature or power `end_sesion`; did you mean `end_session`?",
    ]),
    (&[(r#"needs = ["event_log"]"#, "needs = []")], &[
        r#"29:12: this takes the power `event_log`, which `needs` lacks; write `needs = ["event_log"]`, beside what is there"#,
    ]),
    (&[(END, r#"[row.x]
first = [{ admin = { do = "rotate_keys" } }, { restart = "kill" }]
deliveries.slow = ["{alice}"]
"#)], &[
        r#"40:12: this takes the power `admin.rotate_keys`, which `needs` lacks; write `needs = ["admin.rotate_keys"]`, beside what is there"#,
        r#"40:48: this takes the power `restart`, which `needs` lacks; write `needs = ["restart"]`, beside what is there"#,
    ]),
    (&[(END, r#"[row.x]
first = [{ keys = { origin = "other" } }, { send = { get = "{op.management}" } }, { forge = { claims = {}, sign = "fixture" } }]
deliveries.slow = ["{alice}"]
"#)], &[
        r#"40:12: this takes the power `two_origins`, which `needs` lacks; write `needs = ["two_origins"]`, beside what is there"#,
        r#"40:61: this takes the power `management_api`, which `needs` lacks; write `needs = ["management_api"]`, beside what is there"#,
        r#"40:85: this takes the power `own_keys`, which `needs` lacks; write `needs = ["own_keys"]`, beside what is there"#,
    ]),
    (&[(END, r#"[row.x]
first = [{ client_credentials = { client = "web" }, set.assertion_key = "fixture" }]
deliveries.slow = ["{alice}"]
"#)], &[
        r#"40:57: this takes the power `own_keys`, which `needs` lacks; write `needs = ["own_keys"]`, beside what is there"#,
    ]),

    // Expectations.
    (&[(r#"deliveries = { slow = ["{alice}"] }
broken"#, "broken")], &[
        "23:1: a check that expects nothing; say `expect.…`, `refused`, `deliveries` or `events`",
    ]),
    (&[(END, r#"[row.x]
then.keys = {}
"#)], &[
        "39:6: a row with `then` says nothing of its reply; the expectations of `[ask]` are about another reply; state its own",
    ]),
    (&[(END, r#"[row.x]
expect.landed = "signed-out"
"#)], &["40:17: there is no page `signed-out`; did you mean `signed_out`?"]),
    (&[(END, r#"[row.x]
expect.status = "200"
expect.callbak.x = 1
expect.json.x = 1
expect.header = 1
expect.landed = { one_of = ["eror"] }
"#)], &[
        r#"40:17: `"200"` is no status; a number from 100 to 599"#,
        "41:16: a reply has no `callbak`; did you mean `callback`?",
        "42:13: what `end_session` brings has no `json`; it has status, header, callback, landed",
        "43:8: `header` is a table; a member of it is meant; `expect.header.NAME`",
        "44:17: there is no page `eror`; did you mean `error`?",
    ]),
    (&[(END, r#"[row.x]
then.userinfo = { of = "{alice}" }
expect.json.a = { knd = "string" }
expect.json.b = { kind = "strng" }
expect.json.c = { absent = false }
expect.json.d = {}
expect.json.e = { matches = "(" }
expect.json.access_token = 1
"#)], &[
        "41:19: there is no matcher `knd`; did you mean `kind`? A member of that name is reached with a dot",
        "42:17: `kind` is one of string, number, boolean, array, object",
        r#"43:17: `absent` is always `true`; to want the place there, say what it holds (`kind = "string"`)"#,
        "44:17: an empty table expects nothing; write `is = {}` for an empty object",
        "45:17: `matches`: regex parse error: error: unclosed group",
        "46:13: a token is not reached through `json`; write `expect.access_token`",
    ]),
    (&[(END, r#"[row.x]
expect = 200
"#)], &["40:10: `expect` wants places of the reply such as `expect.status` and not `200`"]),
    (&[(END, r#"[row.x]
then.userinfo = { of = "{alice}" }
expect.json.a = { is = 1, b = 2 }
expect.json.b = { iss = 1 }
expect.json.c.knd = 1
expect.json.e = { one-of = [1] }
"#)], &[
        "41:19: the matcher `is` stands alone in its table; a member of that name is reached with `is`",
        "44:19: there is no matcher `one-of`; did you mean `one_of`? A member of that name is reached with a dot",
    ]),
    (&[(END, r#"[row.x]
deliveries.slow = [{ of = "{alice}", logout_token.sid = { absent = 1 }, pauses = [{ a = 1 }], answered = ["x"], before_answer = 1 }]
"#)], &[
        r#"40:57: `absent` is always `true`; to want the place there, say what it holds (`kind = "string"`)"#,
        r#"40:83: a pause is a duration or a matcher such as `{ between = ["1s", "10m"] }`"#,
        "40:107: there is no answer `x`; it is one of `hang`, `drop`, `gone`",
        "40:129: `before_answer` wants true or false and not `1`",
    ]),
    (&[(END, r#"[row.x]
expect.landed = "signed_out"
broken_by = [1]
"#)], &["41:14: `broken_by` wants a list of text and not `1`"]),
    (&[("answers = [200]", r#"answers = [200]
round = "{with.round}""#), (r#"scope = "openid""#, r#"scope = "{with.round}""#)], &[
        "10:9: the placeholder `round` leads back to itself",
    ]),
    (&[(END, r#"[row.y]
then.userinfo = { of = "{alice}" }
refused = true
control = "a/good#z"
[row.z]
then.keys = {}
expect.status = 200
control = "a/good#y"
"#)], &[
        "42:11: `a/good#z` has this very check among its own controls",
        "46:11: `a/good#y` is itself a refusal or an absence, and no control; name a check that shows the thing at work",
        "46:11: `a/good#y` has this very check among its own controls",
    ]),
    (&[(END, r#"[row.x]
then.advance = "1h"
expect.status = 200
"#)], &[
        "41:8: what `advance` brings has no `status`; ask something with an answer, or add `then`",
    ]),
    (&[(r#"refused = "login_required""#, r#"refused = "login_requird""#)], &[
        "33:11: there is no error `login_requird`; did you mean `login_required`?",
    ]),
    (&[(r#"refused = "login_required""#, r#"refused = ["login_required", "interaction_required"]"#)], &[
        "33:11: several errors are allowed here, and no `room` says why; `room` names the requirement that leaves it open",
    ]),
    (&[(r#"refused = ["invalid_grant"]"#, r#"refused = "invalid_grant""#)], &[
        r#"38:11: `redeem` is not refused by an error at the client; write a list: `["invalid_grant"]`"#,
    ]),
    (&[(r#"refused = ["invalid_grant"]"#, r#"refused = "page""#)], &[
        "38:11: `redeem` is not refused by a page; write a list of errors, or `true` for any refusal",
    ]),
    (&[(r#"refused = ["invalid_grant"]"#, "refused = []")], &["38:11: `refused` lists no error; `true` is any refusal"]),
    (&[(r#"refused = ["invalid_grant"]"#, "refused = false")], &[
        "38:11: `refused` is never false; a question that is not refused says what it brings",
    ]),
    (&[(r#"refused = ["invalid_grant"]"#, r#"refused = ["invalid_grand", "invalid_request"]"#)], &[
        "38:12: there is no error `invalid_grand`; did you mean `invalid_grant`?",
    ]),
    (&[(r#"refused = ["invalid_grant"]"#, r#"refused = ["invalid_grant", "invalid_request"]"#)], &[
        "38:11: several errors are allowed here, and no `room` says why; `room` names the requirement that leaves it open",
    ]),
    (&[(END, r#"[row.x]
then.advance = "1h"
refused = true
"#)], &["41:11: `advance` cannot be refused"]),
    (&[(r#"slow = ["{alice}"] }
broken"#, r#"slwo = ["{alice}"] }
broken"#)], &["24:16: there is no client `slwo`; did you mean `slow`?"]),
    (&[(r#"slow = ["{alice}"] }
broken"#, r#"web = ["{alice}"] }
broken"#)], &[
        "24:23: `alice` is a login at `slow`, and `web` is never told of that",
    ]),
    (&[(r#"slow = ["{alice}"] }
broken"#, r#"slow = ["{code}", "alice", 1, { of = "{alice}", answred = [1], at = "third", at_least = 1, pauses = ["x"] }, { answered = [] }] }
broken"#)], &[
        "24:24: `authorize` signs nobody in, so nobody is told of its end; a telling belongs to one of login, redeem, refresh, exchange, poll",
        "24:24: `code` is a login at `spa`, and `slow` is never told of that",
        r#"24:34: `alice` is no login; such as `"{web}"`, with the name that it was saved under"#,
        r#"24:43: a telling is `"{login}"` or a table with `of`"#,
        "24:64: a telling has no `answred`; did you mean `answered`?",
        "24:84: there is no address `third`; it is one of `first`, `second`",
        "24:104: `at_least` wants true or false and not `1`",
        "24:116: between 1 attempts there are not 1 pauses",
        r#"24:117: `"x"` is no duration; write `"500ms"`, `"90s"`, `"5m"`"#,
        "24:125: a telling without `of`; it names the login that it belongs to",
        "24:138: `answered` wants the list of the client's answers, one for each attempt and not `[]`",
    ]),
    (&[(r#"slow = ["{alice}"] }
broken"#, r#"slow = "{alice}" }
broken"#)], &[
        r#"24:23: `slow` wants a list of tellings such as `["{web}"]` and not `"{alice}"`"#,
    ]),
    (&[(r#"events."session." = ["#, "events.session = [")], &[
        r#"29:19: `session` is no prefix that ends where a word does; write `events."session."`, in quotes and with the dot"#,
    ]),
    (&[(r#""added", {"#, r#""session.added", { any_order = ["x"] }, 1, { typ = "x" }, { type = "x", pyload.x = 1 }, {"#)], &[
        "29:33: the type is `session.added` behind `session.`; write what follows the prefix",
        "29:64: `any_order` stands alone and holds two events or more, none of them an `any_order`",
        "29:73: an event is its type, or a table with `type` or `any_order`",
        "29:76: an event has a `type`",
        "29:105: an event has no `pyload`; did you mean `payload`?",
    ]),

    // Controls.
    (&[(r#"deliveries = { slow = ["{alice}"] }
broken"#, r#"deliveries = {}
broken"#)], &[
        r#"23:1: an absence proves nothing alone, and no `control` is named; `control = "ID"` names the check that has to be green"#,
    ]),
    (&[(r#"deliveries = { slow = ["{alice}"] }
broken"#, r#"refused = "page"
broken"#)], &[
        r#"23:1: a refusal proves nothing alone, and no `control` is named; `control = "ID"` names the check that has to be green"#,
    ]),
    (&[(END, r#"[row.x]
deliveries = {}
control = "a/goood"
"#)], &["41:11: there is no check `a/goood`; did you mean `a/good`?"]),
    (&[(END, r#"[row.x]
deliveries = {}
control = "a/good#x"
"#)], &["41:11: a check cannot be its own control"]),
    (&[(END, r#"[row.x]
deliveries = {}
control = "a/good#stays"
"#)], &[
        "41:11: `a/good#stays` is itself a refusal or an absence, and no control; name a check that shows the thing at work",
    ]),
    (&[(END, r#"[row.x]
then.introspect = { client = "web", token = "{alice.access_token}" }
expect.json.active = false
"#)], &[
        r#"39:6: a stranger is told `active = false` of any token, and no control shows that `web` is told true; `control = "ID"` names a check in which it introspects and expects `json.active = true`"#,
    ]),
    (&[(END, r#"[row.yes]
introspect = { client = "shop", token = "{alice.access_token}" }
expect.json.active = true
[row.x]
then.introspect = { client = "web", token = "{alice.access_token}" }
expect.json = { is.active = false }
control = "a/good#yes"
"#)], &[
        r#"42:6: a stranger is told `active = false` of any token, and no control shows that `web` is told true; `control = "ID"` names a check in which it introspects and expects `json.active = true`"#,
    ]),

    // Edits, and the words around a verb.
    (&[(r#"save = "alice""#, r#"save = "alice"
set.state = "x""#)], &[
        "14:5: `login` takes no edits: it is two requests; ask about `authorize` or `redeem`",
    ]),
    (&[(END, r#"[row.x]
first = [{ advance = "1h", drop = ["x"] }]
deliveries.slow = ["{alice}"]
"#)], &[
        "40:36: `advance` sends nothing that could be edited",
    ]),
    (&[("set.code_verifier", r#"drop = ["code_verfier", "method", "header"]
repeat.body = "x"
set.cod.x = 1
set.header = "x"
set.method = "get"
set.query = {}
set.code_verifier"#)], &[
        "37:9: `redeem` sends no parameter `code_verfier`; did you mean `code_verifier`?",
        "37:25: `method` cannot be left away",
        "37:35: `header` is a part of the request; a member of it is meant; `header.NAME`",
        "38:8: `body` cannot come twice",
        "39:9: `cod.x`: `cod` has no inside; it is one of `header`, `query`, `assertion`, `assertion_header`",
        "40:5: `header` is a part of the request; a member of it is meant; `header.NAME`",
        r#"41:14: `method` wants a method in capitals such as `"GET"` and not `"get"`"#,
        "42:13: `query` changes nothing",
    ]),
    (&[("set.code_verifier", r#"at_once = 8
set.code_verifier"#)], &["37:1: `at_once` without `succeed`; say how many of them succeed"]),
    (&[("set.code_verifier", r#"succeed = 1
set.code_verifier"#)], &["37:11: `succeed` counts the successes of `at_once`, which is not there"]),
    (&[("set.code_verifier", r#"at_once = 2
succeed = 3
times = 2
set.code_verifier"#)], &[
        "38:11: of 2 at once 3 cannot succeed",
        "39:9: `times` does it in turn and `at_once` together: one of them",
    ]),
    (&[("set.code_verifier", r#"at_once = 1
succeed = 1
set.code_verifier"#)], &[
        "37:11: `at_once` wants a number from 2 and not `1`",
        "38:11: `succeed` counts the successes of `at_once`, which is not there",
    ]),
    (&[(r#"save = "code""#, r#"save = "code"
at_once = 3
succeed = 2"#)], &[
        "17:8: what is saved is the one success, and `succeed` is 2",
        "18:11: of 3 at once 2 succeed, and nothing is said of the others; `refused` says what they are told",
    ]),
    (&[(r#"save = "alice""#, r#"save = "alice"
at_once = 3
succeed = 1
refused = true"#)], &[
        "14:11: `login` cannot be done at once with itself",
    ]),
    (&[("set.code_verifier", r#"beside = { advance = "1h" }
times = 2
set.code_verifier"#)], &[
        "37:12: `advance` has no one request that another could go beside",
        "38:9: `beside` is one verb beside one other: no `times` and no `at_once`",
    ]),
    (&[("set.code_verifier", r#"beside = { userinfo = { of = "{alice}" }, save = "seen", refused = true }
set.code_verifier"#)], &["37:58: `beside` has no `refused`"]),
    (&[("set.code_verifier", r#"beside = { save = "seen" }
set.code_verifier"#)], &["37:10: `beside` has no verb"]),
    (&[(END, r#"[row.x]
beside = { userinfo = { of = "{alice}" }, save = "seen" }
then.userinfo = { token = "{seen.request.header.authorization}" }
expect.header.X = "{seen.status}"
"#)], &[
        "41:28: `{seen.request.header.authorization}`: what that brought depends on who came first; a step can go on from it as a whole: `of = \"{seen}\"`",
        "42:20: `{seen.status}`: what that brought depends on who came first; a step can go on from it as a whole: `of = \"{seen}\"`",
    ]),
    (&[(r#"save = "alice""#, r#"save = "alice"
times = 0
within = 2"#)], &[
        "14:9: `times` wants a number from 1 and not `0`",
        r#"15:10: `within` wants a duration such as `"90s"` and not `2`"#,
    ]),
    (&[(r#"with = "{with.answers}" }"#, r#"with = "{with.answers}" }
save = "x""#)], &["21:8: `answer` brings nothing that could be saved"]),
    (&[(r#"save = "code""#, r#"save = "alice""#)], &[
        "17:8: `alice` is saved twice: in line 13 already",
        "36:18: `{code}` names nothing: nothing is saved as `code`; it is one of `alice`, `asked`, `with`, `client`, `user`, `op`, `rp`, `letters`",
    ]),
    (&[(r#"save = "code""#, r#"save = "asked""#)], &[
        "17:8: `asked` means something else in a reference",
        "36:18: `{code}` names nothing: nothing is saved as `code`; it is one of `alice`, `asked`, `with`, `client`, `user`, `op`, `rp`, `letters`",
    ]),
    (&[(r#"save = "code""#, r#"save = "my code""#)], &[
        "17:8: no reference could name `my code`; letters, digits, `-` and `_`, a letter first",
        "36:18: `{code}` names nothing: nothing is saved as `code`; it is one of `alice`, `my code`, `asked`, `with`, `client`, `user`, `op`, `rp`, `letters`",
    ]),
    (&[("broken_by = [", r#"save = "x"
broken_by = ["#)], &["25:1: `[ask]` has no `save`"]),
    (&[("then.authorize", r#"then.save = "x"
then.authorize"#)], &["32:6: `then` has no `save`"]),

    // Rows.
    (&[(END, r#"[row.twin]
deliveries.slow = ["{alice}"]
"#)], &["39:6: the row asks and expects what its base does"]),
    (&[(END, r#"[row.twin]
then.authorize = { client = "slow", prompt = "none" }
refused = "login_required"
"#)], &[
        "39:6: the row asks and expects what the row `stays` does",
    ]),
    (&[(END, r#"[row.twin]
"#)], &["39:6: the row asks and expects what its base does"]),
    (&[(END, r#"[row."a b"]
expect.landed = "done"
"#)], &[
        "39:6: `a b` cannot be the name of a row; it is part of an id: letters, digits, `-` and `_`",
    ]),
    (&[(END, r#"[row.x]
expects.landed = "done"
"#)], &["40:1: a row has no `expects`; did you mean `expect`?"]),
    (&[("logged = {", "logged = 1 #")], &["29:10: a table belongs here and not a number"]),

    // What breaks a check.
    (&[(r#"["told-twice"]"#, r#"["told-twic"]"#)], &["25:14: there is no defect `told-twic`; did you mean `told-twice`?"]),
    (&[(r#"broken_by = ["told-twice"]"#, r#"broken_by = ["told-twice"]
unbreakable = "it is""#)], &[
        "26:15: a check that a defect breaks is not `unbreakable`",
    ]),
    (&[(r#"broken_by = ["told-twice"]"#, r#"unbreakable = " ""#)], &["25:15: `unbreakable` says why no wire can play the culprit"]),

    // Configuration of the provider.
    (&[("[with]", r#"[provider]
store = "disk"
set_upp = true
flags.token_exchange = 1
lifetimes.access_token = "1 h"
flags.x.y = 1
[with]"#)], &[
        r#"9:9: `store` wants one of memory, durable and not `"disk"`"#,
        "10:1: the provider has no setting `set_upp`; did you mean `set_up`?",
        "11:24: `flags.token_exchange` wants true or false and not `1`",
        r#"12:26: `lifetimes.access_token` wants a duration such as `"90s"` and not `"1 h"`"#,
        "13:7: the provider has no setting `flags.x`; did you mean `flags.token_exchange`?",
    ]),

    // TOML itself.
    (&[("title = ", "title = = ")], &["1:9: extra `=`, expected nothing"]),
    (&[(r#"needs = ["event_log"]"#, r#"needs = ["event_log"]
needs = []"#)], &["4:1: duplicate key"]),
    (&[("login = { user", r#"login = {
 user"#)], &["12:9: a table in braces is one line (TOML 1.0); write its keys with dots, line by line"]),
];
