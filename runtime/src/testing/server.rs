//! A PostgreSQL server of one test, which it may stop and start.
//!
//! One invariant: what a client was told is committed outlives every way in which the server can be stopped here.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    TestDisk, TestPlace,
    cluster::{Cluster, MIGRATED},
};

/// What a server may take to go or to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server.
#[derive(Debug)]
pub struct TestServer(Cluster);

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Sessions are ended, then everything is written.
    Fast,
    /// At once; the next start recovers.
    Immediate,
    /// As by a crash; the next start recovers.
    Killed,
}

impl TestServer {
    /// Starts it.
    pub async fn start() -> Self {
        Self(Cluster::start_with("on").await)
    }

    /// Its one database, in its newest shape.
    pub fn place(&self) -> TestPlace {
        TestPlace::at(self.0.url(MIGRATED))
    }

    /// A database in its newest shape whose tables, and nothing else of the server, lie on a disk.
    pub async fn place_on(&self, disk: &TestDisk) -> TestPlace {
        let at = disk.path();
        let at = at.display();
        self.0
            .run(&format!("CREATE TABLESPACE small LOCATION '{at}'"))
            .await;
        self.0
            .run(&format!(
                "CREATE DATABASE small TEMPLATE {MIGRATED} TABLESPACE small"
            ))
            .await;
        TestPlace::at(self.0.url("small"))
    }

    /// Stops it, and waits until nobody is let in.
    pub async fn stop(&mut self, how: Stop) {
        self.0.order(match how {
            Stop::Fast => "INT",
            Stop::Immediate => "QUIT",
            Stop::Killed => "KILL",
        });
        self.becomes(false).await;
    }

    /// Starts it again, and waits until a plain client is let in.
    pub async fn start_again(&mut self) {
        self.0.order("START");
        self.becomes(true).await;
    }

    async fn becomes(&self, up: bool) {
        let begun = Instant::now();
        while self.0.answers().await != up {
            assert!(begun.elapsed() < PATIENCE, "the server is not up={up}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}
