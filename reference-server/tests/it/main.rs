//! The provider from outside, over real sockets and TLS.

mod authorization;
mod back_channel;
mod claims;
mod client_auth;
mod client_credentials;
mod code_flow;
mod device;
mod discovery;
mod features;
mod introspection;
mod limits;
mod logout;
mod managed_clients;
mod management;
mod random_input;
mod refresh;
mod registration;
mod relying_party;
mod restarting;
mod revocation;
mod serving;
mod set_up;
mod users;
mod walker;
