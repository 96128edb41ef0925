//! Why the process ends before there is a report.

/// What stopped it. `Display` is what is printed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// Wrong usage, a file of ours that is wrong, or nothing to ask.
    #[error("{0}\n\nexit 2: nothing was run")]
    Usage(String),
    /// The target could not be reached or set up.
    #[error("{0}\n\nexit 3: the target could not be reached or set up")]
    Target(String),
    /// The provider could not be started for others.
    #[error("{0}\n\nexit 3: the provider could not be started")]
    Serve(String),
    /// A file could not be written after the run.
    #[error("{0}\n\nexit 2: not everything could be written")]
    Write(String),
}

impl Stop {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Write(_) => 2,
            Self::Target(_) | Self::Serve(_) => 3,
        }
    }
}
