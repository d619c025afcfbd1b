//! The bare root: the smallest Debian, with package lists of the main suite alone.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Seek};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::commands::{in_namespaces, remove, say};
use super::host::Host;
use crate::command;
use crate::leash;
use crate::progress::Ticker;

/// What a newcomer's machine has beside the smallest Debian.
const INCLUDED: &str = "--include=ca-certificates,gcc,libc6-dev,git";

/// What says where packages come from, below `/etc/apt` and elsewhere.
const SOURCES: [&str; 10] = [
    "etc/apt/sources.list",
    "etc/apt/sources.list.d",
    "etc/apt/trusted.gpg",
    "etc/apt/trusted.gpg.d",
    "etc/apt/keyrings",
    "etc/apt/preferences",
    "etc/apt/preferences.d",
    "etc/apt/auth.conf",
    "etc/apt/auth.conf.d",
    "usr/share/keyrings",
];

/// Makes the bare root at `bare`. It appears there when it is whole.
///
/// # Errors
/// debootstrap or apt-get failed: there is no bare root, and what was begun lies beside `bare`.
pub fn make(host: &Host, bare: &Path) -> Result<()> {
    say(&format!(
        "making a bare {} by debootstrap from {}: about a minute",
        host.suite, host.mirror
    ));
    let begun = bare.with_extension("begun");
    remove(&begun)?;
    remove(bare)?;
    command::create_directory(&begun)?;
    let words = ["debootstrap", "--variant=minbase", INCLUDED, &host.suite].map(OsStr::new);
    let places = [begun.as_os_str(), OsStr::new(&host.mirror)];
    quietly("making the bare system", &[&words[..], &places].concat())?;

    say("leaving it package lists of the main suite alone");
    // Lists are found again by the address that they came from: debootstrap's are under another.
    let main = format!("deb {} {} main\n", host.mirror, host.suite);
    fs::write(begun.join("etc/apt/sources.list"), main).context("cannot write sources.list")?;
    take_apt_settings(&begun)?;
    let update = ["apt-get", "-o", "APT::Update::Error-Mode=any", "update"].map(OsStr::new);
    let chroot = [OsStr::new("chroot"), begun.as_os_str()];
    quietly("fetching the lists of the main suite", &[&chroot[..], &update].concat())?;

    if host.is_debian {
        fs::remove_file(begun.join("etc/apt/sources.list"))
            .context("cannot remove sources.list")?;
        for path in SOURCES {
            take(path, &begun)?;
        }
    } else {
        let (mirror, suite) = (&host.mirror, &host.suite);
        let security = "http://deb.debian.org/debian-security";
        let all = format!(
            "deb {mirror} {suite} main\ndeb {mirror} {suite}-updates main\n\
             deb {security} {suite}-security main\n"
        );
        fs::write(begun.join("etc/apt/sources.list"), all).context("cannot write sources.list")?;
    }
    fs::rename(&begun, bare).context("cannot rename the bare system")
}

/// Takes those of apt's settings that say how files are fetched: proxies, dates that are believed.
fn take_apt_settings(root: &Path) -> Result<()> {
    let files = fs::read_dir("/etc/apt/apt.conf.d").into_iter().flatten().flatten();
    for file in files {
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        if text.contains("Acquire::") {
            let target = root.join("etc/apt/apt.conf.d").join(file.file_name());
            fs::write(target, text).context("cannot copy apt's settings")?;
        }
    }
    Ok(())
}

/// Copies a file or folder of the host's, which may not be there, into the root.
fn take(path: &str, root: &Path) -> Result<()> {
    let source = Path::new("/").join(path);
    if !source.exists() {
        return Ok(());
    }
    let parent = root.join(path).parent().map(Path::to_owned).context("a path without a parent")?;
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--dereference"]).arg(source).arg(parent);
    command::run_quietly(&mut copy).map(drop)
}

/// Runs a command in namespaces of its own, and shows what it printed only if it fails.
///
/// debootstrap mounts things in the root that it makes. They are gone with the namespaces, also
/// when it is interrupted.
fn quietly(doing: &'static str, arguments: &[&OsStr]) -> Result<()> {
    let mut log = tempfile::tempfile().context("cannot create a temporary file")?;
    let output = || log.try_clone().context("cannot share a temporary file");
    let mut command = in_namespaces();
    command.args(arguments).stdin(Stdio::null()).stdout(output()?).stderr(output()?);
    let _ticker = Ticker::start(move |seconds| format!("still {doing} ({seconds} s)"));
    let child = leash::spawn(&mut command).with_context(|| command::cannot_start(&command))?;
    let status = child.wait().context("cannot wait for a command")?;
    if !status.success() {
        log.rewind().context("cannot read a temporary file")?;
        io::copy(&mut log, &mut io::stderr()).context("cannot show what a command printed")?;
        bail!("this command failed ({status}):\n  {}", command::line(&command));
    }
    Ok(())
}
