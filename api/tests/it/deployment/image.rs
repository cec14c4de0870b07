//! The `Dockerfile` against the repository that it is built from, and the image's health check
//! against a program.

use std::{collections::BTreeSet, fs, process::Command};

use testkit::TestDatabaseUrl;

use super::{shipped, text};
use crate::{process::until, product::Home};

/// The Dockerfile's instructions, with what is continued on one line.
fn instructions() -> Vec<String> {
    let file = text("Dockerfile");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let joined = joined.lines().map(str::trim).filter(|it| !it.is_empty());
    joined.map(str::to_owned).collect()
}

/// What is copied from the repository, file by file, and where to.
fn copied() -> Vec<(String, String)> {
    let mut copied = Vec::new();
    for line in instructions() {
        let Some(rest) = line.strip_prefix("COPY ") else {
            continue;
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (to, from) = words.split_last().expect("COPY has a target");
        if from[0].starts_with("--from=") || from == ["."] {
            continue;
        }
        copied.extend(from.iter().map(|it| ((*it).to_owned(), (*to).to_owned())));
    }
    copied
}

#[test]
fn what_is_copied_is_there() {
    let ignored = text(".dockerignore");
    let ignored: BTreeSet<&str> = ignored.lines().collect();
    let copied = copied();
    assert!(copied.len() > 5, "{copied:?}");
    for (from, _) in copied {
        assert!(shipped(&from).is_file(), "{from}");
        let top = from.split('/').next().unwrap_or_default();
        let told = ignored.contains(&*format!("!{from}"));
        assert!(told || !ignored.contains(top), "{from} is ignored");
    }
}

#[test]
fn the_compiler_is_the_one_that_everybody_builds_with() {
    let toolchain = text("rust-toolchain.toml");
    let line = toolchain.lines().find(|it| it.starts_with("channel = "));
    let channel = line.and_then(|it| it.split('"').nth(1)).expect("a channel");
    let image = format!("ARG RUST_IMAGE=rust:{channel}-slim-");
    let found = instructions().iter().any(|it| it.starts_with(&image));
    assert!(found, "not {channel}");
}

/// The layer of dependencies fails to build when a crate is left out or names a file that is not
/// copied.
#[test]
fn cargo_can_read_the_layer_of_dependencies() {
    let folder = tempfile::tempdir().expect("a folder");
    for (from, to) in copied() {
        if to.starts_with('/') {
            continue;
        }
        let name = from.rsplit('/').next().expect("a name");
        let to = folder.path().join(to);
        fs::create_dir_all(&to).expect("a folder");
        fs::copy(shipped(&from), to.join(name)).expect("it is copied");
    }
    let steps = instructions();
    let build = steps.iter().find(|it| it.contains("src/lib.rs"));
    let build = build
        .and_then(|it| it.strip_prefix("RUN "))
        .expect("a step");
    let (prepare, cargo) = build.split_once("&& cargo build ").expect("a build");
    assert!(cargo.starts_with("--release --locked"), "{cargo}");
    let script = format!("set -e; {prepare}");
    let prepared = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .status();
    assert!(prepared.expect("a shell").success(), "{script}");
    // It goes as far as to ask the compiler who it is: by then it has read all that it was given.
    let read = Command::new(env!("CARGO"))
        .args(["build", "--offline"])
        .args(cargo.split_whitespace())
        .env("RUSTC", "false")
        .current_dir(folder.path())
        .output()
        .expect("cargo is a program");
    let said = String::from_utf8_lossy(&read.stderr);
    assert!(said.contains("`false -vV`"), "{said}");
}

/// Whether the health check of the image says that a program is well that tells it at this port.
fn is_healthy(port: u16) -> bool {
    let asked = Command::new("bash")
        .arg(shipped("deploy/healthcheck"))
        .env("METRICS_PORT", port.to_string())
        .status();
    asked.expect("a shell").success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_check_tells_ready_from_draining_and_dead() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let mut product = home.start(&[]).await;
    let port = product.metrics.port();
    assert!(is_healthy(port));
    product.api.signal("TERM");
    let tell = || product.last_words();
    until("it drains", tell, async || {
        (!is_healthy(port)).then_some(())
    })
    .await;
    assert_eq!(product.api.ended().await, Some(0));
    assert!(!is_healthy(port));
}
