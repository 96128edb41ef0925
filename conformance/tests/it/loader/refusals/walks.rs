//! One small slip each, and the whole of what is said about it: clients, verbs, references, and what a file cites and needs.

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
        "36:36: `{op.second}` names nothing: the target has no origin `second`; it is one of `primary`, `other`, `management`, `issuer`, `configuration`",
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
];
