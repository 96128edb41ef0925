//! The closed list of acts on the provider's side.

use super::{Act, CLIENT, Field, Kind, OF, ORIGIN, USER, word};
use crate::scenario::word::FLAGS;

const ROLE: Field = word("role", Kind::Text);
const ORGANIZATION: Field = word("organization", Kind::Text);
const FLAG: Field = word("flag", Kind::Words(FLAGS));

/// The closed list of acts.
pub static ACTS: &[Act] = &[
    Act {
        name: "set_flag",
        about: "Turns a feature on or off, for the system or the instance; `inherit` takes the setting away.",
        fields: &[FLAG, word("level", Kind::Words(&["system", "instance"])), word("to", Kind::FlagOrInherit), ORIGIN],
        wants: &["flag", "to"],
    },
    Act {
        name: "set_policy",
        about: "Changes the security policy: whether anybody may act for another.",
        fields: &[word("impersonation", Kind::Flag), ORIGIN],
        wants: &["impersonation"],
    },
    Act {
        name: "grant_role",
        about: "Gives a user a role, in an organization or in the user's own.",
        fields: &[USER, ROLE, ORGANIZATION, ORIGIN],
        wants: &["user", "role"],
    },
    Act { name: "revoke_role", about: "Takes a role from a user.", fields: &[USER, ROLE, ORGANIZATION, ORIGIN], wants: &["user", "role"] },
    Act { name: "lock_user", about: "Locks a user out.", fields: &[USER, ORIGIN], wants: &["user"] },
    Act { name: "unlock_user", about: "Lets a locked user in again.", fields: &[USER, ORIGIN], wants: &["user"] },
    Act { name: "deactivate_user", about: "Deactivates a user.", fields: &[USER, ORIGIN], wants: &["user"] },
    Act { name: "reactivate_user", about: "Makes a deactivated user active again.", fields: &[USER, ORIGIN], wants: &["user"] },
    Act { name: "terminate_session", about: "Ends the session of a sign-in.", fields: &[OF, ORIGIN], wants: &["of"] },
    Act { name: "rotate_keys", about: "Signs with the next keys from now on.", fields: &[ORIGIN], wants: &[] },
    Act { name: "remove_client", about: "Removes a client.", fields: &[CLIENT, ORIGIN], wants: &["client"] },
    Act { name: "set_up", about: "Runs the step that makes an old installation fit for this release.", fields: &[ORIGIN], wants: &[] },
];
