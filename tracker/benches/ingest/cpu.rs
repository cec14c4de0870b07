//! The CPU time of this process and of the database server, from `/proc`.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use store::Store;

/// The processes that are measured.
pub(super) struct Cpu {
    server: Vec<PathBuf>,
}

impl Cpu {
    /// Finds the processes of the server, whose connections must be open.
    pub(super) async fn new(store: &Store) -> Self {
        let mut server = Vec::new();
        let connection = store.database.read();
        if connection.get_database_backend() == DbBackend::Postgres {
            let text = "SELECT pid FROM pg_stat_activity";
            let statement = Statement::from_string(DbBackend::Postgres, text);
            for row in connection.query_all_raw(statement).await.expect("rows") {
                let pid: i32 = row.try_get_by_index(0).expect("a pid");
                server.push(PathBuf::from(format!("/proc/{pid}/schedstat")));
            }
        }
        Self { server }
    }

    /// The time so far.
    pub(super) fn spent(&self) -> Duration {
        let tasks = fs::read_dir("/proc/self/task").expect("the threads of this process");
        let own = tasks.flatten().map(|task| task.path().join("schedstat"));
        let own: Duration = own.map(|file| on_cpu(&file)).sum();
        own + self
            .server
            .iter()
            .map(|file| on_cpu(file))
            .sum::<Duration>()
    }
}

/// The nanoseconds that a task has run.
fn on_cpu(file: &Path) -> Duration {
    // A task may have ended.
    let text = fs::read_to_string(file).unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|it| it.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
