//! A private NATS server with JetStream.
//!
//! A supervising shell runs the server while a pipe from this process is open, so the server ends
//! with the test process, even if that is killed.

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

use crate::postgres::temporary_directory;

/// How long a start or a stop may take on a busy machine.
const STATE_TIMEOUT: Duration = Duration::from_mins(1);

/// Runs the server until the pipe is closed.
const SUPERVISE: &str = r#"
nats-server --jetstream --addr 127.0.0.1 --port "$1" --store_dir "$2" >"$2/log" 2>&1 &
server=$!
trap 'kill -KILL "$server" 2>/dev/null' EXIT
while read -r _; do :; done
"#;

/// A NATS server that keeps its data when it is stopped and started again.
#[derive(Debug)]
pub struct TestNats {
    port: u16,
    directory: TempDir,
    supervisor: Option<(Child, PipeWriter)>,
}

impl TestNats {
    /// Starts a server on a free port.
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
            directory: temporary_directory(),
            supervisor: None,
        };
        nats.resume().await;
        nats
    }

    /// The value for `FEED_URL`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills the server.
    pub async fn stop(&mut self) {
        drop(self.supervisor.take().map(|(mut shell, pipe)| {
            drop(pipe);
            shell.wait()
        }));
        self.wait_until(false).await;
    }

    /// Starts it again on the same port with the same data.
    pub async fn resume(&mut self) {
        let (reader, pipe) = std::io::pipe().expect("a pipe");
        let shell = Command::new("sh")
            .args(["-c", SUPERVISE, "sh", &self.port.to_string()])
            .arg(self.directory.path())
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        self.supervisor = Some((shell, pipe));
        self.wait_until(true).await;
    }

    /// Deletes its data, as if the disk were lost. The server must be stopped.
    pub fn delete_data(&self) {
        fs::remove_dir_all(self.directory.path().join("jetstream")).expect("the data exists");
    }

    async fn wait_until(&self, up: bool) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() != up {
            assert!(
                begun.elapsed() < STATE_TIMEOUT,
                "nats-server does not start or stop; `apt-get install nats-server` installs it:\n{}",
                fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for TestNats {
    fn drop(&mut self) {
        // Before the directory is removed.
        if let Some((mut shell, pipe)) = self.supervisor.take() {
            drop(pipe);
            let _ = shell.wait();
        }
    }
}
