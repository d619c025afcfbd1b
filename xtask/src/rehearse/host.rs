//! What the host lends to a rehearsal, and whether it can hold one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use nix::unistd::geteuid;

use crate::command::find;

/// The suite for hosts that are not Debian.
const SUITE: &str = "bookworm";

/// Debian's own archive, for hosts that are not Debian.
const MIRROR: &str = "http://deb.debian.org/debian";

/// What a rehearsal takes from the host.
#[derive(Debug)]
pub struct Host {
    /// The Debian release of the bare root.
    pub suite: String,
    /// The archive that the bare root comes from.
    pub mirror: String,
    /// The host is Debian, so its package sources are good for the bare root.
    pub is_debian: bool,
    /// The toolchain that runs us.
    pub sysroot: PathBuf,
    /// The certificates that the host trusts.
    pub certificates: Option<PathBuf>,
    /// Cargo's settings: where crates come from.
    pub cargo_config: Option<PathBuf>,
    /// Words of the environment that say how the network is reached, and what the terminal is.
    pub environment: Vec<(String, String)>,
}

impl Host {
    /// Looks at the host.
    ///
    /// # Errors
    /// One line that says why there can be no rehearsal here.
    pub fn look() -> Result<Self, String> {
        let tools = ["debootstrap", "unshare", "chroot", "mount", "git", "cp"];
        let missing = tools.into_iter().find(|tool| find(tool).is_none());
        possible(geteuid().is_root(), missing)?;
        let cargo = env::var_os("CARGO").map(PathBuf::from);
        let sysroot = lendable_sysroot(cargo.as_deref())?;
        let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
        let suite = debian_suite(&release);
        let is_debian = suite.is_some();
        let mirror = if is_debian { mirror(&package_sources()) } else { None };
        let host = Self {
            suite: suite.unwrap_or_else(|| SUITE.to_owned()),
            mirror: mirror.unwrap_or_else(|| MIRROR.to_owned()),
            is_debian,
            sysroot,
            certificates: certificates(),
            cargo_config: cargo_config(),
            environment: env::vars().filter(|(name, _)| is_lent(name)).collect(),
        };
        if host.reaches_the_archive() {
            Ok(host)
        } else {
            Err(format!("a rehearsal needs the network: {} cannot be reached", host.mirror))
        }
    }

    /// Fetches the smallest file of the release by apt's own means, with its proxies and keys.
    fn reaches_the_archive(&self) -> bool {
        let file = format!("{}/dists/{}/Release", self.mirror, self.suite);
        let Ok(folder) = tempfile::tempdir() else { return false };
        let mut fetch = if Path::new("/usr/lib/apt/apt-helper").is_file() {
            let mut fetch = Command::new("/usr/lib/apt/apt-helper");
            fetch.args(["download-file", &file]).arg(folder.path().join("Release"));
            fetch
        } else {
            // debootstrap fetches by wget, too.
            let mut fetch = Command::new("wget");
            fetch.args(["--quiet", &file, "-O"]).arg(folder.path().join("Release"));
            fetch
        };
        // apt's unprivileged user writes there.
        let _ =
            fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let status =
            fetch.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }
}

/// Whether the host can hold a rehearsal: for root, with every tool.
fn possible(root: bool, missing: Option<&str>) -> Result<(), String> {
    if !root {
        return Err("a rehearsal needs root: it makes a system of its own and mounts".to_owned());
    }
    missing.map_or(Ok(()), |tool| Err(format!("a rehearsal needs {tool}, which is not installed")))
}

/// The sysroot of the cargo that runs us. The system's own cannot be lent: a new Debian has none.
fn lendable_sysroot(cargo: Option<&Path>) -> Result<PathBuf, String> {
    let sysroot = cargo.and_then(Path::parent).and_then(Path::parent);
    let sysroot = sysroot.ok_or("a rehearsal starts by `cargo xtask rehearse`, not directly")?;
    if ["/usr", "/usr/local", "/"].iter().any(|system| sysroot == Path::new(system)) {
        let root = sysroot.display();
        return Err(format!(
            "a rehearsal lends its toolchain, and that in {root} cannot be lent: \
             start it with one of rustup's"
        ));
    }
    Ok(sysroot.to_owned())
}

/// The release's name, if this is Debian itself.
fn debian_suite(os_release: &str) -> Option<String> {
    let field = |name: &str| os_release.lines().find_map(|line| line.strip_prefix(name));
    let is_debian = field("ID=").is_some_and(|id| id.trim_matches('"') == "debian");
    if is_debian { Some(field("VERSION_CODENAME=")?.trim_matches('"').to_owned()) } else { None }
}

