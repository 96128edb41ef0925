//! The reference provider.
