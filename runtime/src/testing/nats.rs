//! A private NATS server with JetStream.
//!
//! One invariant: the server dies with the process that started it, even a killed one: a shell keeps it only for as
//! long as a pipe from this process is open.

use std::{
    fs,
    io::PipeWriter,
    net::TcpListener,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::cluster;

/// What a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the server until the pipe is closed.
const KEEP: &str = r#"
nats-server --jetstream --addr 127.0.0.1 --port "$1" --store_dir "$2" >"$2/log" 2>&1 &
server=$!
trap 'kill -KILL "$server" 2>/dev/null' EXIT
while read -r _; do :; done
"#;

/// A NATS server that can be stopped and started again with what it stored.
#[derive(Debug)]
pub struct TestNats {
    port: u16,
    folder: TempDir,
    keeper: Option<(Child, PipeWriter)>,
}

impl TestNats {
    /// Starts one on a free port.
    ///
    /// # Panics
    ///
    /// If Debian's `nats-server` is not installed.
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let mut nats = Self {
            port,
            folder: cluster::folder(),
            keeper: None,
        };
        nats.resume().await;
        nats
    }

    /// What `FEED_URL` would be.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server.
    pub async fn stop(&mut self) {
        drop(self.keeper.take().map(|(mut keeper, alive)| {
            drop(alive);
            keeper.wait()
        }));
        self.until(false).await;
    }

    /// Starts it again, where it was.
    pub async fn resume(&mut self) {
        let (reader, alive) = std::io::pipe().expect("a pipe");
        let keeper = Command::new("sh")
            .args(["-c", KEEP, "sh", &self.port.to_string()])
            .arg(self.folder.path())
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        self.keeper = Some((keeper, alive));
        self.until(true).await;
    }

    /// Forgets what it stored, as a server does whose disk is lost. It must be stopped.
    pub fn lose(&self) {
        fs::remove_dir_all(self.folder.path().join("jetstream")).expect("it stored something");
    }

    async fn until(&self, answers: bool) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() != answers {
            assert!(
                begun.elapsed() < PATIENCE,
                "nats-server does not start or stop; `apt-get install nats-server` installs it:\n{}",
                fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for TestNats {
    fn drop(&mut self) {
        // Before the folder goes.
        if let Some((mut keeper, alive)) = self.keeper.take() {
            drop(alive);
            let _ = keeper.wait();
        }
    }
}
