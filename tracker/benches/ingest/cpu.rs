//! The CPU time of this process and of the database server, from `/proc`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use store::Store;

/// The processes that are measured.
pub(super) struct Cpu {
    /// The parent of the server's processes, if there is a server.
    server: Option<String>,
}

impl Cpu {
    pub(super) async fn new(store: &Store) -> Self {
        let connection = store.database.read();
        if connection.get_database_backend() != DbBackend::Postgres {
            return Self { server: None };
        }
        let statement = Statement::from_string(DbBackend::Postgres, "SELECT pg_backend_pid()");
        let row = connection
            .query_one_raw(statement)
            .await
            .expect("an answer");
        let own: i32 = row.expect("a row").try_get_by_index(0).expect("a pid");
        Self {
            server: parent(Path::new(&format!("/proc/{own}"))),
        }
    }

    /// Returns how long something takes, and its CPU time.
    pub(super) async fn measure(&self, work: impl AsyncFnOnce()) -> (Duration, Duration) {
        let (before, begun) = (self.spent(), Instant::now());
        work().await;
        let elapsed = begun.elapsed();
        (elapsed, self.spent().saturating_sub(before))
    }

    /// The CPU time so far.
    fn spent(&self) -> Duration {
        let own = entries("/proc/self/task").map(|task| on_cpu(&task));
        let own: Duration = own.sum();
        let Some(server) = &self.server else {
            return own;
        };
        let processes = entries("/proc").filter(|it| parent(it).as_ref() == Some(server));
        own + processes.map(|it| on_cpu(&it)).sum::<Duration>()
    }
}

fn entries(directory: &str) -> impl Iterator<Item = PathBuf> {
    let read = fs::read_dir(directory).expect("a directory");
    read.flatten().map(|entry| entry.path())
}

/// The parent of a process that has not ended.
fn parent(process: &Path) -> Option<String> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let parent = status.lines().find_map(|it| it.strip_prefix("PPid:"));
    parent.map(|it| it.trim().to_owned())
}

/// How long a process or thread has run.
fn on_cpu(process: &Path) -> Duration {
    // It may have ended.
    let text = fs::read_to_string(process.join("schedstat")).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