/// All package sources of the host, one after the other.
fn package_sources() -> String {
    let folder = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut files: Vec<_> = folder.map(|file| file.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "list" || end == "sources"));
    files.push("/etc/apt/sources.list".into());
    files.sort();
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    texts.collect::<Vec<_>>().join("\n")
}

/// The first archive of Debian itself among package sources, in either of apt's two formats.
fn mirror(sources: &str) -> Option<String> {
    let uris =
        sources.lines().map(str::trim).filter(|line| !line.starts_with('#')).flat_map(|line| {
            let is_source = line.starts_with("URIs:") || line.starts_with("deb ");
            line.split_whitespace().filter(move |word| is_source && word.contains("://"))
        });
    let mut archives =
        uris.map(|uri| uri.trim_end_matches('/')).filter(|uri| uri.ends_with("/debian"));
    archives.next().map(str::to_owned)
}

fn certificates() -> Option<PathBuf> {
    let usual = "/etc/ssl/certs/ca-certificates.crt";
    let named = env::var_os("SSL_CERT_FILE").unwrap_or_else(|| usual.into());
    Some(PathBuf::from(named)).filter(|file| file.is_file())
}

fn cargo_config() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))?;
    ["config.toml", "config"].map(|name| home.join(name)).into_iter().find(|file| file.is_file())
}

/// Proxies, where cargo gets crates from, and the terminal.
fn is_lent(name: &str) -> bool {
    let cargo = ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    let name_below = name.to_lowercase();
    name == "TERM"
        || name_below.ends_with("_proxy")
        || cargo.iter().any(|start| name.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_cannot_hold_a_rehearsal_says_so_in_one_line() {
        assert_eq!(possible(true, None), Ok(()));
        for refusal in [possible(false, None), possible(true, Some("debootstrap"))] {
            assert_eq!(refusal.unwrap_err().lines().count(), 1);
        }
        assert!(possible(true, Some("debootstrap")).unwrap_err().contains("debootstrap"));
        assert!(possible(false, Some("debootstrap")).unwrap_err().contains("root"));
    }

    #[test]
    fn only_a_toolchain_apart_from_the_system_can_be_lent() {
        let lent = |cargo: &str| lendable_sysroot(Some(Path::new(cargo)));
        assert_eq!(
            lent("/home/r/toolchains/stable/bin/cargo"),
            Ok("/home/r/toolchains/stable".into())
        );
        for system in ["/usr/bin/cargo", "/usr/local/bin/cargo", "/bin/cargo"] {
            assert!(lent(system).is_err(), "{system}");
        }
        assert!(lendable_sysroot(None).is_err());
    }

    #[test]
    fn only_debian_itself_has_a_suite() {
        let debian = "ID=debian\nVERSION_CODENAME=trixie\n";
        assert_eq!(debian_suite(debian).as_deref(), Some("trixie"));
        assert_eq!(debian_suite("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n"), None);
        assert_eq!(debian_suite("ID=debian\n"), None);
        assert_eq!(debian_suite(""), None);
    }

    #[test]
    fn the_archive_is_read_from_both_formats_of_apt() {
        let table = [
            ("deb http://a.example/debian/ sid main", Some("http://a.example/debian")),
            ("deb [arch=amd64] http://a.example/debian sid main", Some("http://a.example/debian")),
            ("Types: deb\nURIs: http://b.example/debian\n", Some("http://b.example/debian")),
            (
                "URIs: http://b.example/debian-security\nURIs: https://c.example/debian",
                Some("https://c.example/debian"),
            ),
            ("# deb http://a.example/debian sid main", None),
            ("deb-src http://a.example/debian sid main", None),
            ("deb http://a.example/node nodistro main", None),
            ("", None),
        ];
        for (sources, expected) in table {
            assert_eq!(mirror(sources).as_deref(), expected, "{sources}");
        }
    }

    #[test]
    fn only_words_about_the_network_and_the_terminal_are_lent() {
        let lent = [
            "http_proxy",
            "HTTPS_PROXY",
            "NO_PROXY",
            "TERM",
            "CARGO_NET_OFFLINE",
            "CARGO_REGISTRIES_X_INDEX",
        ];
        let kept =
            ["PATH", "HOME", "CARGO", "CARGO_MANIFEST_DIR", "VITRINE_TOOLCHAIN", "RUSTUP_HOME"];
        assert!(lent.into_iter().all(is_lent));
        assert!(!kept.into_iter().any(is_lent));
    }
}
