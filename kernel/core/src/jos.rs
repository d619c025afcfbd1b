//! JOS programs: their calls, and what is different on a machine that runs them.
//!
//! All code for JOS is in this module, and a build without the feature `jos` (on by default) leaves
//! it out. The rest of the kernel calls only the methods that `absent` lists; `absent` replaces
//! this code in such a build.

#[cfg(not(feature = "jos"))]
mod absent;
#[cfg(feature = "jos")]
mod calls;
#[cfg(feature = "jos")]
mod command_line;
#[cfg(feature = "jos")]
mod course;
#[cfg(feature = "jos")]
mod cputs;
#[cfg(feature = "jos")]
mod fault;
#[cfg(feature = "jos")]
mod programs;
#[cfg(feature = "jos")]
mod report;
#[cfg(feature = "jos")]
mod shortage;
