//! Tests of the `Dockerfile` and of the image's health check.

use std::{collections::BTreeSet, fs, process::Command};

use testkit::TestDatabaseUrl;

use super::{shipped, text};
use crate::{process::until, product::Home};

/// The Dockerfile's instructions, with continued lines joined.
fn instructions() -> Vec<String> {
    let file = text("Dockerfile");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let joined = joined.lines().map(str::trim).filter(|it| !it.is_empty());
    joined.map(str::to_owned).collect()
}

/// A file or folder that is copied from the repository.
struct Copied {
    /// The name of the stage, empty for the last one.
    stage: String,
    from: String,
    to: String,
}

fn copied() -> Vec<Copied> {
    let mut copied = Vec::new();
    let mut stage = String::new();
    for line in instructions() {
        if line.starts_with("FROM ") {
            let name = line.split_once(" AS ").map_or("", |(_, name)| name);
            name.clone_into(&mut stage);
        }
        let Some(rest) = line.strip_prefix("COPY ") else {
            continue;
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (to, from) = words.split_last().expect("COPY has a target");
        if from[0].starts_with("--from=") || from == ["."] {
            continue;
        }
        copied.extend(from.iter().map(|from| Copied {
            stage: stage.clone(),
            from: (*from).to_owned(),
            to: (*to).to_owned(),
        }));
    }
    copied
}

#[test]
fn every_copied_file_exists_and_is_not_ignored() {
    let ignored = text(".dockerignore");
    let ignored: BTreeSet<&str> = ignored.lines().collect();
    let copied = copied();
    assert!(copied.len() > 5);
    for Copied { from, .. } in copied {
        assert!(shipped(&from).exists(), "{from}");
        let top = from.split('/').next().unwrap_or_default();
        let included = ignored.contains(&*format!("!{from}"));
        assert!(included || !ignored.contains(top), "{from} is ignored");
        assert!(!ignored.contains(&*from), "{from} is ignored");
    }
}

/// The image always has the console: it is built there, not copied from the machine, and the build
/// fails without it.
#[test]
fn the_image_contains_the_console() {
    let steps = instructions();
    let place = |text: &str| steps.iter().position(|step| step.contains(text));
    let built = place("npm run build --workspace console").expect("a step");
    let everything = place("COPY . .").expect("a step");
    let console = place("COPY --from=console /build/web/console/dist web/console/dist");
    let console = console.expect("a step");
    let required = place("ENV REQUIRE_CONSOLE=1").expect("a step");
    let program = place("GIT_REVISION=\"${GIT_REVISION}\" cargo build").expect("a step");
    assert!(built < everything && everything < console && console < required && required < program);
    assert!(
        text(".dockerignore")
            .lines()
            .any(|line| line == "web/console/dist")
    );
}

#[test]
fn the_image_builds_with_the_toolchain_of_the_repository() {
    let toolchain = text("rust-toolchain.toml");
    let line = toolchain.lines().find(|it| it.starts_with("channel = "));
    let channel = line.and_then(|it| it.split('"').nth(1)).expect("a channel");
    let image = format!("ARG RUST_IMAGE=rust:{channel}-slim-");
    let found = instructions().iter().any(|it| it.starts_with(&image));
    assert!(found, "not {channel}");
}

/// The layer that builds the dependencies must contain every crate and every file that a crate
/// names.
#[test]
fn cargo_accepts_the_layer_that_builds_the_dependencies() {
    let folder = tempfile::tempdir().expect("a folder");
    for Copied { from, to, .. } in copied().into_iter().filter(|it| it.stage == "build") {
        let name = from.rsplit('/').next().expect("a name");
        let to = folder.path().join(to);
        fs::create_dir_all(&to).expect("a folder");
        fs::copy(shipped(&from), to.join(name)).expect("copied");
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
    // cargo reads all manifests before it calls the compiler, which is replaced by `false`.
    let read = Command::new(env!("CARGO"))
        .args(["build", "--offline"])
        .args(cargo.split_whitespace())
        .env("RUSTC", "false")
        .current_dir(folder.path())
        .output()
        .expect("cargo is a program");
    let output = String::from_utf8_lossy(&read.stderr);
    assert!(output.contains("`false -vV`"), "{output}");
}

/// Whether the health check of the image succeeds for a program with this metrics port.
fn is_healthy(port: u16) -> bool {
    let status = Command::new("bash")
        .arg(shipped("deploy/healthcheck"))
        .env("METRICS_PORT", port.to_string())
        .status();
    status.expect("a shell").success()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_health_check_fails_while_a_program_drains_and_after_its_end() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let mut product = home.start(&[]).await;
    let port = product.metrics.port();
    assert!(is_healthy(port));
    product.api.signal("TERM");
    let report = || product.last_words();
    until("the program drains", report, async || {
        (!is_healthy(port)).then_some(())
    })
    .await;
    assert_eq!(product.api.ended().await, Some(0));
    assert!(!is_healthy(port));
}
