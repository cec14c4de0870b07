//! Runs the program `tracker`.

use std::{
    io::Read,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use entity::{ProviderState, table::provider};
use sea_orm::EntityTrait;
use testkit::{TestDatabase, TestDatabaseUrl};

use crate::{fixture::World, replay};

/// The program with its own database and port, without the environment of this process.
pub(crate) fn program(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tracker"));
    command
        .env_clear()
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .env("DATABASE_URL", url)
        .env("METRICS_PORT", "0")
        .env("LOG_FORMAT", "json")
        .env("DEFAULT_SYMBOLS", "AAPL,FB,GOOG,IBM,MSFT")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// The output of both streams.
fn text_of(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

pub(crate) fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_replays_logs_that_survives_a_kill_and_drains_on_a_signal() {
    const FROM: &str = "2012-05-01";
    let world = World::new(TestDatabase::postgres().await, &replay::ALL).await;
    let mut command = program(world.database.url().as_str());
    command
        .env("REPLAY_FROM", FROM)
        .env("REPLAY_SPEED", "max")
        .env("REPLAY_LOOP", "false");
    for part in 1..3 {
        let mut child = command.spawn().expect("start the program");
        let far = async || world.prices().await.len() >= 300 * part;
        world.until("a part is replayed", far).await;
        child.kill().expect("kill the program");
        child.wait().expect("wait for the program");
    }
    let child = command.spawn().expect("start the program");
    replay::end(&world).await;
    signal(&child, "-TERM");
    let output = child.wait_with_output().expect("wait for the program");
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let announced = text
        .lines()
        .filter(|line| line.contains("ALPHA_VANTAGE_API_KEY"));
    let announced: Vec<&str> = announced.collect();
    assert!(
        announced.len() == 1
            && announced[0].contains("replay of historical prices")
            && announced[0].contains("PROVIDER=kraken"),
        "{announced:?}"
    );
    replay::check(&world, FROM).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_log_its_key() {
    const KEY: &str = "SECRETKEY0123456";
    let place = TestDatabaseUrl::postgres().await;
    let child = program(place.as_str())
        .env("ALPHA_VANTAGE_API_KEY", KEY)
        // Nothing listens there.
        .env("ALPHA_VANTAGE_URL", "http://127.0.0.1:9")
        .env("RUST_LOG", "trace")
        .spawn()
        .expect("start the program");
    let database = place.connect().await;
    let failing = async {
        loop {
            let row = provider::Entity::find_by_id("alphavantage").one(database.read());
            let state = row.await.ok().flatten().map(|row| row.state);
            if state == Some(ProviderState::Failing) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), failing)
        .await
        .expect("it fails");
    signal(&child, "-TERM");
    let output = child.wait_with_output().expect("wait for the program");
    assert_eq!(output.status.code(), Some(0));
    assert!(!text_of(&output).contains(KEY));
}

#[test]
fn a_start_without_a_database_fails_with_one_line() {
    let output = program("postgres://tracker:hidden@127.0.0.1:9/stocks")
        .env("DATABASE_WAIT", "200ms")
        .output()
        .expect("execute");
    assert_eq!(output.status.code(), Some(1));
    let mut line = String::new();
    output
        .stderr
        .as_slice()
        .read_to_string(&mut line)
        .expect("text");
    assert!(line.contains("127.0.0.1:9"), "{line}");
    assert!(!line.contains("hidden"), "{line}");
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
}

#[test]
fn a_file_that_cannot_be_replayed_prevents_the_start() {
    let path = format!("{}/bad-row.csv", env!("CARGO_TARGET_TMPDIR"));
    let rows = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nAAA,2020-01-02,1,2,0.5,x,1,1\n";
    std::fs::write(&path, rows).expect("a file");
    let output = program("postgres://127.0.0.1:9/stocks")
        .env("REPLAY_FILE", &path)
        .output()
        .expect("execute");
    assert_eq!(output.status.code(), Some(2));
    let text = text_of(&output);
    assert!(text.contains("bad-row.csv") && text.contains('2'), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
}
