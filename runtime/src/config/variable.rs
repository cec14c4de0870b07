//! The table of everything that can be set.
//!
//! One invariant: a variable stands here once, and its flag, help, default and line of `.env.example` follow from
//! this row. The parsers beside it name rows by their variable.

use super::Program;

/// A variable: its name, what applies when it is not set, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The environment variable; the flag is the same name in lower case with dashes.
    pub name: &'static str,
    /// Under which heading it stands.
    pub section: &'static str,
    /// What applies when it is not set.
    pub fallback: Fallback,
    /// What it means.
    pub help: &'static str,
    /// Whether its value may hold a secret and is therefore never shown.
    pub sensitive: bool,
    /// Whether it is on or off, so that its flag may stand without a value.
    pub switch: bool,
}

/// What applies when a variable is not set.
#[derive(Clone, Copy, Debug)]
pub enum Fallback {
    /// This value.
    Value(&'static str),
    /// A value that differs between the programs.
    PerProgram {
        /// That of `api`.
        api: &'static str,
        /// That of `tracker`.
        tracker: &'static str,
    },
    /// What these words say.
    Said(&'static str),
    /// Nothing: the feature is off.
    Nothing,
}

impl Fallback {
    /// The value that applies for `program`, if it is one.
    pub const fn value(self, program: Program) -> Option<&'static str> {
        match (self, program) {
            (Self::Value(value), _)
            | (Self::PerProgram { api: value, .. }, Program::Api)
            | (Self::PerProgram { tracker: value, .. }, Program::Tracker) => Some(value),
            (Self::Said(_) | Self::Nothing, _) => None,
        }
    }
}

impl Variable {
    const fn new(
        section: &'static str,
        name: &'static str,
        fallback: Fallback,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            section,
            fallback,
            help,
            sensitive: false,
            switch: false,
        }
    }

    /// Its value is never shown.
    const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// It is on or off.
    const fn switch(mut self) -> Self {
        self.switch = true;
        self
    }

    /// The flag's name, without the dashes before it.
    pub fn flag(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }

    /// The secret variable whose value may instead be in the file that this one names: for
    /// `ADMIN_TOKEN_FILE` it is `ADMIN_TOKEN`.
    pub(super) fn secret(&self) -> Option<&'static Self> {
        let name = self.name.strip_suffix("_FILE")?;
        VARIABLES
            .iter()
            .find(|variable| variable.sensitive && variable.name == name)
    }

    /// The row of this name.
    ///
    /// # Panics
    ///
    /// If there is none: whoever asks names a row of the table below.
    pub(super) fn named(name: &str) -> &'static Self {
        VARIABLES
            .iter()
            .find(|variable| variable.name == name)
            .unwrap_or_else(|| panic!("{name} is not in the table of variables"))
    }
}

use Fallback::{Nothing, PerProgram, Said, Value};

const DATABASE: &str = "Database";
const LISTENERS: &str = "Listeners";
const ACCESS: &str = "Access";
const LIMITS: &str = "Limits (bytes may have KiB, MiB or GiB)";
const PROVIDERS: &str = "Providers";
const TRACKING: &str = "Tracking";
const RETENTION: &str = "Retention";
const REPLAY: &str = "Replay";
const OPERATION: &str = "Operation";

