//! JOS programs: their calls, and what is different on a machine that runs them.

pub(crate) mod calls;
pub(crate) mod course;
mod cputs;
