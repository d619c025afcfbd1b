//! The files for editors name only what is there: commands of xtask, ports, files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;
use xtask::boot;
use xtask::toolchain::OLDEST;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn json(file: &str) -> Value {
    let text = fs::read_to_string(root().join(file)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The words of a task, and those of a debugger's configuration.
fn arguments(task: &Value) -> Vec<&str> {
    list(&task["args"]).iter().map(text).collect()
}

/// What `cargo xtask COMMAND --help` prints.
fn help(command: &str) -> String {
    let mut xtask = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = xtask.args([command, "--help"]).output().unwrap();
    assert!(output.status.success(), "there is no command `{command}`");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_task_is_a_command_of_xtask_with_options_that_it_has() {
    let tasks = json(".vscode/tasks.json");
    assert!(list(&tasks["tasks"]).len() >= 4);
    for task in list(&tasks["tasks"]) {
        let words = arguments(task);
        assert_eq!((text(&task["command"]), words[0]), ("cargo", "xtask"), "{task}");
        let help = help(words[1]);
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")));
        }
    }
}

#[test]
fn a_debugger_connects_where_its_task_has_a_machine_wait() {
    let (tasks, launch) = (json(".vscode/tasks.json"), json(".vscode/launch.json"));
    let tasks = list(&tasks["tasks"]);
    let mut started = BTreeSet::new();
    for configuration in list(&launch["configurations"]) {
        let address = text(&configuration["miDebuggerServerAddress"]);
        let Some(label) = configuration["preLaunchTask"].as_str() else {
            assert_eq!(address, format!("127.0.0.1:{}", boot::GDB_PORT), "the usual port");
            continue;
        };
        let task = tasks.iter().find(|task| task["label"] == label).expect(label);
        let words = arguments(task);
        let port = words[words.iter().position(|word| *word == "--gdb").unwrap() + 1];
        assert_eq!(address, format!("127.0.0.1:{port}"));
        let ready = &task["problemMatcher"]["background"]["endsPattern"];
        assert!(boot::HALTED.contains(text(ready)) && !text(ready).is_empty(), "{ready}");
        started.insert(label);
    }
    assert_eq!(started.len(), 1);
}

#[test]
fn a_file_that_a_debugger_reads_is_in_the_tree_or_is_built() {
    let launch = fs::read_to_string(root().join(".vscode/launch.json")).unwrap();
    let files: Vec<_> = launch.split("${workspaceFolder}/").skip(1).collect();
    assert!(files.len() >= 4);
    for rest in files {
        let file = rest.split('"').next().unwrap();
        let is_built = ["target/vitrine/kernel.elf", "target/vitrine/programs/"];
        let is_built = is_built.iter().any(|built| file.starts_with(built));
        assert!(is_built || root().join(file).is_file(), "{file}");
    }
}

/// The README's two commands, without what follows on the line.
fn readmes_commands() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("## Two commands").nth(1).unwrap();
    let block = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let lines = block.lines().map(|line| line.split('#').next().unwrap().trim().to_owned());
    lines.collect()
}

#[test]
fn the_container_runs_the_readmes_two_commands_where_ci_does() {
    let container = json(".devcontainer/devcontainer.json");
    let commands = ["onCreateCommand", "postCreateCommand"]
        .map(|name| text(&container[name]).trim_end_matches("</dev/null").trim().to_owned());
    assert_eq!(readmes_commands(), commands);
    let image = text(&container["image"]);
    assert_eq!(image, format!("rust:{}.{}", OLDEST.0, OLDEST.1));
    let ci = fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
    assert!(ci.contains(&format!("container: {image}\n")));
}
