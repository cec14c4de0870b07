//! A private PostgreSQL server, shared by the tests of a process.
//!
//! One invariant: the server dies with the process that started it, even a killed one: a shell keeps it only for as
//! long as a pipe from this process is open, then stops it and removes its folder.

use std::{
    fs,
    io::{PipeWriter, Write},
    net::TcpListener,
    os::unix::{fs::PermissionsExt, fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::program;
use crate::{
    config::{DatabaseSettings, DatabaseUrl, Program},
    database::Database,
    random::draw_token,
};

/// The database that migrated ones are copied from.
pub(super) const MIGRATED: &str = "migrated";
/// What a server may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Another process may take the free port that was found, before the server does.
const TRIES: usize = 3;

/// Started by the first test that needs it.
static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();

/// A running server.
#[derive(Debug)]
pub(super) struct Cluster {
    port: u16,
    password: String,
    made: AtomicU64,
    /// Databases of tests that are over.
    over: Mutex<Vec<String>>,
    /// The server runs while the pipe is open.
    keeper: (Child, PipeWriter),
}

/// One test's database on the server.
#[derive(Debug)]
pub(super) struct ServerDatabase {
    name: String,
}

/// A folder that is removed when dropped.
pub(super) fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("stock-tracker-test-")
        .tempdir()
        .expect("a temporary folder")
}

impl ServerDatabase {
    /// Copies `template`; removes the databases of tests that are over.
    pub(super) async fn create(template: &str) -> Self {
        let cluster = CLUSTER.get_or_init(Cluster::start).await;
        let name = format!("test_{}", cluster.made.fetch_add(1, Ordering::Relaxed));
        let over = std::mem::take(&mut *cluster.over());
        let mut admin = cluster.connect().await.expect("the server answers");
        for name in over {
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

    pub(super) fn url(&self) -> String {
        let cluster = CLUSTER.get().expect("it made this database");
        cluster.url(&self.name)
    }
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        if let Some(cluster) = CLUSTER.get() {
            cluster.over().push(std::mem::take(&mut self.name));
        }
    }
}

impl Cluster {
    async fn start() -> Self {
        // Nobody crashes it, so what is acknowledged need not be written.
        Self::start_with("off").await
    }

    /// Starts a server with that `synchronous_commit`.
    pub(super) async fn start_with(durable: &str) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES {
            match Self::try_start(durable).await {
                Ok(cluster) => {
                    cluster.make_template().await;
                    return cluster;
                }
                Err(log) => said = log,
            }
        }
        panic!("PostgreSQL does not start:\n{said}");
    }

    /// Starts a server, or answers its log.
    async fn try_start(durable: &str) -> Result<Self, String> {
        let folder = folder().keep();
        let password = draw_token().expose().to_owned();
        fs::write(folder.join("password"), &password).expect("the password is written");
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let cluster = Self {
            port,
            password,
            made: AtomicU64::new(0),
            over: Mutex::default(),
            keeper: keep(&folder, port, durable),
        };
        let begun = Instant::now();
        loop {
            if cluster.answers().await {
                return Ok(cluster);
            }
            let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
            // That it is still starting is what it tells us, not why it would not start.
            let fatal = |line: &str| line.contains("FATAL") && !line.contains("is starting up");
            if log.lines().any(fatal) || begun.elapsed() > PATIENCE {
                return Err(log);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether it lets a client in.
    pub(super) async fn answers(&self) -> bool {
        match self.connect().await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        }
    }

    /// Tells the keeper what to do with it.
    pub(super) fn order(&mut self, order: &str) {
        let told = writeln!(self.keeper.1, "{order}");
        told.expect("the keeper listens");
    }

    async fn make_template(&self) {
        self.run(&format!("CREATE DATABASE {MIGRATED}")).await;
        let settings = DatabaseSettings {
            url: DatabaseUrl::parse(&self.url(MIGRATED)).expect("a URL"),
            migrate: true,
            wait: PATIENCE,
            statement_time: None,
        };
        let database = Database::connect(&settings, Program::Tracker).await;
        let database = database.expect("it connects");
        database.migrate().await.expect("it migrates");
        database.close().await;
    }

    pub(super) fn url(&self, database: &str) -> String {
        let Self { port, password, .. } = self;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
    }

    /// Has the server do something.
    pub(super) async fn run(&self, sql: &str) {
        let mut admin = self.connect().await.expect("the server answers");
        run(&mut admin, sql.to_owned()).await;
        admin.close().await.expect("the connection closes");
    }

    async fn connect(&self) -> Result<PgConnection, sea_orm::sqlx::Error> {
        PgConnection::connect(&self.url("postgres")).await
    }

    fn over(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(connection: &mut PgConnection, sql: String) {
    connection
        .execute(AssertSqlSafe(sql))
        .await
        .expect("the server does it");
}

/// Starts the keeper, which stops the server and removes `folder` once the pipe is closed.
fn keep(folder: &Path, port: u16, durable: &str) -> (Child, PipeWriter) {
    let programs: PathBuf = program::folder();
    let script = folder.join("keep");
    fs::write(&script, include_str!("cluster.sh")).expect("the script is written");
    let (reader, alive) = std::io::pipe().expect("a pipe");
    let mut keeper = Command::new("sh");
    keeper
        .arg(&script)
        .arg(programs)
        .arg(folder)
        .args([&port.to_string(), durable])
        .current_dir("/")
        .stdin(reader)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some((user, group)) = program::unprivileged(folder) {
        for path in [folder, &script, &folder.join("password")] {
            chown(path, Some(user), Some(group)).expect("root may");
        }
        keeper.uid(user).gid(group);
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
    (keeper.spawn().expect("a shell"), alive)
}
