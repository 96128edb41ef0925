//! Walks a scenario against a target and writes down what happened. It never judges.
pub mod browser;
pub mod edit;
pub mod front;
pub mod jar;
pub mod listen;
pub mod live;
pub mod net;
pub mod openid;
pub mod page;
pub mod recorder;
pub mod site;
pub mod time;
pub mod verbs;
pub mod walk;
