//! The logger of a program: its `log` lines go to the console, each with the process's id.

use log::{LevelFilter, Log, Metadata, Record};

use crate::{call, println};

struct Console;

impl Log for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            println!("[{}] {}: {}", call::identity().id, record.level(), record.args());
        }
    }

    fn flush(&self) {}
}

/// Makes `log` print everything from [`LevelFilter::Info`] up; a program may set another level.
pub(crate) fn install() {
    static CONSOLE: Console = Console;
    // It fails only when there is a logger already, and a process starts once.
    if log::set_logger(&CONSOLE).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
