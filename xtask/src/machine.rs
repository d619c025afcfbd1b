//! The machine to emulate: the one place where QEMU's command line is written.
//!
//! `cargo xtask qemu`, `gdb`, and every emulator test start from here. Nothing runs in this file.

use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::disk::Disk;

/// The emulator's name on the search path.
pub const QEMU: &str = "qemu-system-i386";

/// Memory of a machine for which none is named, in MiB.
pub const DEFAULT_MEMORY: u32 = 128;

/// QEMU's arguments for a machine that is halted until a debugger connects to a port of 127.0.0.1
/// and lets it go on.
#[must_use]
pub fn halted(port: u16) -> Vec<String> {
    ["-S", "-gdb", &format!("tcp:127.0.0.1:{port}")].map(str::to_owned).to_vec()
}

/// The other end of the first serial line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serial {
    /// This terminal in raw mode: Ctrl-C reaches the guest, Ctrl-A X ends QEMU.
    Terminal,
    /// Standard input and output as plain streams.
    Streams,
    /// A file that only the guest writes.
    File(PathBuf),
    /// Nothing: the machine has no serial port.
    Absent,
}

/// What the firmware starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// The kernel through QEMU's own Multiboot loader, usually with one module.
    Kernel {
        /// The ELF file.
        kernel: PathBuf,
        /// The boot archive; without it the kernel has nothing to run.
        archive: Option<PathBuf>,
    },
    /// A CD with a boot loader, which brings its own command line.
    Disc(PathBuf),
}

/// A machine to boot.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What it boots.
    pub image: Image,
    /// The board and its properties (`-M`), if not QEMU's default.
    pub board: Option<String>,
    /// The CPU (`-cpu`), if not the board's default.
    pub cpu: Option<String>,
    /// Memory in MiB.
    pub memory: u32,
    /// The kernel's command line, as [`kernel_command_line`] writes it.
    pub command_line: String,
    /// Makes time a function of the instructions run: every boot is the same, byte for byte.
    pub icount: bool,
    /// The console.
    pub serial: Serial,
    /// A raw image that is the second IDE drive.
    pub ide_disk: Option<PathBuf>,
    /// A virtio drive, for our own driver.
    pub disk: Option<Disk>,
    /// A configuration file of QEMU's `blkdebug`, which makes requests to the virtio drive's image
    /// fail: for tests.
    pub disk_errors: Option<PathBuf>,
    /// More arguments for QEMU: for tests on odd machines.
    pub more: Vec<String>,
    /// A file that is the machine's RAM, as large as `memory` says, for others to read while it
    /// runs.
    pub ram: Option<PathBuf>,
    /// A socket where the emulator answers QMP, for a caller that stops the machine.
    pub monitor: Option<PathBuf>,
}

impl Machine {
    /// A machine of the default size that boots this image and talks through plain streams.
    #[must_use]
    pub fn new(image: Image) -> Self {
        Self {
            image,
            board: None,
            cpu: None,
            memory: DEFAULT_MEMORY,
            command_line: String::new(),
            icount: false,
            serial: Serial::Streams,
            ide_disk: None,
            disk: None,
            disk_errors: None,
            more: Vec::new(),
            ram: None,
            monitor: None,
        }
    }

