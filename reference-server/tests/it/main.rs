//! The provider from outside, over real sockets and TLS.

mod code_flow;
mod walker;
