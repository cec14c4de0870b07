//! Settings for the database.

use std::{convert::Infallible, fmt, path::Path, time::Duration};

use sea_orm::sqlx::{
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use url::Url;

use super::{
    LimitSettings, Program, Secret,
    reader::SettingsReader,
    value::{self, Parsed},
};

/// How much longer than an operation a statement may take, so that clients get the operation's
/// timeout.
const STATEMENT_TIMEOUT_MARGIN: Duration = Duration::from_millis(500);

/// Which database to use, and what to do at startup.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// The database.
    pub url: DatabaseUrl,
    /// Whether startup migrates it.
    pub migrate: bool,
    /// How long startup waits for it.
    pub wait: Duration,
    /// Timeout of a statement, so that it ends when no client waits for it any more. `None` for the
    /// tracker, whose statements serve no client.
    pub statement_time: Option<Duration>,
}

/// A parsed database URL. `Display` and `Debug` show the location, and never the password.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A database of a PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
    /// A SQLite database.
    Sqlite(Box<SqliteUrl>),
}

/// A SQLite database.
#[derive(Clone)]
pub struct SqliteUrl {
    pub(crate) options: SqliteConnectOptions,
    /// Whether it is in memory only.
    in_memory: bool,
    /// Whether a missing file is created.
    pub(crate) creates: bool,
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
            Some(password) => with_password(url, &password, reader),
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

/// Adds the password from `DATABASE_PASSWORD_FILE` to the URL.
fn with_password(
    url: DatabaseUrl,
    password: &Secret,
    reader: &mut SettingsReader<'_>,
) -> DatabaseUrl {
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
                DatabaseUrl::Sqlite(_) => "requires a DATABASE_URL that begins with postgres://",
            };
            reader.reject("DATABASE_PASSWORD_FILE", problem);
            url
        }
    }
}

impl DatabaseUrl {
    /// Parses a URL. A SQLite URL may have the parameters `mode`, `cache` and `synchronous`
    /// (`normal` by default; `full` survives power loss).
    ///
    /// # Errors
    ///
    /// A message that does not contain the URL.
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
    /// The file of the database, or `None` if it is in memory.
    pub fn file(&self) -> Option<&Path> {
        (!self.in_memory).then(|| self.options.get_filename())
    }

    /// Parses the SQLite URLs of sqlx, and the parameter `synchronous`.
    fn parse(text: &str) -> Parsed<Self> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let pairs = || query.split('&').filter(|pair| !pair.is_empty());
        let for_sqlx: Vec<_> = pairs()
            .filter(|it| !it.starts_with("synchronous="))
            .collect();
        let synchronous = match pairs().find_map(|pair| pair.strip_prefix("synchronous=")) {
            None | Some("normal") => SqliteSynchronous::Normal,
            Some("full") => SqliteSynchronous::Full,
            Some("extra") => SqliteSynchronous::Extra,
            Some("off") => SqliteSynchronous::Off,
            Some(_) => return Err("must have synchronous=off, normal, full or extra".to_owned()),
        };
        let options = format!("{base}?{}", for_sqlx.join("&"))
            .parse::<SqliteConnectOptions>()
            .map_err(|_| "must be like sqlite://stock-tracker.db?mode=rwc".to_owned())?;
        Ok(Self {
            options: options.synchronous(synchronous),
            in_memory: base.ends_with(":memory:") || for_sqlx.contains(&"mode=memory"),
            creates: for_sqlx.contains(&"mode=rwc"),
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
                // Like in libpq, the database defaults to the name of the user.
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
