//! Where prices are kept.
//!
//! One invariant: a database URL is never formatted with its password, and names a database this product can use.

use std::{fmt, time::Duration};

use sea_orm::sqlx::{postgres::PgConnectOptions, sqlite::SqliteConnectOptions};

use super::{
    Program,
    reader::Reader,
    value::{self, Parsed},
};

/// The database and how a start treats it.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Which database.
    pub url: DatabaseUrl,
    /// Whether a start migrates it.
    pub migrate: bool,
    /// How long a start waits for it.
    pub wait: Duration,
}

/// A database, as a URL names it. Formatting it tells where it is and nothing secret.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A PostgreSQL server's database.
    Postgres(Box<PgConnectOptions>),
    /// A SQLite file, or a database in memory.
    Sqlite(Box<SqliteConnectOptions>),
}

impl DatabaseSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let url = reader.value("DATABASE_URL", DatabaseUrl::parse);
        let fallen_back = !reader.has("DATABASE_URL");
        if reader.program() == Program::Tracker && matches!(url, DatabaseUrl::Sqlite(_)) {
            let url = if fallen_back { "the default, " } else { "" };
            reader.fault(
                "DATABASE_URL",
                format!(
                    "must be postgres://…, as `api` itself tracks when it runs on {url}a SQLite file"
                ),
            );
        }
        Self {
            url,
            migrate: reader.value("MIGRATE", value::switch),
            wait: reader.value("DATABASE_WAIT", value::duration),
        }
    }
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// What must be different, without repeating the URL.
    pub fn parse(text: &str) -> Parsed<Self> {
        let scheme = text.split(':').next().unwrap_or_default();
        match scheme {
            "postgres" | "postgresql" => text
                .parse::<PgConnectOptions>()
                .map(|options| Self::Postgres(Box::new(options)))
                .map_err(|_| "must be like postgres://user:password@host:5432/database".to_owned()),
            "sqlite" => text
                .parse::<SqliteConnectOptions>()
                .map(|options| Self::Sqlite(Box::new(options)))
                .map_err(|_| "must be like sqlite://stock-tracker.db?mode=rwc".to_owned()),
            _ => Err("must begin with sqlite: or postgres:".to_owned()),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(options) => write!(
                f,
                "PostgreSQL at {}:{}, database {}",
                options.get_host(),
                options.get_port(),
                // libpq's rule: the user's name is the database's where none is given.
                options.get_database().unwrap_or(options.get_username()),
            ),
            Self::Sqlite(options) => write!(f, "SQLite at {}", options.get_filename().display()),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
