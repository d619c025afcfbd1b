//! Whether Bochs and its firmware are on this computer.

use std::path::Path;

/// The emulator's name on the search path.
pub const BOCHS: &str = "bochs";

/// Where systems put its firmware.
const SHARES: [&str; 3] =
    ["/usr/share/bochs", "/usr/local/share/bochs", "/opt/homebrew/share/bochs"];

/// The firmware of the machine and of its display. The later BIOS does not start a CD's boot
/// loader.
pub const FIRMWARE: [&str; 2] = ["BIOS-bochs-legacy", "VGABIOS-lgpl-latest"];

/// The folder with the firmware, if it is there.
#[must_use]
pub fn firmware() -> Option<&'static Path> {
    let is_whole = |share: &&Path| FIRMWARE.iter().all(|file| share.join(file).is_file());
    SHARES.iter().map(Path::new).find(is_whole)
}
