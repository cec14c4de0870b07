//! Runs the product: `api`, and on PostgreSQL a separate `tracker`.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Command,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, Statement};
use store::database::DatabaseKind;
use testkit::{TestDatabaseUrl, TestServer};

use crate::{
    http::{Connection, get},
    process::{Process, own_path},
    provider::Provider,
    rows,
};

pub(crate) const ADMIN_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// How long a program may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A database with stocks, prices and alerts.
pub(crate) struct Database {
    pub(crate) kind: DatabaseKind,
    pub(crate) url: TestDatabaseUrl,
    _server: Option<TestServer>,
}

impl Database {
    /// A SQLite file.
    pub(crate) async fn sqlite() -> Self {
        Self::sqlite_with(rows::PRICES).await
    }

    /// A SQLite file with `prices` of each stock.
    pub(crate) async fn sqlite_with(prices: u32) -> Self {
        let url = TestDatabaseUrl::sqlite();
        Self::fill(url, prices, None).await
    }

    /// A database on its own server.
    pub(crate) async fn postgres() -> Self {
        let server = TestServer::start().await;
        Self::fill(server.url(), rows::PRICES, Some(server)).await
    }

    async fn fill(url: TestDatabaseUrl, prices: u32, server: Option<TestServer>) -> Self {
        let database = url.connect().await;
        let kind = database.kind();
        database.migrate().await.expect("migrate");
        rows::fill(database.clone(), prices).await;
        if kind == DatabaseKind::Postgres {
            // As autovacuum would do.
            let vacuumed = database.write().execute_unprepared("VACUUM (ANALYZE)");
            vacuumed.await.expect("vacuum and analyze");
        }
        database.close().await;
        Self {
            kind,
            url,
            _server: server,
        }
    }

    /// The name of the product.
    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            DatabaseKind::Sqlite => "SQLite",
            DatabaseKind::Postgres => "PostgreSQL",
        }
    }

    /// The version of a PostgreSQL server.
    pub(crate) async fn version(&self) -> String {
        let database = self.url.connect().await;
        let connection = database.read();
        let sql = Statement::from_string(connection.get_database_backend(), "SHOW server_version");
        let row = connection.query_one_raw(sql).await.expect("a version");
        let version = row.and_then(|row| row.try_get_by_index(0).ok());
        database.close().await;
        version.expect("a version")
    }
}

/// The running programs, which are killed on drop.
pub(crate) struct Product {
    pub(crate) api: Process,
    _tracker: Option<Process>,
    pub(crate) address: SocketAddr,
    /// From the start of `api` until it is ready.
    pub(crate) started_in: Duration,
    /// The name of the database.
    pub(crate) database: &'static str,
}

impl Product {
    /// Starts the programs that poll and serve.
    pub(crate) async fn start(database: &Database, provider: &Provider) -> Self {
        let api = Self::start_api(database, provider).await;
        let is_separate = database.kind == DatabaseKind::Postgres;
        let tracker =
            is_separate.then(|| Process::start(&mut command("tracker", database, provider)));
        Self {
            _tracker: tracker,
            ..api
        }
    }

    /// Starts `api` alone. On SQLite it polls.
    pub(crate) async fn start_api(database: &Database, provider: &Provider) -> Self {
        let address = free_address();
        let begun = Instant::now();
        let mut command = command("api", database, provider);
        let mut api = Process::start(command.env("API_PORT", address.port().to_string()));
        while !is_ready(address).await {
            assert!(begun.elapsed() < START_TIMEOUT, "api is not ready");
            api.check();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self {
            api,
            _tracker: None,
            address,
            started_in: begun.elapsed(),
            database: database.name(),
        }
    }

    /// The process and the address of `api`.
    pub(crate) fn target(&self) -> (u32, SocketAddr) {
        (self.api.id(), self.address)
    }
}

/// A program with its default settings, which polls a stock only when it is refreshed.
fn command(program: &str, database: &Database, provider: &Provider) -> Command {
    let mut command = Command::new(own_path().with_file_name(program));
    command
        .env_clear()
        .envs([
            ("METRICS_PORT", "0"),
            ("ADMIN_TOKEN", ADMIN_TOKEN),
            ("ALPHA_VANTAGE_API_KEY", "none"),
            ("ALPHA_VANTAGE_PER_MINUTE", "100000"),
            ("ALPHA_VANTAGE_PER_DAY", "1000000000"),
            ("UPDATE_INTERVAL", "300d"),
            ("MARKET_HOURS", "always"),
        ])
        .env("DATABASE_URL", database.url.as_str())
        .env("ALPHA_VANTAGE_URL", format!("http://{}", provider.address));
    command
}

/// An address whose port is free now.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = listener.expect("bind a port");
    listener.local_addr().expect("an address")
}

/// Whether the program accepts requests. Before, it closes connections.
async fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(address).await else {
        return false;
    };
    let response = connection.try_exchange(&get("/readyz")).await;
    response.is_ok_and(|it| it.is_ok())
}
