//! The provider from outside, over real sockets and TLS.

mod authorization;
mod back_channel;
mod claims;
mod code_flow;
mod discovery;
mod limits;
mod logout;
mod management;
mod relying_party;
mod serving;
mod walker;
