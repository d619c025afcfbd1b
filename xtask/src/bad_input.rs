//! What the user asked for cannot be done as asked: one line, and exit status 1.

use std::error::Error;
use std::fmt;

/// The line, which names the mistake by the name that the user gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput(pub String);

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for BadInput {}
