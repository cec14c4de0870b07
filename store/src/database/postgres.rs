//! Connects to PostgreSQL: a connection pool, and a dedicated connection for health checks.
//!
//! Every wait is bounded. Both ends detect a dead connection, and a caller that gets no connection
//! fails within seconds.

use std::{io, time::Duration};

use runtime::config::{DatabaseSettings, PostgresUrl, Program};
use sea_orm::{
    DatabaseConnection, SqlxPostgresConnector,
    sqlx::{
        ConnectOptions, Connection, Error, PgConnection, PgPool,
        postgres::{PgConnectOptions, PgPoolOptions},
    },
};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Database, DatabaseError, DatabaseKind,
    probe::{Probe, Sessions},
};
use crate::error::is_login_rejected;

/// The size of the pool.
const CONNECTIONS: u32 = 16;
/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that was idle for longer is checked before it is used.
const CHECK_AFTER_IDLE: Duration = Duration::from_secs(1);
/// The timeout of checking a connection. One whose peer vanished never responds.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// The timeout of one attempt to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The first and the maximum delay between attempts.
const RETRY_DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// How the server treats a silent client: it detects a dead connection within half a minute, and
/// ends an idle transaction after 5 s, since a tracker that freezes in one blocks every writer.
const SESSION: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("idle_in_transaction_session_timeout", "5s"),
];

/// Reuses query plans, because planning takes a third of the time of the short reads of `api`, and
/// a quarter of the CPU time of storing one price (`docs/performance.md`). What a plan depends on
/// is part of the statements' text: the months of prices, and the conditions of partial indexes.
const PLANS: [(&str, &str); 1] = [("plan_cache_mode", "force_generic_plan")];

/// Connects, waiting for the server as long as the settings allow.
pub(super) async fn open(
    url: &PostgresUrl,
    settings: &DatabaseSettings,
    program: Program,
) -> Result<Database, DatabaseError> {
    let wait = settings.wait;
    let mut options = parse(url)?
        .application_name(&format!("stock-tracker {program}"))
        .options(SESSION)
        .options(PLANS)
        .disable_statement_logging();
    if let Some(time) = settings.statement_time {
        // The caller has given up by then; the connection is free when the server cancels the
        // statement.
        let millis = format!("{}ms", time.as_millis());
        options = options.options([("statement_timeout", millis)]);
    }
    if let Err(source) = wait_for_server(&options, wait).await {
        let database = name(&options);
        return Err(if is_login_rejected(&source) {
            DatabaseError::AuthenticationFailed { database, source }
        } else {
            DatabaseError::Unreachable {
                database,
                waited: wait,
                source,
            }
        });
    }
    let sessions = Sessions::default();
    let shared = connection(pool(CONNECTIONS, options.clone(), &sessions));
    Ok(Database {
        read: shared.clone(),
        write: shared,
        probe: probe(options, sessions),
        checkpoints: None,
        kind: DatabaseKind::Postgres,
        _lock: None,
    })
}

fn parse(url: &PostgresUrl) -> Result<PgConnectOptions, DatabaseError> {
    let options = url.url.expose().parse::<PgConnectOptions>();
    let options = options.map_err(|source| DatabaseError::InvalidUrl { source })?;
    Ok(match &url.password {
        Some(password) => options.password(password.expose()),
        None => options,
    })
}

/// Host, port and database, without user and password.
fn name(options: &PgConnectOptions) -> String {
    format!(
        "PostgreSQL at {}:{}, database {}",
        options.get_host(),
        options.get_port(),
        // As in libpq, the default is the user's name.
        options.get_database().unwrap_or(options.get_username()),
    )
}

fn connection(pool: PgPool) -> DatabaseConnection {
    SqlxPostgresConnector::from_sqlx_postgres_pool(pool)
}

fn pool(connections: u32, options: PgConnectOptions, sessions: &Sessions) -> PgPool {
    let (acquired, released) = (sessions.clone(), sessions.clone());
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let current = !acquired.are_stale(Instant::now().checked_sub(meta.age));
            Box::pin(async move {
                if current && meta.idle_for >= CHECK_AFTER_IDLE {
                    check(connection).await?;
                }
                Ok(current)
            })
        })
        // The pool checks each returned connection without a timeout, and counts it as used until
        // then. This check fails first.
        .after_release(move |connection, meta| {
            let current = !released.are_stale(Instant::now().checked_sub(meta.age));
            Box::pin(async move { check(connection).await.map(|()| current) })
        })
        .connect_lazy_with(options)
}

/// Opens the connection for health checks, which is replaced after each check while it is
/// read-only.
fn probe(options: PgConnectOptions, sessions: Sessions) -> Probe {
    let released = sessions.clone();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .after_release(move |connection, _| {
            let is_reusable = !released.is_read_only();
            Box::pin(async move { check(connection).await.map(|()| is_reusable) })
        })
        .connect_lazy_with(options);
    Probe::new(connection(pool), DatabaseKind::Postgres, sessions)
}

/// Checks a connection, with a timeout.
async fn check(connection: &mut PgConnection) -> Result<(), Error> {
    timeout(CHECK_TIMEOUT, connection.ping())
        .await
        .unwrap_or_else(|_| Err(Error::Io(io::ErrorKind::TimedOut.into())))
}

/// Retries until the server accepts a connection or rejects the user, or `wait` is over. Other
/// errors may pass: a starting server rejects connections, and a missing database may be created
/// soon.
async fn wait_for_server(options: &PgConnectOptions, wait: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + wait;
    let (mut delay, max_delay) = RETRY_DELAYS;
    let mut logged = false;
    loop {
        let error = match timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
            Ok(Ok(connection)) => {
                let _ = connection.close().await;
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => Error::Io(io::ErrorKind::TimedOut.into()),
        };
        if is_login_rejected(&error) || Instant::now() + delay >= deadline {
            return Err(error);
        }
        if !logged {
            tracing::warn!(%error, ?wait, "failed to connect to the database, retrying");
            logged = true;
        }
        sleep(delay).await;
        delay = (delay * 2).min(max_delay);
    }
}
