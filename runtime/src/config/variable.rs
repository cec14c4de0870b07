//! The table of all settings: name, section, default and description.
//!
//! The flags, `--help`, `.env.example` and the settings in `docker-compose.yml` are generated from
//! this table. The modules beside it parse the values.

use super::Program;

/// A setting: the name of its environment variable, its default and its description.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// The environment variable. The flag has the same name in lower case with dashes.
    pub name: &'static str,
    /// The section of `--help` and `.env.example` that lists it.
    pub section: &'static str,
    /// The default.
    pub default: DefaultValue,
    /// The description, for `--help` and `.env.example`.
    pub help: &'static str,
    /// Whether its value may contain a secret and is therefore never shown.
    pub sensitive: bool,
    /// Whether it is a boolean, so that its flag needs no value.
    pub switch: bool,
}

/// The default of a setting.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// A value.
    Fixed(&'static str),
    /// A value that differs between the programs.
    PerProgram {
        /// The value for `api`.
        api: &'static str,
        /// The value for `tracker`.
        tracker: &'static str,
    },
    /// A default that is not a single value, described for `--help`.
    Described(&'static str),
    /// No value; the feature is off.
    Unset,
}

impl DefaultValue {
    /// Returns the default value for `program`, or `None` if the default is not a value.
    pub const fn value(self, program: Program) -> Option<&'static str> {
        match (self, program) {
            (Self::Fixed(value), _)
            | (Self::PerProgram { api: value, .. }, Program::Api)
            | (Self::PerProgram { tracker: value, .. }, Program::Tracker) => Some(value),
            (Self::Described(_) | Self::Unset, _) => None,
        }
    }
}

impl Variable {
    const fn new(
        section: &'static str,
        name: &'static str,
        default: DefaultValue,
        help: &'static str,
    ) -> Self {
        Self {
            name,
            section,
            default,
            help,
            sensitive: false,
            switch: false,
        }
    }

    /// Marks the value as a secret.
    const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Marks the variable as a boolean.
    const fn switch(mut self) -> Self {
        self.switch = true;
        self
    }

    /// The name of the flag, without the leading dashes.
    pub fn flag(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }

    /// Returns the secret variable whose value this one reads from a file, if it does: for
    /// `ADMIN_TOKEN_FILE`, `ADMIN_TOKEN`.
    pub(super) fn secret(&self) -> Option<&'static Self> {
        let name = self.name.strip_suffix("_FILE")?;
        VARIABLES
            .iter()
            .find(|variable| variable.sensitive && variable.name == name)
    }

    /// Returns the variable with this name.
    ///
    /// # Panics
    ///
    /// If the table has no such variable.
    pub(super) fn named(name: &str) -> &'static Self {
        VARIABLES
            .iter()
            .find(|variable| variable.name == name)
            .unwrap_or_else(|| panic!("{name} is not in the table of variables"))
    }
}

use DefaultValue::{Described, Fixed, PerProgram, Unset};

const DATABASE: &str = "Database";
const LISTENERS: &str = "Listeners";
const ACCESS: &str = "Access";
const LIMITS: &str = "Limits (sizes from 1KiB to 1GiB, or in bytes without a unit; counts from 1)";
const PROVIDERS: &str = "Providers";
const TRACKING: &str = "Tracking";
const DELIVERY: &str = "Delivery";
const RETENTION: &str = "Retention";
const REPLAY: &str = "Replay";
const SIMULATION: &str = "Simulation";
const OPERATION: &str = "Operation";

