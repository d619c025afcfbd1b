//! What a test of this crate returns.

use libtest_mimic::Failed;

/// Nothing if the claim holds, or what was expected and what was seen.
pub type Claim = Result<(), Failed>;
