//! Where prices are kept.
//!
//! One invariant: a database URL is never formatted with its password, and names a database this product can use.

use std::{convert::Infallible, fmt, path::Path, time::Duration};

use sea_orm::sqlx::{
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use url::Url;

use super::{
    LimitSettings, Program, Secret,
    reader::Reader,
    value::{self, Parsed},
};

/// How much later than its operation a statement is given up, so that clients are told of the former.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// The database and how a start treats it.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Which database.
    pub url: DatabaseUrl,
    /// Whether a start migrates it.
    pub migrate: bool,
    /// How long a start waits for it.
    pub wait: Duration,
    /// After which PostgreSQL gives a statement up, so that what no client waits for any more ends; none for the
    /// tracker, for whose statements nobody waits.
    pub statement_time: Option<Duration>,
}

/// A database, as a URL names it. Formatting it tells where it is and nothing secret.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A PostgreSQL server's database.
    Postgres(Box<PgConnectOptions>),
    /// A SQLite database.
    Sqlite(Box<SqliteUrl>),
}

/// A SQLite database.
#[derive(Clone)]
pub struct SqliteUrl {
    pub(crate) options: SqliteConnectOptions,
    /// Whether it lives in memory only.
    in_memory: bool,
    /// Whether a missing file is created.
    pub(crate) creates: bool,
}

impl DatabaseSettings {
    pub(super) fn read(reader: &mut Reader<'_>, limits: &LimitSettings) -> Self {
        let url = reader.value("DATABASE_URL", DatabaseUrl::parse);
        if reader.program() == Program::Tracker && matches!(url, DatabaseUrl::Sqlite(_)) {
            let default = if reader.has("DATABASE_URL") {
                ""
            } else {
                "the default, "
            };
            reader.fault(
                "DATABASE_URL",
                format!("must be postgres://…: on {default}a SQLite file, `api` itself tracks"),
            );
        }
        let url = match reader.optional("DATABASE_PASSWORD_FILE", Secret::read_file) {
            Some(password) => with_password(url, &password, reader),
            None => url,
        };
        Self {
            url,
            migrate: reader.value("MIGRATE", value::switch),
            wait: reader.value("DATABASE_WAIT", value::duration),
            statement_time: (reader.program() == Program::Api)
                .then_some(limits.execution_time + AFTERWARDS),
        }
    }
}

/// The URL with the password of `DATABASE_PASSWORD_FILE`.
fn with_password(url: DatabaseUrl, password: &Secret, reader: &mut Reader<'_>) -> DatabaseUrl {
    let in_url = |text: &str| {
        Ok::<_, Infallible>(Url::parse(text).is_ok_and(|url| {
            url.password().is_some() || url.query_pairs().any(|(name, _)| name == "password")
        }))
    };
    let in_url = reader.optional("DATABASE_URL", in_url).unwrap_or_default();
    match url {
        DatabaseUrl::Postgres(options) if !in_url => {
            DatabaseUrl::Postgres(Box::new(options.password(password.expose())))
        }
        url => {
            let problem = match url {
                DatabaseUrl::Postgres(_) => {
                    "cannot be set together with a password in DATABASE_URL"
                }
                DatabaseUrl::Sqlite(_) => "needs a DATABASE_URL of postgres://…",
            };
            reader.fault("DATABASE_PASSWORD_FILE", problem);
            url
        }
    }
}

impl DatabaseUrl {
    /// Reads a URL. For SQLite it takes `mode`, `cache` and `synchronous` (`normal` unless said otherwise; `full`
    /// survives power loss).
    ///
    /// # Errors
    ///
    /// What must be different, without repeating the URL.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split(':').next().unwrap_or_default() {
            "postgres" | "postgresql" => {
                value::encoded_user(text)?;
                text.parse::<PgConnectOptions>()
                    .map(|options| Self::Postgres(Box::new(options)))
                    .map_err(|_| {
                        "must be like postgres://user:password@host:5432/database".to_owned()
                    })
            }
            "sqlite" => SqliteUrl::parse(text).map(|url| Self::Sqlite(Box::new(url))),
            _ => Err("must begin with sqlite: or postgres:".to_owned()),
        }
    }
}

impl SqliteUrl {
    /// The database's file; none if it lives in memory.
    pub fn file(&self) -> Option<&Path> {
        (!self.in_memory).then(|| self.options.get_filename())
    }

    /// sqlx's URL, with `synchronous` besides.
    fn parse(text: &str) -> Parsed<Self> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let pairs = || query.split('&').filter(|pair| !pair.is_empty());
        let theirs: Vec<_> = pairs()
            .filter(|it| !it.starts_with("synchronous="))
            .collect();
        let synchronous = match pairs().find_map(|pair| pair.strip_prefix("synchronous=")) {
            None | Some("normal") => SqliteSynchronous::Normal,
            Some("full") => SqliteSynchronous::Full,
            Some("extra") => SqliteSynchronous::Extra,
            Some("off") => SqliteSynchronous::Off,
            Some(_) => return Err("takes synchronous=off, normal, full or extra".to_owned()),
        };
        let options = format!("{base}?{}", theirs.join("&"))
            .parse::<SqliteConnectOptions>()
            .map_err(|_| "must be like sqlite://stock-tracker.db?mode=rwc".to_owned())?;
        Ok(Self {
            options: options.synchronous(synchronous),
            in_memory: base.ends_with(":memory:") || theirs.contains(&"mode=memory"),
            creates: theirs.contains(&"mode=rwc"),
        })
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
            Self::Sqlite(url) => match url.file() {
                Some(file) => write!(f, "SQLite at {}", file.display()),
                None => f.write_str("SQLite in memory"),
            },
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