/// All settings, in the order in which they are listed.
#[rustfmt::skip]
pub const VARIABLES: &[Variable] = &[
    Variable::new(DATABASE, "DATABASE_URL", Fixed("sqlite://stock-tracker.db?mode=rwc"),
        "URL of the database: a SQLite file (then `api` also polls) or postgres://user:password@host/database").sensitive(),
    Variable::new(DATABASE, "DATABASE_PASSWORD_FILE", Unset,
        "File with the password for a PostgreSQL DATABASE_URL that contains none"),
    Variable::new(DATABASE, "MIGRATE", Fixed("true"),
        "Migrate the database at startup; safe if several processes start at once").switch(),
    Variable::new(DATABASE, "DATABASE_WAIT", Fixed("30s"),
        "How long startup retries to connect to PostgreSQL; 0s fails at the first error"),
    Variable::new(DATABASE, "FEED_URL", Described("each api process reads the feed from the database"),
        "NATS server with JetStream that distributes the feed to many api processes, such as nats://user:password@host:4222, or a comma-separated list of the servers of a cluster; requires PostgreSQL").sensitive(),

    Variable::new(LISTENERS, "API_HOST", Fixed("127.0.0.1"),
        "Address to serve GraphQL, REST and WebSocket on; an address other than loopback requires ADMIN_TOKEN"),
    Variable::new(LISTENERS, "API_PORT", Fixed("8080"),
        "Port to serve GraphQL, REST and WebSocket on; 0 for any free port"),
    Variable::new(LISTENERS, "METRICS_HOST", Fixed("127.0.0.1"),
        "Address to serve /metrics, /livez and /readyz on"),
    Variable::new(LISTENERS, "METRICS_PORT", PerProgram { api: "9090", tracker: "9091" },
        "Port to serve /metrics, /livez and /readyz on; 0 for any free port"),

    Variable::new(ACCESS, "ADMIN_TOKEN", Described("generated at each start and logged once"),
        "Bearer token that mutations require").sensitive(),
    Variable::new(ACCESS, "ADMIN_TOKEN_FILE", Unset, "File with the admin token, instead of ADMIN_TOKEN"),
    Variable::new(ACCESS, "READ_TOKEN", Described("reads require no token"),
        "Bearer token that reads require").sensitive(),
    Variable::new(ACCESS, "READ_TOKEN_FILE", Unset, "File with the read token, instead of READ_TOKEN"),
    Variable::new(ACCESS, "ALLOWED_HOSTS", Described("loopback names"),
        "Accepted values of the Host header, a comma-separated list; * for any"),
    Variable::new(ACCESS, "ALLOWED_ORIGINS", Described("loopback names"),
        "Web origins that may call the API (CORS), a comma-separated list such as https://desk.example; * for any"),
    Variable::new(ACCESS, "INTROSPECTION", Fixed("true"), "Allow introspection of the GraphQL schema").switch(),
    Variable::new(ACCESS, "SUGGESTIONS", Described("same as INTROSPECTION"),
        "Suggest similar names in errors about unknown fields of the schema").switch(),
    Variable::new(ACCESS, "CONSOLE", Fixed("true"), "Serve the web console at /").switch(),
    Variable::new(ACCESS, "GRAPHIQL", Fixed("true"), "Serve GraphiQL at /graphiql").switch(),
    Variable::new(ACCESS, "TRUSTED_DOCUMENTS", Described("all documents are accepted"),
        "Directory of the only GraphQL documents to accept, as NAME.graphql files or as objects in *.json files; read at startup"),
    Variable::new(ACCESS, "RATE_LIMIT", Fixed("off"),
        "Rate limit: maximum requests and operations per minute and client, at least 1, or off; a client is an IPv4 address or an IPv6 /64 network"),
    Variable::new(ACCESS, "TRUSTED_PROXIES", Described("none"),
        "Proxies whose X-Forwarded-For determines the client address, a comma-separated list of addresses and networks such as 10.0.0.0/8"),

    Variable::new(LIMITS, "LIMIT_HEAD_TIME", Fixed("30s"),
        "Timeout for receiving the headers of a request, and for an idle connection"),
    Variable::new(LIMITS, "LIMIT_BODY", Fixed("1MiB"), "Maximum size of a request body"),
    Variable::new(LIMITS, "LIMIT_BODY_TIME", Fixed("10s"), "Timeout for receiving a request body"),
    Variable::new(LIMITS, "LIMIT_WRITE_TIME", Fixed("30s"),
        "Timeout for a write to a client that makes no progress; the connection is then closed"),
    Variable::new(LIMITS, "LIMIT_EXECUTION_TIME", Fixed("10s"),
        "Timeout of a GraphQL operation, and on PostgreSQL of each statement of `api`"),
    Variable::new(LIMITS, "LIMIT_DOCUMENT", Fixed("128KiB"), "Maximum size of a GraphQL document"),
    Variable::new(LIMITS, "LIMIT_TOKENS", Fixed("5000"), "Maximum tokens in a document"),
    Variable::new(LIMITS, "LIMIT_DEPTH", Fixed("15"), "Maximum nesting of fields in an operation, 1 to 30"),
    Variable::new(LIMITS, "LIMIT_ALIASES", Fixed("100"), "Maximum aliases in a document; 0 allows none"),
    Variable::new(LIMITS, "LIMIT_DIRECTIVES", Fixed("50"), "Maximum directives in a document; 0 allows none"),
    Variable::new(LIMITS, "LIMIT_ROOT_FIELDS", Fixed("100"), "Maximum root fields of an operation"),
    Variable::new(LIMITS, "LIMIT_FIELDS", Fixed("1000"), "Maximum fields in an operation, with fragments expanded"),
    Variable::new(LIMITS, "LIMIT_COST", Fixed("100000"),
        "Maximum fields in a response, estimated from the sizes of its lists (query complexity)"),
    Variable::new(LIMITS, "LIMIT_PREPARED", Fixed("16MiB"),
        "Approximate size of the cache of documents that were executed, which are not parsed and validated again, at most 1GiB; 0 disables it"),
    Variable::new(LIMITS, "LIMIT_PERSISTED", Fixed("8MiB"),
        "Size of the cache of automatic persisted queries, at most 1GiB; 0 disables them"),
    Variable::new(LIMITS, "LIMIT_RECENT", Fixed("64MiB"),
        "Size of the cache of the newest prices and alerts of stocks, at most 1GiB; 0 disables it"),
    Variable::new(LIMITS, "LIMIT_INIT_TIME", Fixed("10s"),
        "Timeout for connection_init on a GraphQL WebSocket"),
    Variable::new(LIMITS, "LIMIT_SILENCE", Fixed("30s"),
        "Idle timeout of a GraphQL WebSocket, which is pinged after two fifths of it; on /ws it is a third longer"),
    Variable::new(LIMITS, "LIMIT_MESSAGE", Fixed("1MiB"), "Maximum size of a WebSocket message"),
    Variable::new(LIMITS, "LIMIT_OPERATIONS", Fixed("100"), "Maximum concurrent operations on a WebSocket"),
    Variable::new(LIMITS, "LIMIT_SOCKETS", Fixed("100000"),
        "Maximum concurrent WebSockets and event streams"),
    Variable::new(LIMITS, "LIMIT_SOCKETS_PER_ADDRESS", Fixed("10000"),
        "Maximum concurrent WebSockets and event streams of a client"),
    Variable::new(LIMITS, "LIMIT_RULES", Fixed("100000"), "Maximum alert rules of users"),
    Variable::new(LIMITS, "LIMIT_SEARCHES", Fixed("8"), "Maximum concurrent searches for symbols"),
    Variable::new(LIMITS, "LIMIT_DELIVERIES", Fixed("64"), "Maximum concurrent requests to webhooks"),
    Variable::new(LIMITS, "LIMIT_BACKLOG", Fixed("1000"),
        "Maximum undelivered events of a subscriber that receives every event; a slow consumer that exceeds it is disconnected"),
    Variable::new(LIMITS, "LIMIT_BACKLOG_BYTES", Fixed("4MiB"), "Maximum size of those undelivered events"),

    Variable::new(PROVIDERS, "PROVIDER", Described("those whose keys are set, otherwise replay"),
        "Market-data provider: alphavantage, finnhub, alpaca, twelvedata, kraken (cryptocurrencies, without a key), replay or simulated (random prices); a comma-separated list is a failover order, but live providers do not replace replay and simulated"),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_API_KEY", Unset, "API key for Alpha Vantage").sensitive(),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_API_KEY_FILE", Unset,
        "File with the API key, instead of ALPHA_VANTAGE_API_KEY"),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_URL", Fixed("https://www.alphavantage.co"),
        "Base URL of Alpha Vantage, to use a proxy or a test server").sensitive(),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_PER_SECOND", Described("a sixtieth of ALPHA_VANTAGE_PER_MINUTE, rounded up"),
        "Requests per second that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_PER_MINUTE", Fixed("5"),
        "Requests per minute that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_PER_DAY", Fixed("25"),
        "Requests per day that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "ALPHA_VANTAGE_BULK", Fixed("false"),
        "Request many United States shares at once, which premium plans include").switch(),
    Variable::new(PROVIDERS, "FINNHUB_API_KEY", Unset, "API key for Finnhub").sensitive(),
    Variable::new(PROVIDERS, "FINNHUB_API_KEY_FILE", Unset,
        "File with that key, instead of FINNHUB_API_KEY"),
    Variable::new(PROVIDERS, "FINNHUB_URL", Fixed("https://finnhub.io"),
        "Base URL of Finnhub, to use a proxy or a test server").sensitive(),
    Variable::new(PROVIDERS, "FINNHUB_STREAM_URL", Fixed("wss://ws.finnhub.io"),
        "URL of the stream of Finnhub, to use a proxy or a test server").sensitive(),
    Variable::new(PROVIDERS, "FINNHUB_PER_SECOND", Fixed("30"),
        "Requests per second that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "FINNHUB_PER_MINUTE", Fixed("60"),
        "Requests per minute that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "FINNHUB_STREAM_SYMBOLS", Fixed("50"),
        "Symbols that the plan streams, 0 to 100000"),
    Variable::new(PROVIDERS, "ALPACA_API_KEY_ID", Unset, "Id of the API key for Alpaca").sensitive(),
    Variable::new(PROVIDERS, "ALPACA_API_KEY_ID_FILE", Unset,
        "File with that key, instead of ALPACA_API_KEY_ID"),
    Variable::new(PROVIDERS, "ALPACA_API_SECRET_KEY", Unset, "Secret of the API key for Alpaca").sensitive(),
    Variable::new(PROVIDERS, "ALPACA_API_SECRET_KEY_FILE", Unset,
        "File with that key, instead of ALPACA_API_SECRET_KEY"),
    Variable::new(PROVIDERS, "ALPACA_URL", Fixed("https://data.alpaca.markets"),
        "Base URL of the market data of Alpaca, to use a proxy or a test server").sensitive(),
    Variable::new(PROVIDERS, "ALPACA_STREAM_URL", Fixed("wss://stream.data.alpaca.markets/v2/iex"),
        "URL of the stream of Alpaca, with the feed, to use a proxy or a test server").sensitive(),
    Variable::new(PROVIDERS, "ALPACA_PER_SECOND", Described("a sixtieth of ALPACA_PER_MINUTE, rounded up"),
        "Requests per second that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "ALPACA_PER_MINUTE", Fixed("200"),
        "Requests per minute that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "ALPACA_STREAM_SYMBOLS", Fixed("30"),
        "Symbols that the plan streams, 0 to 100000"),
    Variable::new(PROVIDERS, "TWELVE_DATA_API_KEY", Unset, "API key for Twelve Data").sensitive(),
    Variable::new(PROVIDERS, "TWELVE_DATA_API_KEY_FILE", Unset,
        "File with that key, instead of TWELVE_DATA_API_KEY"),
    Variable::new(PROVIDERS, "TWELVE_DATA_URL", Fixed("https://api.twelvedata.com"),
        "Base URL of Twelve Data, to use a proxy or a test server").sensitive(),
    Variable::new(PROVIDERS, "TWELVE_DATA_PER_SECOND", Fixed("8"),
        "Credits per second that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "TWELVE_DATA_PER_MINUTE", Fixed("8"),
        "Credits per minute that the plan allows, at least 1; a symbol costs one"),
    Variable::new(PROVIDERS, "TWELVE_DATA_PER_DAY", Fixed("800"),
        "Credits per day that the plan allows, at least 1"),
    Variable::new(PROVIDERS, "KRAKEN_URL", Fixed("https://api.kraken.com"),
        "Base URL of Kraken, to use a proxy or a test server").sensitive(),
    Variable::new(PROVIDERS, "KRAKEN_STREAM_URL", Fixed("wss://ws.kraken.com/v2"),
        "URL of the stream of Kraken, to use a proxy or a test server").sensitive(),
    Variable::new(PROVIDERS, "KRAKEN_PER_SECOND", Described("a sixtieth of KRAKEN_PER_MINUTE, rounded up"),
        "Requests per second to Kraken, at least 1"),
    Variable::new(PROVIDERS, "KRAKEN_PER_MINUTE", Fixed("60"),
        "Requests per minute to Kraken, at least 1"),

    Variable::new(TRACKING, "UPDATE_INTERVAL", Fixed("5m"),
        "Polling interval of each symbol, at least 1s; extended if the request budget of the provider is too small, which the log and the status show"),
    Variable::new(TRACKING, "STREAMS", Fixed("true"),
        "Whether prices are read from the streams of the providers that have one: true or false"),
    Variable::new(TRACKING, "STREAM_INTERVAL", Fixed("1s"),
        "Minimum time between two stored prices of a streamed symbol, at least 100ms"),
    Variable::new(TRACKING, "SEARCH_PER_MINUTE", Fixed("5"),
        "Maximum searches for symbols that are sent to each provider in a minute, 0 to 1000"),
    Variable::new(TRACKING, "SEARCH_CACHE", Fixed("24h"),
        "How long the symbols that a provider found are returned to the same search"),
    Variable::new(TRACKING, "MARKET_HOURS", Fixed("us"),
        "When to poll: us (United States shares from 04:00 to 20:00 New York time on trading days, other exchanges and foreign exchange on weekdays, cryptocurrencies at any time) or always"),
    Variable::new(TRACKING, "ALERT_THRESHOLD", Fixed("5"),
        "Change in percent that fires the default alert rule, greater than 0"),
    Variable::new(TRACKING, "ALERT_MAX_AGE", Fixed("1"),
        "Maximum age of a live quote that fires alerts, in sessions before the last one: 0 to 1000, or any for no limit"),
    Variable::new(TRACKING, "DEFAULT_SYMBOLS", Fixed("AAPL,GOOG,IBM,MSFT"),
        "Symbols that a new database tracks, a comma-separated list; later changes have no effect"),

    Variable::new(DELIVERY, "WEBHOOK_ALLOW_PRIVATE", Fixed("false"),
        "Allow webhooks at addresses that are not globally reachable, such as 127.0.0.1 and 10.0.0.0/8; anyone with the admin token can then send requests to your network").switch(),
    Variable::new(DELIVERY, "SMTP_URL", Described("no mail"),
        "Mail server for alerts by mail: smtps://user:password@host for TLS (port 465), or smtp://host, which uses STARTTLS if the server offers it (port 587)").sensitive(),
    Variable::new(DELIVERY, "SMTP_URL_FILE", Unset, "File with the URL of the mail server, instead of SMTP_URL"),
    Variable::new(DELIVERY, "SMTP_FROM", Unset,
        "Sender address of mail, such as alerts@example.com; required if SMTP_URL is set"),

    Variable::new(RETENTION, "RETENTION_TICKS", Fixed("90d"),
        "How long to keep prices; candles, alerts and the newest price of each symbol are never deleted"),
    Variable::new(RETENTION, "RETENTION_FEED", Fixed("24h"),
        "How long to keep the feed, and so how long a process may be disconnected and still catch up from it"),
    Variable::new(RETENTION, "RETENTION_DELIVERIES", Fixed("30d"),
        "How long to keep finished deliveries of alerts and the log of their attempts"),

    Variable::new(REPLAY, "REPLAY_FILE", Described("the bundled prices"),
        "Daily prices to replay, as CSV, plain or gzip"),
    Variable::new(REPLAY, "REPLAY_FROM", Described("2004-08-19, or the first day of REPLAY_FILE"),
        "First day to replay, such as 2008-01-02"),
    Variable::new(REPLAY, "REPLAY_SPEED", Fixed("1"),
        "Trading days to replay per second, a number greater than 0, or max for no delay"),
    Variable::new(REPLAY, "REPLAY_LOOP", Fixed("true"), "Restart the replay at its end").switch(),

    Variable::new(SIMULATION, "SIMULATED_SYMBOLS", Fixed("1000"),
        "Number of simulated symbols, SIM0001 and so on, 1 to 100000"),
    Variable::new(SIMULATION, "SIMULATED_RATE", Fixed("100"),
        "Simulated prices of all symbols in a second, 1 to 100000"),
    Variable::new(SIMULATION, "SIMULATED_SEED", Fixed("1"),
        "Number that determines the simulated prices: the same number gives the same prices"),

    Variable::new(OPERATION, "SHUTDOWN_GRACE", Fixed("20s"),
        "Timeout of a graceful shutdown; remaining work is then aborted"),
    Variable::new(OPERATION, "LOG_FORMAT", Described("console on a terminal, otherwise json"),
        "Format of the log: console or json"),
    Variable::new(OPERATION, "RUST_LOG", Fixed("info"), "Filter of the log, such as info,tracker=debug"),
    Variable::new(OPERATION, "DEBUG", Fixed("false"), "Also log the debug events of the programs, but not those of libraries").switch(),
    Variable::new(OPERATION, "OTEL_EXPORTER_OTLP_ENDPOINT", Unset,
        "OTLP/HTTP endpoint to export traces to, such as http://localhost:4318").sensitive(),
];
