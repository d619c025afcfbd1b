//! What the user asked for cannot be done as asked: one line, and exit status 1.

/// The line, which names the mistake by the name that the user gave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadInput(pub String);
