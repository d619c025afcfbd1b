//! `cargo xtask parsers`: looks for bytes that make a parser break a promise, by libFuzzer.
//!
//! The judges are those of the package `vitrine-parsers`, built with coverage counters. The passes
//! of the stock compiler put them in; no nightly toolchain and no sanitizer is needed. Inputs that
//! reach new code are added to the kept corpus, which `cargo test` judges like any other test.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::bad_input::BadInput;
use crate::command;
use crate::command::host_cargo;
use crate::setup;
use crate::system::Part;
use crate::workspace::Workspace;

/// What has the compiler count which edges are taken, and note what is compared. Overflow and
/// failed assertions of debug builds are findings, too.
const FLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks --cfg=fuzzing";

/// The longest input, in bytes: several blocks of an archive, and all headers of a program.
const LONGEST: u32 = 4096;

/// What `cargo xtask parsers` is asked.
#[derive(Args)]
pub struct Options {
    /// Try these parsers [default: all]
    parsers: Vec<String>,
    /// Try each for so long
    #[arg(long, value_name = "SECONDS", default_value = "60")]
    seconds: String,
}

/// Tries the parsers one after the other.
///
/// # Errors
/// A parser is unknown, the fuzzer cannot be built (it needs a C++ compiler), or something was
/// found.
pub fn parsers(workspace: &Workspace, options: &Options) -> Result<()> {
    let corpus = workspace.root().join("tests/parsers/corpus");
    let names = chosen(&options.parsers, &known(&corpus)?)?;
    let seconds = &options.seconds;
    let seconds: u32 = seconds
        .parse()
        .ok()
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| BadInput(format!("--seconds {seconds}: not a number from 1")))?;
    let fuzzer = build(workspace)?;
    let mut found = Vec::new();
    for name in names {
        if !look(workspace, &fuzzer, &corpus, &name, seconds)? {
            found.push(name);
        }
    }
    if !found.is_empty() {
        bail!("broken promises: {}; the inputs lie in target/vitrine/parsers", found.join(", "));
    }
    Ok(())
}

/// The parsers: the corpus has a folder for each.
fn known(corpus: &Path) -> Result<BTreeSet<String>> {
    let folders = fs::read_dir(corpus).context("cannot read the corpus")?;
    folders.map(|folder| Ok(folder?.file_name().to_string_lossy().into_owned())).collect()
}

fn chosen(asked: &[String], known: &BTreeSet<String>) -> Result<Vec<String>, BadInput> {
    if let Some(name) = asked.iter().find(|name| !known.contains(*name)) {
        let names: Vec<_> = known.iter().map(String::as_str).collect();
        return Err(BadInput(format!("{name}: no such parser; there are {}", names.join(", "))));
    }
    Ok(if asked.is_empty() { known.iter().cloned().collect() } else { asked.to_vec() })
}

/// Builds the fuzzer. The flags are for the parsers alone, so the host's own triple is named: then
/// cargo does not give them to build scripts.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    setup::ensure(&[Part::CppCompiler])?;
    let mut rustc = Command::new("rustc");
    let version = command::run_quietly(rustc.arg("-vV").current_dir(workspace.root()))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not name its host")?;
    let folder = workspace.root().join("target/parsers");
    let mut cargo = host_cargo(workspace);
    cargo.args(["build", "--release", "--package", "vitrine-parsers", "--features", "libfuzzer"]);
    cargo.args(["--bin", "parsers-libfuzzer", "--target", host, "--target-dir"]).arg(&folder);
    cargo.env("RUSTFLAGS", FLAGS);
    command::run(&mut cargo)?;
    Ok(folder.join(host).join("release/parsers-libfuzzer"))
}

/// Looks for new inputs, and keeps those that reach new code. Returns whether every promise was
/// kept.
fn look(
    workspace: &Workspace,
    fuzzer: &Path,
    corpus: &Path,
    name: &str,
    seconds: u32,
) -> Result<bool> {
    let kept = corpus.join(name);
    let new = tempfile::tempdir().context("cannot create a temporary directory")?;
    let findings = workspace.output().join("parsers").join(name);
    command::create_directory(&findings)?;
    let libfuzzer = || {
        let mut command = Command::new(fuzzer);
        command.env("VITRINE_PARSER", name).arg(format!("-max_len={LONGEST}"));
        command.arg(format!("-artifact_prefix={}/", findings.display()));
        command
    };
    eprintln!("vitrine: {name}: {seconds} s, from {} kept inputs", count(&kept)?);
    let mut run = libfuzzer();
    run.arg(format!("-max_total_time={seconds}")).arg(new.path()).arg(&kept);
    let output = run.output().with_context(|| command::cannot_start(&run))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprintln!("{text}");
        return Ok(false);
    }
    let before = count(&kept)?;
    // How often an edge is taken matters while looking. What is kept reaches new edges.
    let mut merge = libfuzzer();
    merge.args(["-merge=1", "-use_counters=0"]).arg(&kept).arg(new.path());
    command::run_quietly(&mut merge)?;
    let last = text.lines().rfind(|line| line.starts_with("Done ")).unwrap_or_default();
    eprintln!("vitrine: {name}: {last}, {} new inputs kept", count(&kept)? - before);
    Ok(true)
}

fn count(folder: &Path) -> Result<usize> {
    Ok(fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parser_is_one_line_that_names_those_that_there_are() {
        let known = BTreeSet::from(["elf".to_owned(), "call".to_owned()]);
        let error = chosen(&["gif".to_owned()], &known).unwrap_err().to_string();
        assert_eq!(error, "gif: no such parser; there are call, elf");
        assert_eq!(chosen(&[], &known).unwrap(), ["call", "elf"]);
        assert_eq!(chosen(&["elf".to_owned()], &known).unwrap(), ["elf"]);
    }
}
