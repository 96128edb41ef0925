//! The reference provider: minimal in code, complete in flows, strict by default.

mod browser;
mod client_auth;
mod config;
mod endpoints;
mod exchange;
mod grants;
mod hint;
mod http;
mod jose;
mod keys;
mod log;
mod names;
mod notifier;
mod own_keys;
mod own_tls;
mod pages;
mod params;
mod passwords;
mod provider;
mod refusal;
mod scope;
mod seam;
mod serve;
mod sessions;
mod state;
mod tokens;
mod world;

pub use seam::{Handle, Outside, Quiet, ResolveName, StartError, start};
pub use serve::{ServeError, ServeOptions, serve};
