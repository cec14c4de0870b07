//! Database settings: `DATABASE_URL`, `DATABASE_PASSWORD_FILE`, `MIGRATE` and `DATABASE_WAIT`.
//!
//! The settings are plain data; `store` gives them to the database's driver. Formatting them never
//! shows a password.

use std::{convert::Infallible, time::Duration};

use url::Url;

use super::{
    LimitSettings, Program, Secret,
    reader::SettingsReader,
    value::{self, Parsed},
};

/// Added to the execution timeout of an operation to get the statement timeout, so that a client
/// gets the operation's error and not the statement's.
const STATEMENT_TIMEOUT_MARGIN: Duration = Duration::from_millis(500);
/// The error of a PostgreSQL URL that cannot be parsed.
const POSTGRES_FORM: &str = "must be like postgres://user:password@host:5432/database";
/// The error of a SQLite URL that cannot be parsed.
const SQLITE_FORM: &str = "must be like sqlite://stock-tracker.db?mode=rwc";

/// The database, and what a process does with it at startup.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// The database to connect to.
    pub url: DatabaseUrl,
    /// Whether to apply pending migrations at startup.
    pub migrate: bool,
    /// How long startup waits until the database accepts connections.
    pub wait: Duration,
    /// The statement timeout: reads that take longer are cancelled. `None` for the tracker, whose
    /// statements no client waits for.
    pub statement_time: Option<Duration>,
}

/// The database to connect to.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// A database on a PostgreSQL server.
    Postgres(PostgresUrl),
    /// A SQLite database.
    Sqlite(SqliteUrl),
}

/// A PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresUrl {
    /// `DATABASE_URL`, which may contain a password.
    pub url: Secret,
    /// The password from `DATABASE_PASSWORD_FILE`.
    pub password: Option<Secret>,
}

/// A SQLite database.
#[derive(Clone, Debug)]
pub struct SqliteUrl {
    /// `DATABASE_URL` without its `synchronous` parameter, which the driver does not know.
    pub url: String,
    /// `PRAGMA synchronous`.
    pub synchronous: Synchronous,
    /// Whether the database is in memory only.
    pub in_memory: bool,
    /// Whether to create the file if it is missing.
    pub creates: bool,
}

/// When SQLite waits for the disk (`PRAGMA synchronous`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Never.
    Off,
    /// At checkpoints: a power loss may undo the last commits.
    Normal,
    /// At every commit: commits survive a power loss.
    Full,
    /// As `Full`, and when the journal is deleted.
    Extra,
}

impl DatabaseSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>, limits: &LimitSettings) -> Self {
        let url = reader.value("DATABASE_URL", DatabaseUrl::parse);
        if reader.program() == Program::Tracker && matches!(url, DatabaseUrl::Sqlite(_)) {
            let default = if reader.has("DATABASE_URL") {
                ""
            } else {
                ", the default,"
            };
            reader.reject(
                "DATABASE_URL",
                format!(
                    "must begin with postgres:// because with SQLite{default} api itself polls"
                ),
            );
        }
        let url = match reader.optional("DATABASE_PASSWORD_FILE", Secret::read_file) {
            Some(password) => with_password(url, password, reader),
            None => url,
        };
        Self {
            url,
            migrate: reader.value("MIGRATE", value::switch),
            wait: reader.value("DATABASE_WAIT", value::duration),
            statement_time: (reader.program() == Program::Api)
                .then_some(limits.execution_time + STATEMENT_TIMEOUT_MARGIN),
        }
    }
}

/// Adds the password from `DATABASE_PASSWORD_FILE`.
fn with_password(
    url: DatabaseUrl,
    password: Secret,
    reader: &mut SettingsReader<'_>,
) -> DatabaseUrl {
    let in_url = |text: &str| {
        Ok::<_, Infallible>(Url::parse(text).is_ok_and(|url| {
            url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
        }))
    };
    let in_url = reader.optional("DATABASE_URL", in_url).unwrap_or_default();
    match url {
        DatabaseUrl::Postgres(PostgresUrl { url, .. }) if !in_url => {
            DatabaseUrl::Postgres(PostgresUrl {
                url,
                password: Some(password),
            })
        }
        url => {
            let problem = match url {
                DatabaseUrl::Postgres(_) => {
                    "cannot be set together with a password in DATABASE_URL"
                }
                DatabaseUrl::Sqlite(_) => "requires a DATABASE_URL that begins with postgres://",
            };
            reader.reject("DATABASE_PASSWORD_FILE", problem);
            url
        }
    }
}

impl DatabaseUrl {
    /// Parses a URL. For SQLite it accepts `mode`, `cache`, `immutable` and `vfs`, and
    /// `synchronous`, whose default is `normal`.
    ///
    /// # Errors
    ///
    /// A message that does not contain the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split(':').next().unwrap_or_default() {
            "postgres" | "postgresql" => {
                value::encoded_user(text)?;
                Url::parse(text).map_err(|_| POSTGRES_FORM.to_owned())?;
                Ok(Self::Postgres(PostgresUrl {
                    url: Secret::new(text),
                    password: None,
                }))
            }
            "sqlite" => SqliteUrl::parse(text).map(Self::Sqlite),
            _ => Err("must begin with sqlite: or postgres:".to_owned()),
        }
    }
}

impl SqliteUrl {
    fn parse(text: &str) -> Parsed<Self> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let mut synchronous = Synchronous::Normal;
        let mut driver = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("synchronous", "off") => synchronous = Synchronous::Off,
                ("synchronous", "normal") => synchronous = Synchronous::Normal,
                ("synchronous", "full") => synchronous = Synchronous::Full,
                ("synchronous", "extra") => synchronous = Synchronous::Extra,
                ("synchronous", _) => {
                    return Err("must have synchronous=off, normal, full or extra".to_owned());
                }
                ("mode", "ro" | "rw" | "rwc" | "memory")
                | ("cache", "private" | "shared")
                | ("immutable", "true" | "false" | "1" | "0")
                | ("vfs", _) => driver.push(pair),
                _ => return Err(SQLITE_FORM.to_owned()),
            }
        }
        Ok(Self {
            url: format!("{base}?{}", driver.join("&")),
            synchronous,
            in_memory: base.ends_with(":memory:") || driver.contains(&"mode=memory"),
            creates: driver.contains(&"mode=rwc"),
        })
    }
}
