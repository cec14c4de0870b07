//! A PostgreSQL server for one test, which can stop, kill and restart it.
//!
//! Commits that the server acknowledged survive every [`Stop`].

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{MIGRATED, Server};
use crate::{TestDatabaseUrl, TestDisk};

/// How long a stop or a start may take.
const STATE_TIMEOUT: Duration = Duration::from_secs(30);

/// A running PostgreSQL server.
#[derive(Debug)]
pub struct TestServer(Server);

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT: ends the sessions, then writes a checkpoint.
    Fast,
    /// SIGQUIT: ends immediately; the next start recovers from the log.
    Immediate,
    /// SIGKILL, like a crash; the next start recovers from the log.
    Killed,
}

impl TestServer {
    /// Starts a server.
    pub async fn start() -> Self {
        Self(Server::start_with("on").await)
    }

    /// Its database with the newest schema.
    pub fn url(&self) -> TestDatabaseUrl {
        TestDatabaseUrl::external(self.0.url(MIGRATED))
    }

    /// Creates a database whose tables are on `disk`. The rest of the server's files are not.
    pub async fn url_on(&self, disk: &TestDisk) -> TestDatabaseUrl {
        let path = disk.path();
        let path = path.display();
        self.0
            .run(&format!("CREATE TABLESPACE small LOCATION '{path}'"))
            .await;
        self.0
            .run(&format!(
                "CREATE DATABASE small TEMPLATE {MIGRATED} TABLESPACE small"
            ))
            .await;
        TestDatabaseUrl::external(self.0.url("small"))
    }

    /// Stops the server, and waits until it accepts no client.
    pub async fn stop(&mut self, how: Stop) {
        self.0.command(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
            Stop::Killed => "KILL",
        });
        self.wait_until(false).await;
    }

    /// Starts the server again, and waits until it accepts a client.
    pub async fn start_again(&mut self) {
        self.0.command("START");
        self.wait_until(true).await;
    }

    async fn wait_until(&self, up: bool) {
        let begun = Instant::now();
        while self.0.is_up().await != up {
            assert!(begun.elapsed() < STATE_TIMEOUT, "the server is not up={up}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}