/// Everything that can be set, in the order in which it is told.
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    Variable::new(DATABASE, "DATABASE_URL", Value("sqlite://stock-tracker.db?mode=rwc"),
        "Where prices are kept: a SQLite file (`api` then tracks, too) or postgres://user:password@host/database").sensitive(),
    Variable::new(DATABASE, "DATABASE_PASSWORD_FILE", Nothing,
        "File with the password of DATABASE_URL, which then has none"),
    Variable::new(DATABASE, "MIGRATE", Value("true"),
        "Bring the database to the newest shape at start; safe with several starting at once").switch(),
    Variable::new(DATABASE, "DATABASE_WAIT", Value("30s"),
        "How long a start waits for the database before it fails"),
    Variable::new(DATABASE, "FEED_URL", Said("followers read the database"),
        "NATS with JetStream that carries the feed to many api, such as nats://user:password@host:4222; a comma list names a cluster").sensitive(),

    Variable::new(LISTENERS, "API_HOST", Value("127.0.0.1"),
        "Address of GraphQL, REST and sockets; one that others can reach needs ADMIN_TOKEN"),
    Variable::new(LISTENERS, "API_PORT", Value("8080"), "Port of GraphQL, REST and sockets"),
    Variable::new(LISTENERS, "METRICS_HOST", Value("127.0.0.1"), "Address of /metrics, /livez and /readyz"),
    Variable::new(LISTENERS, "METRICS_PORT", PerProgram { api: "9090", tracker: "9091" },
        "Port of /metrics, /livez and /readyz"),

    Variable::new(ACCESS, "ADMIN_TOKEN", Said("drawn at each start and logged once"),
        "Bearer token of mutations").sensitive(),
    Variable::new(ACCESS, "ADMIN_TOKEN_FILE", Nothing, "File with the admin token, in place of ADMIN_TOKEN"),
    Variable::new(ACCESS, "READ_TOKEN", Said("reads are open"),
        "Bearer token that every read needs, if set").sensitive(),
    Variable::new(ACCESS, "READ_TOKEN_FILE", Nothing, "File with the read token, in place of READ_TOKEN"),
    Variable::new(ACCESS, "ALLOWED_HOSTS", Said("loopback names"),
        "Host names under which the API may be asked, a comma list; * for any"),
    Variable::new(ACCESS, "ALLOWED_ORIGINS", Said("loopback names"),
        "Origins of browsers that may ask, a comma list such as https://desk.example; * for any"),
    Variable::new(ACCESS, "INTROSPECTION", Value("true"), "Tell the GraphQL schema to whoever asks").switch(),
    Variable::new(ACCESS, "SUGGESTIONS", Said("as INTROSPECTION"),
        "Name fields of the schema that resemble an unknown one").switch(),
    Variable::new(ACCESS, "GRAPHIQL", Value("true"), "Serve GraphiQL").switch(),
    Variable::new(ACCESS, "TRUSTED_DOCUMENTS", Said("every document is served"),
        "Folder of the only GraphQL documents that are served, NAME.graphql or objects in *.json; read at start"),
    Variable::new(ACCESS, "RATE_LIMIT", Value("off"),
        "Requests and operations a minute of one client, which is an IPv4 address or an IPv6 /64, or off"),
    Variable::new(ACCESS, "TRUSTED_PROXIES", Said("nobody"),
        "Whose X-Forwarded-For says who the client is: a comma list of addresses and networks such as 10.0.0.0/8"),

    Variable::new(LIMITS, "LIMIT_HEAD_TIME", Value("30s"),
        "What a request's head may take to arrive, and how long a connection may wait for one"),
    Variable::new(LIMITS, "LIMIT_BODY", Value("1MiB"), "Bytes of a request's body"),
    Variable::new(LIMITS, "LIMIT_BODY_TIME", Value("10s"), "What a request's body may take to arrive"),
    Variable::new(LIMITS, "LIMIT_WRITE_TIME", Value("30s"),
        "How long a client may take nothing of what is written to it"),
    Variable::new(LIMITS, "LIMIT_EXECUTION_TIME", Value("10s"),
        "What a GraphQL operation may take, and on PostgreSQL each statement of `api`"),
    Variable::new(LIMITS, "LIMIT_DOCUMENT", Value("128KiB"), "Bytes of a GraphQL document"),
    Variable::new(LIMITS, "LIMIT_TOKENS", Value("5000"), "Tokens of a document"),
    Variable::new(LIMITS, "LIMIT_DEPTH", Value("15"), "Fields within fields of an operation, at most 30"),
    Variable::new(LIMITS, "LIMIT_ALIASES", Value("100"), "Aliases of a document"),
    Variable::new(LIMITS, "LIMIT_DIRECTIVES", Value("50"), "Directives of a document"),
    Variable::new(LIMITS, "LIMIT_ROOT_FIELDS", Value("100"), "Fields of an operation's root"),
    Variable::new(LIMITS, "LIMIT_FIELDS", Value("1000"), "Fields of an operation, fragments expanded"),
    Variable::new(LIMITS, "LIMIT_COST", Value("100000"), "Fields of an answer, by the sizes of its lists"),
    Variable::new(LIMITS, "LIMIT_PERSISTED", Value("8MiB"),
        "Bytes of persisted queries that are kept; 0 for none"),
    Variable::new(LIMITS, "LIMIT_INIT_TIME", Value("10s"), "What a socket may take to introduce itself"),
    Variable::new(LIMITS, "LIMIT_SILENCE", Value("30s"),
        "How long a GraphQL socket may be silent, pinged after two fifths of it; one of /ws a third longer"),
    Variable::new(LIMITS, "LIMIT_MESSAGE", Value("1MiB"), "Bytes of a socket's message"),
    Variable::new(LIMITS, "LIMIT_OPERATIONS", Value("100"), "Operations at a time on one socket"),
    Variable::new(LIMITS, "LIMIT_SOCKETS", Value("100000"), "Sockets and event streams at a time"),
    Variable::new(LIMITS, "LIMIT_SOCKETS_PER_ADDRESS", Value("10000"), "Those of one client"),
    Variable::new(LIMITS, "LIMIT_BACKLOG", Value("1000"),
        "Events that a subscriber from whom nothing is kept may be behind"),
    Variable::new(LIMITS, "LIMIT_BACKLOG_BYTES", Value("4MiB"), "Bytes of them"),

    Variable::new(PROVIDERS, "PROVIDER", Said("alphavantage if its key is set, else replay"),
        "Who is asked for prices: alphavantage, replay; a comma list is a fallback order, in which a replay never stands in for live prices"),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_API_KEY", Nothing, "Key of Alpha Vantage").sensitive(),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_API_KEY_FILE", Nothing,
        "File with the key, in place of ALPHA_VANTAGE_API_KEY"),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_URL", Value("https://www.alphavantage.co"),
        "Base URL of Alpha Vantage, for proxies and stand-ins").sensitive(),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_PER_MINUTE", Value("5"), "Requests a minute of the plan"),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_PER_DAY", Value("25"), "Requests a day of the plan"),

    Variable::new(TRACKING, "UPDATE_INTERVAL", Value("5m"),
        "How often each symbol is polled, at least 1s; stretched, and said so, if the budget is short"),
    Variable::new(TRACKING, "MARKET_HOURS", Value("us"),
        "When to poll: us (while a stock's market can trade: 04:00 to 20:00 New York on trading days for shares of the United States, any hour of weekdays for other exchanges and foreign exchange, any time for cryptocurrencies) or always"),
    Variable::new(TRACKING, "ALERT_THRESHOLD", Value("5"),
        "Percent of change that fires the default rule"),
    Variable::new(TRACKING, "ALERT_MAX_AGE", Value("1"),
        "How many sessions a live quote may be before the last one and still fire alerts, 0 to 1000, or any"),
    Variable::new(TRACKING, "DEFAULT_SYMBOLS", Value("AAPL,GOOG,IBM,MSFT"),
        "Symbols to track, a comma list; written once, into an empty database"),

    Variable::new(RETENTION, "RETENTION_TICKS", Value("90d"),
        "How long prices are kept; candles, alerts and each symbol's newest price stay for ever"),
    Variable::new(RETENTION, "RETENTION_FEED", Value("24h"),
        "For how long an api may be cut off and still catch up by the feed alone"),

    Variable::new(REPLAY, "REPLAY_FILE", Said("the bundled real prices"),
        "Recorded daily prices, CSV, plain or gzip"),
    Variable::new(REPLAY, "REPLAY_FROM", Said("2004-08-19, or the first day of REPLAY_FILE"),
        "The day to begin with, such as 2008-01-02"),
    Variable::new(REPLAY, "REPLAY_SPEED", Value("1"),
        "Trading days per second; max for as fast as it goes"),
    Variable::new(REPLAY, "REPLAY_LOOP", Value("true"), "Begin again at the end").switch(),

    Variable::new(OPERATION, "SHUTDOWN_GRACE", Value("20s"), "Bounds a stop"),
    Variable::new(OPERATION, "LOG_FORMAT", Said("console on a terminal, else json"), "console or json"),
    Variable::new(OPERATION, "RUST_LOG", Value("info"), "What is logged, such as info,tracker=debug"),
    Variable::new(OPERATION, "DEBUG", Value("false"), "Log what the programs themselves do in detail").switch(),
    Variable::new(OPERATION, "OTEL_EXPORTER_OTLP_ENDPOINT", Nothing,
        "Where traces are sent over OTLP/HTTP, such as http://localhost:4318").sensitive(),
];
