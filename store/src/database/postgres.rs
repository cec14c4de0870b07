//! PostgreSQL: one pool, and a connection of its own for signs of life.
//!
//! One invariant: nothing here waits without a bound: connections that died are noticed by both ends, and a caller
//! that finds no connection is told within seconds, so that it can answer its client.

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

/// Connections of a process, beside the one for signs of life.
const CONNECTIONS: u32 = 16;
/// What a caller waits for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// A connection that was idle for this long is tried before it is used.
const STALE_AFTER: Duration = Duration::from_secs(1);
/// What a connection may take to show that it lives. One whose other end is gone without a word never does.
const SIGN: Duration = Duration::from_secs(1);
/// What one attempt to reach the server may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// The first and the longest pause between attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What the server does about this client when it falls silent: it notices within half a minute. A transaction that was
/// left open holds its locks for seconds only: a tracker that is frozen while it stores would hold up every writer.
const SESSION: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("idle_in_transaction_session_timeout", "5s"),
];

/// Reads are short and always the same: a plan that is made anew for each costs a third of them. What depends on values,
/// the months of prices, stands in their texts (`docs/performance.md`).
const READER: [(&str, &str); 1] = [("plan_cache_mode", "force_generic_plan")];

/// Connects, waiting for the server as long as the settings say.
pub(super) async fn open(
    url: &PostgresUrl,
    settings: &DatabaseSettings,
    program: Program,
) -> Result<Database, DatabaseError> {
    let wait = settings.wait;
    let mut options = parse(url)?
        .application_name(&format!("stock-tracker {program}"))
        .options(SESSION)
        .disable_statement_logging();
    if program == Program::Api {
        options = options.options(READER);
    }
    if let Some(time) = settings.statement_time {
        // Whoever asked is gone by then, and the connection waits for the server to end what it was asked.
        let millis = format!("{}ms", time.as_millis());
        options = options.options([("statement_timeout", millis)]);
    }
    if let Err(source) = reach(&options, wait).await {
        let database = name(&options);
        return Err(if is_login_rejected(&source) {
            DatabaseError::Refused { database, source }
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
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let current = !acquired.are_outdated(Instant::now().checked_sub(meta.age));
            Box::pin(async move {
                if current && meta.idle_for >= STALE_AFTER {
                    sign(connection).await?;
                }
                Ok(current)
            })
        })
        // The pool tries each connection that comes back, for as long as it takes; until then its place is taken.
        .after_release(move |connection, meta| {
            let current = !released.are_outdated(Instant::now().checked_sub(meta.age));
            Box::pin(async move { sign(connection).await.map(|()| current) })
        })
        .connect_lazy_with(options)
}

/// A connection that is made anew for each sign of life while it can only read.
fn probe(options: PgConnectOptions, sessions: Sessions) -> Probe {
    let released = sessions.clone();
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .after_release(move |connection, _| {
            let writes = !released.only_read();
            Box::pin(async move { sign(connection).await.map(|()| writes) })
        })
        .connect_lazy_with(options);
    Probe::new(connection(pool), DatabaseKind::Postgres, sessions)
}

/// Gives up on a connection that shows no sign of life.
async fn sign(connection: &mut PgConnection) -> Result<(), Error> {
    timeout(SIGN, connection.ping())
        .await
        .unwrap_or_else(|_| Err(Error::Io(io::ErrorKind::TimedOut.into())))
}

/// Tries until the server accepts the connection or refuses the user, or `wait` is over. Other refusals are not
/// final: a server that starts refuses in several ways, and a missing database may be about to be created.
async fn reach(options: &PgConnectOptions, wait: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + wait;
    let (mut pause, longest) = PAUSES;
    let mut told = false;
    loop {
        let error = match timeout(ATTEMPT, PgConnection::connect_with(options)).await {
            Ok(Ok(connection)) => {
                let _ = connection.close().await;
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => Error::Io(io::ErrorKind::TimedOut.into()),
        };
        if is_login_rejected(&error) || Instant::now() + pause >= deadline {
            return Err(error);
        }
        if !told {
            tracing::warn!(%error, ?wait, "the database does not answer yet");
            told = true;
        }
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}
