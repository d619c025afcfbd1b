//! `cargo xtask web`: the laboratory, a static site in which the real image runs in a browser.
//!
//! The site's own sources lie in `xtask/web/site` and are copied as they are. Beside them go the
//! kernel, the boot archive, the emulator and the terminal from npm ([`packages`]), what the pages
//! must know of the kernel (`web/generated.rs`), and the documents and programs that the exhibits
//! link to (`web/reader.rs`). No page asks another host for anything, and all paths are relative,
//! so the folder works under any path of any static host.

mod generated;
pub mod packages;
mod reader;
mod serve;
mod site;
pub mod test;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::bad_input::BadInput;
use crate::build;
use crate::workspace::Workspace;

pub use serve::Server;
pub use site::Site;

/// The port of `cargo xtask web` if none is named.
const PORT: &str = "8039";

/// What is built, and where it goes.
#[derive(Args)]
pub struct Options {
    /// Write the site into this folder, and serve nothing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Serve at this port of 127.0.0.1; with 0 the system chooses one
    #[arg(long, value_name = "PORT", default_value = PORT, conflicts_with = "out")]
    port: String,
}

/// Builds the site, and writes or serves it.
///
/// # Errors
/// Something could not be built, the folder cannot be written, or the port cannot be had.
pub fn web(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(folder) = &options.out {
        if folder.exists() && !folder.is_dir() {
            let why = format!("--out: {} is not a folder", folder.display());
            return Err(BadInput(why).into());
        }
        let site = build_site(workspace)?;
        site.write(folder)?;
        println!("{}", folder.display());
        return Ok(());
    }
    let port = options.port.parse().map_err(|_| {
        BadInput(format!("--port: `{}` is not a number from 0 to 65535", options.port))
    })?;
    // The port is taken first: whoever cannot have it has not waited for a build.
    let server = Server::bind(port)?;
    let site = build_site(workspace)?;
    println!("http://127.0.0.1:{}/ has the laboratory (Ctrl-C ends it)", server.port());
    server.run(site);
    Ok(())
}

/// Builds the image and the site.
///
/// # Errors
/// Something is missing, or could not be built.
pub fn build_site(workspace: &Workspace) -> Result<Site> {
    // Whoever lacks npm or a network has not waited for a build.
    for package in packages::OF_SITE {
        package.folder(workspace)?;
    }
    build::build_archive(workspace)?;
    Site::gather(workspace)
}
