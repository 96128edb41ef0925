//! The integration tests, in one binary.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod cli;
mod devices;
mod foreign;
mod killed;
mod loader;
mod outside;
mod pipeline;
mod proof;
mod readme;
mod reports;
mod verbs;
