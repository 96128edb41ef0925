//! One small slip each, and the whole of what is said about it: what is expected, the rows and their edits, the configuration.

use super::{Case, END};

/// The cases, by what they are about.
#[rustfmt::skip] // A case is a line or a few, and not a page.
pub const CASES: &[Case] = &[
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