    /// Something of this machine that QEMU alone offers, if there is anything.
    #[must_use]
    pub fn beyond_plain(&self) -> Option<&'static str> {
        let table = [
            (self.board.is_some(), "other board"),
            (self.cpu.is_some(), "other CPU"),
            (self.serial != Serial::Streams, "serial line of this kind"),
            (self.ide_disk.is_some(), "second IDE drive"),
            (self.disk.is_some(), "virtio drive"),
            (self.ram.is_some(), "memory in a file"),
            (self.monitor.is_some() || !self.more.is_empty(), "further argument of QEMU's"),
        ];
        table.into_iter().find_map(|(is_asked, what)| is_asked.then_some(what))
    }

    /// The command that starts the emulator, and the directory it has to run in.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(QEMU);
        command.args(self.arguments());
        if let Some(directory) = self.directory() {
            command.current_dir(directory);
        }
        command
    }

    /// QEMU's arguments.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Arguments(Vec::new());
        self.add_board(&mut arguments);
        self.add_lines(&mut arguments);
        self.add_disks(&mut arguments);
        arguments.0.extend(self.more.iter().map(OsString::from));
        self.add_image(&mut arguments);
        arguments.0
    }

    /// The board, the CPU, memory and time.
    fn add_board(&self, arguments: &mut Arguments) {
        // KVM hangs a 32-bit guest on some hosts, so the accelerator is named.
        arguments.add(&["-accel", "tcg", "-nodefaults", "-vga", "none", "-display", "none"]);
        arguments.add(&["-no-reboot", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
        if let Some(board) = &self.board {
            arguments.add(&["-M", board]);
        }
        if let Some(cpu) = &self.cpu {
            arguments.add(&["-cpu", cpu]);
        }
        let memory = self.memory;
        arguments.add(&["-m", &memory.to_string()]);
        if let Some(file) = &self.ram {
            let file = in_option(file);
            let ram = "memory-backend-file,id=ram,share=on";
            arguments.add(&["-object", &format!("{ram},size={memory}M,mem-path={file}")]);
            arguments.add(&["-machine", "memory-backend=ram"]);
        }
        if self.icount {
            arguments.add(&["-icount", "shift=0,sleep=off", "-rtc", "clock=vm,base=2020-01-01"]);
        }
    }

    /// The serial line and the monitor.
    fn add_lines(&self, arguments: &mut Arguments) {
        if let Some(socket) = &self.monitor {
            arguments.add(&["-qmp", &format!("unix:{},server=on,wait=off", in_option(socket))]);
        }
        arguments.add(&["-serial"]);
        match &self.serial {
            Serial::Terminal => arguments.add(&["mon:stdio"]),
            Serial::Streams => arguments.add(&["stdio"]),
            Serial::Absent => arguments.add(&["none"]),
            Serial::File(file) => arguments.add(&[&format!("file:{}", file.display())]),
        }
    }

    fn add_disks(&self, arguments: &mut Arguments) {
        if let Some(disk) = &self.ide_disk {
            let drive = "if=ide,index=1,media=disk,format=raw";
            arguments.add(&["-drive", &format!("{drive},file={}", in_option(disk))]);
        }
        let Some(disk) = &self.disk else { return };
        let file = match (disk, &self.disk_errors) {
            (Disk::Image(disk), None) => format!("driver=raw,file.filename={}", in_option(disk)),
            (Disk::Image(disk), Some(errors)) => format!(
                "driver=raw,file.driver=blkdebug,file.config={},file.image.filename={}",
                in_option(errors),
                in_option(disk)
            ),
            (Disk::Nameless(file), _) => {
                arguments.add(&["-add-fd", &format!("fd={},set=1", file.as_raw_fd())]);
                // QEMU would open it for reading first, and its set has no file opened so.
                "driver=raw,file.filename=/dev/fdset/1,file.auto-read-only=off".to_owned()
            }
        };
        let drive = "if=none,id=disk,werror=report,rerror=report";
        arguments.add(&["-drive", &format!("{drive},{file}")]);
        arguments.add(&["-device", "virtio-blk-pci,drive=disk,disable-legacy=on"]);
    }

    fn add_image(&self, arguments: &mut Arguments) {
        match &self.image {
            Image::Kernel { kernel, archive } => {
                arguments.0.extend(["-kernel".into(), self.near(kernel)]);
                if let Some(archive) = archive {
                    arguments.0.extend(["-initrd".into(), self.near(archive)]);
                }
                arguments.0.extend(["-append".into(), OsString::from(&self.command_line)]);
            }
            Image::Disc(disc) => {
                arguments.0.extend(["-boot".into(), "d".into(), "-cdrom".into(), disc.into()]);
            }
        }
    }

    /// QEMU splits the module's name at spaces and commas, and puts the kernel's name before the
    /// command line. So it runs in the folder of both and gets their names without a path.
    fn directory(&self) -> Option<&Path> {
        match &self.image {
            Image::Kernel { kernel, archive } => archive.as_deref().unwrap_or(kernel).parent(),
            Image::Disc(_) => None,
        }
    }

    fn near(&self, file: &Path) -> OsString {
        match file.file_name() {
            Some(name) if file.parent() == self.directory() => name.into(),
            _ => file.into(),
        }
    }
}

/// A command line of QEMU's.
struct Arguments(Vec<OsString>);

impl Arguments {
    fn add(&mut self, words: &[&str]) {
        self.0.extend(words.iter().map(OsString::from));
    }
}

/// A file's name as part of an option, where a comma is doubled.
#[must_use]
pub fn in_option(file: &Path) -> String {
    file.display().to_string().replace(',', ",,")
}

/// The kernel's command line: words for the kernel, then `run=` and everything that belongs to the
/// program.
#[must_use]
pub fn kernel_command_line<'a>(
    words: impl IntoIterator<Item = &'a str>,
    run: Option<&str>,
) -> String {
    let words = words.into_iter().map(str::to_owned);
    let run = run.map(|program| format!("run={program}"));
    words.chain(run).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine::new(Image::Kernel {
            kernel: "/a tree, mine/kernel.elf".into(),
            archive: Some("/a tree, mine/boot.tar".into()),
        })
    }

    fn line(machine: &Machine) -> String {
        let words = machine.arguments();
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_plain_machine_has_a_serial_line_an_exit_port_and_nothing_else() {
        assert_eq!(
            line(&machine()),
            "-accel tcg -nodefaults -vga none -display none -no-reboot \
             -device isa-debug-exit,iobase=0xf4,iosize=4 -m 128 -serial stdio \
             -kernel kernel.elf -initrd boot.tar -append "
        );
    }

    #[test]
    fn a_tree_with_spaces_and_commas_in_its_path_boots() {
        let command = machine().command();
        assert_eq!(command.get_current_dir(), Some(Path::new("/a tree, mine")));
    }

    #[test]
    fn an_archive_from_elsewhere_takes_the_kernel_by_its_full_path() {
        let mut machine = machine();
        machine.image = Image::Kernel {
            kernel: "/here/kernel.elf".into(),
            archive: Some("/there/bad.tar".into()),
        };
        let line = line(&machine);
        assert!(line.contains("-kernel /here/kernel.elf -initrd bad.tar"), "{line}");
    }

    #[test]
    fn counted_instructions_also_fix_the_clock() {
        let machine = Machine { icount: true, ..machine() };
        let line = line(&machine);
        assert!(line.contains("-icount shift=0,sleep=off -rtc clock=vm,base=2020-01-01"), "{line}");
    }

    #[test]
    fn another_board_and_cpu_are_named_and_the_serial_port_may_be_left_out() {
        let machine = Machine {
            board: Some("isapc".to_owned()),
            cpu: Some("pentium3".to_owned()),
            serial: Serial::Absent,
            ..machine()
        };
        let line = line(&machine);
        assert!(line.contains(" -M isapc -cpu pentium3 -m 128 -serial none "), "{line}");
    }

    #[test]
    fn only_a_terminal_gets_the_monitor() {
        let machine = Machine { serial: Serial::Terminal, ..machine() };
        assert!(line(&machine).contains("-serial mon:stdio"));
    }

    #[test]
    fn an_ide_disk_is_the_second_drive() {
        let machine = Machine { ide_disk: Some("/a,b/fs.img".into()), ..machine() };
        let line = line(&machine);
        let drive = "-drive if=ide,index=1,media=disk,format=raw,file=/a,,b/fs.img ";
        assert!(line.contains(drive), "{line}");
    }

    #[test]
    fn a_disk_without_a_name_is_handed_over_open() {
        let file = std::sync::Arc::new(tempfile::tempfile().unwrap());
        let fd = file.as_raw_fd();
        let machine = Machine { disk: Some(Disk::Nameless(file)), ..machine() };
        let line = line(&machine);
        assert!(line.contains(&format!("-add-fd fd={fd},set=1 -drive ")), "{line}");
        assert!(line.contains("file.filename=/dev/fdset/1,file.auto-read-only=off "), "{line}");
    }

    #[test]
    fn a_disc_brings_its_own_command_line() {
        let mut machine = machine();
        machine.image = Image::Disc("/v.iso".into());
        let line = line(&machine);
        assert!(line.ends_with("-boot d -cdrom /v.iso"), "{line}");
    }

    #[test]
    fn the_program_and_its_arguments_come_last() {
        let table = [
            (None, None, ""),
            (Some("quiet"), None, "quiet"),
            (None, Some("walk 0xef7bd000"), "run=walk 0xef7bd000"),
            (Some("quiet x=1"), Some("cow"), "quiet x=1 run=cow"),
            (Some("jos"), None, "jos"),
        ];
        for (append, run, expected) in table {
            assert_eq!(kernel_command_line(append, run), expected);
        }
    }
}
