//! A private PostgreSQL server, shared by the tests of a process.
//!
//! A supervising shell runs the server while a pipe from this process is open, then stops it and
//! removes its directory. So the server ends with the test process, even if that is killed.

mod programs;
pub(crate) mod server;

use std::{
    fs,
    io::{PipeWriter, Write},
    net::TcpListener,
    os::unix::{fs::PermissionsExt, fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};
use runtime::{
    config::{DatabaseSettings, DatabaseUrl, Program},
    random::draw_token,
};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use store::database::Database;
use tempfile::TempDir;
use tokio::sync::OnceCell;

pub(crate) use self::programs::unprivileged_user;

/// The template of migrated databases.
pub(crate) const MIGRATED: &str = "migrated";
/// How long a start may take on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Starting is retried, since another process may take the free port first.
const START_ATTEMPTS: usize = 3;

/// The shared server, started by the first test that needs it.
static SHARED: OnceCell<Server> = OnceCell::const_new();

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    port: u16,
    password: String,
    /// The number of databases created so far.
    created: AtomicU64,
    /// Databases to drop, of tests that ended.
    unused: Mutex<Vec<String>>,
    /// The supervising shell. The server runs while the pipe is open.
    supervisor: (Child, PipeWriter),
}

/// A database on the shared server.
#[derive(Debug)]
pub(crate) struct ServerDatabase {
    name: String,
}

/// Creates a directory that is removed on drop.
pub(crate) fn temporary_directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("stock-tracker-test-")
        .tempdir()
        .expect("a temporary directory")
}

impl ServerDatabase {
    /// Creates a copy of `template`, and drops the databases of tests that ended.
    pub(crate) async fn create(template: &str) -> Self {
        let server = SHARED.get_or_init(Server::start).await;
        let name = format!("test_{}", server.created.fetch_add(1, Ordering::Relaxed));
        let unused = std::mem::take(&mut *server.unused());
        let mut admin = server.connect().await.expect("the server is up");
        for name in unused {
            run(
                &mut admin,
                format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            )
            .await;
        }
        run(
            &mut admin,
            format!("CREATE DATABASE {name} TEMPLATE {template}"),
        )
        .await;
        admin.close().await.expect("the connection closes");
        Self { name }
    }

    pub(crate) fn url(&self) -> String {
        let server = SHARED.get().expect("the shared server");
        server.url(&self.name)
    }
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        if let Some(server) = SHARED.get() {
            server.unused().push(std::mem::take(&mut self.name));
        }
    }
}

impl Server {
    async fn start() -> Self {
        // No test crashes the shared server, so commits need not reach the disk.
        Self::start_with("off").await
    }

    /// Starts a server with this value of `synchronous_commit`.
    pub(super) async fn start_with(synchronous_commit: &str) -> Self {
        let mut log = String::new();
        for _ in 0..START_ATTEMPTS {
            match Self::try_start(synchronous_commit).await {
                Ok(server) => {
                    server.create_template().await;
                    return server;
                }
                Err(failed) => log = failed,
            }
        }
        panic!("PostgreSQL does not start:\n{log}");
    }

    /// Starts a server, or returns its log.
    async fn try_start(synchronous_commit: &str) -> Result<Self, String> {
        let directory = temporary_directory().keep();
        let password = draw_token().expose().to_owned();
        fs::write(directory.join("password"), &password).expect("the password is written");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let server = Self {
            port,
            password,
            created: AtomicU64::new(0),
            unused: Mutex::default(),
            supervisor: supervise(&directory, port, synchronous_commit),
        };
        let begun = Instant::now();
        loop {
            if server.is_up().await {
                return Ok(server);
            }
            let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
            // "The database system is starting up" is FATAL for a client, not for the server.
            let fatal = |line: &str| line.contains("FATAL") && !line.contains("is starting up");
            if log.lines().any(fatal) || begun.elapsed() > START_TIMEOUT {
                return Err(log);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether it accepts a client.
    pub(super) async fn is_up(&self) -> bool {
        match self.connect().await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        }
    }

    /// Sends the supervisor a command: `START` or a signal that stops the server.
    pub(super) fn command(&mut self, command: &str) {
        let sent = writeln!(self.supervisor.1, "{command}");
        sent.expect("the supervisor runs");
    }

    async fn create_template(&self) {
        self.run(&format!("CREATE DATABASE {MIGRATED}")).await;
        let settings = DatabaseSettings {
            url: DatabaseUrl::parse(&self.url(MIGRATED)).expect("a URL"),
            migrate: true,
            wait: START_TIMEOUT,
            statement_time: None,
        };
        let database = Database::connect(&settings, Program::Tracker).await;
        let database = database.expect("connect");
        database.migrate().await.expect("migrate");
        database.close().await;
    }

    pub(super) fn url(&self, database: &str) -> String {
        let Self { port, password, .. } = self;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
    }

    /// Executes a statement as the administrator.
    pub(super) async fn run(&self, sql: &str) {
        let mut admin = self.connect().await.expect("the server is up");
        run(&mut admin, sql.to_owned()).await;
        admin.close().await.expect("the connection closes");
    }

    async fn connect(&self) -> Result<PgConnection, sea_orm::sqlx::Error> {
        PgConnection::connect(&self.url("postgres")).await
    }

    fn unused(&self) -> MutexGuard<'_, Vec<String>> {
        self.unused.lock()
    }
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection
        .execute(AssertSqlSafe(sql))
        .await
        .expect("the statement succeeds");
}

/// Starts the supervising shell, which stops the server and removes `directory` when the pipe is
/// closed.
fn supervise(directory: &Path, port: u16, synchronous_commit: &str) -> (Child, PipeWriter) {
    let programs: PathBuf = programs::directory();
    let script = directory.join("supervise");
    fs::write(&script, include_str!("postgres/supervise.sh")).expect("the script is written");
    let (reader, alive) = std::io::pipe().expect("a pipe");
    let mut shell = Command::new("sh");
    shell
        .arg(&script)
        .arg(programs)
        .arg(directory)
        .args([&port.to_string(), synchronous_commit])
        .current_dir("/")
        .stdin(reader)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some((user, group)) = unprivileged_user(directory) {
        for path in [directory, &script, &directory.join("password")] {
            chown(path, Some(user), Some(group)).expect("root may change the owner");
        }
        shell.uid(user).gid(group);
    }
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
        .expect("this process owns it");
    (shell.spawn().expect("a shell"), alive)
}
