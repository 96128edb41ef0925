//! The reference provider: minimal in code, complete in flows, strict by default.
//!
//! It stands beside a conformance harness as the needle that is known to be good: [`start`] gives the harness a provider whose time
//! and chance are its own, [`serve`] gives people one that they can point a client at. `README.md` says what is configured where, and
//! where and why this provider differs from the product that it was modelled on.
//!
//! # How a request goes
//!
//! ```text
//! socket ── http ──▶ endpoints ──▶ state ──▶ log ──▶ store
//!                        │  (fold)      (append)        │
//!                        ▼                              ▼
//!                  pages, tokens                    notifier ──▶ world::outgoing ──▶ relying parties
//! ```
//!
//! The event log is the only state. A command loads the aggregates that it is about, folds their events, decides, and appends with the
//! versions that it saw. Who comes second is told that something has changed, loads, and decides again; so a code buys once without
//! any lock, and a race ends the same way whoever wins it.
//!
//! # Where things are
//!
//! | module | holds |
//! |---|---|
//! | `seam`, `serve`, `running` | the two ways to begin, with virtual and real time; and what both begin |
//! | `http` | accepting connections, TLS, limits, the end |
//! | `endpoints` | the table of paths, and a file for each endpoint; `endpoints::next` decides what an authorization request needs next; `endpoints::conversation` is the way to a known user that an authorization request and a device have in common |
//! | `grants` | the table of grants, one file and one line each |
//! | `client_auth`, `client_jwt`, `client_keys`, `hint`, `browser` | who asks: a client and its keys, an ID token, a browser and its forms |
//! | `state` | one file for each kind of aggregate: its events, and what they add up to |
//! | `log` | events, batches, the trait of the stores, which are `log::memory` and `log::durable` |
//! | `registration` | what a client says of itself, checked |
//! | `managing` | what the management API does |
//! | `sessions`, `notifier` | ending sessions, and telling relying parties about it |
//! | `found`, `revoking` | tokens that come back, and taking them back |
//! | `actor`, `permission` | who acts for a user, and who may |
//! | `tokens`, `jose`, `keys`, `own_keys`, `own_tls` | what is signed, and with what |
//! | `refusal` | why something is refused, and how that is said on the wire |
//! | `user_code` | what a person carries from a device to a browser |
//! | `claims`, `subject` | what a client learns of a user, and by which `sub` it knows them |
//! | `names`, `scope`, `params`, `exchange` | values in their types, from the door on |
//! | `pages`, `admin_pages` and `templates/`, `texts` and `locales/` | what people see, and what it says in each language |
//! | `config` | the configuration, and messages about slips in it |
//! | `world` | time, fresh names, connections to others, and who is at work |
//!
//! # What is not there
//!
//! - No module but `http` and `world::outgoing` talks over a socket; the two entry points open the port.
//! - No module but `serve` asks the machine for the time or for chance (`own_keys` and `own_tls` make keys where `serve` says so).
//! - No state beside the log. What is kept in memory is folded from it, or can be thrown away.
//! - No secret in the log: codes, tokens and cookies are filed under their hashes, and private keys are not events. But for one: the key
//!   of the MAC of a client that has registered `client_secret_jwt`, which no hash can stand in for.
//! - No switch that makes the provider wrong. Defects are played on the wire by the harness.
//! - No lock that is held while somebody outside is waited for.
//! - Nothing in discovery that does not work.

mod actor;
mod admin_pages;
mod browser;
mod claims;
mod client_auth;
mod client_jwt;
mod client_keys;
mod config;
mod endpoints;
mod exchange;
mod found;
mod grants;
mod hint;
mod http;
mod jose;
mod keys;
mod log;
mod managing;
mod names;
mod notifier;
mod own_keys;
mod own_tls;
mod pages;
mod params;
mod passwords;
mod permission;
mod provider;
mod refusal;
mod registration;
mod revoking;
mod running;
mod scope;
mod seam;
mod serve;
mod sessions;
mod state;
mod subject;
mod texts;
mod tokens;
mod user_code;
mod world;

pub use endpoints::paths;
pub use log::durable::OpenError;
pub use own_keys::KeysError;
pub use seam::{End, Handle, Outside, Quiet, ResolveName, StartError, start};
pub use serve::{ServeError, ServeOptions, serve};
pub use world::fresh::Chance;
