//! JOS programs: their calls, and what is different on a machine that runs them.
//!
//! All of it is here, and the feature `jos` (on by default) leaves it out. The rest of the kernel enters by one door: the
//! methods that `absent` lists, which is the module that stands here without the feature.

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
