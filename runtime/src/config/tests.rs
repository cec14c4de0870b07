//! Loads settings from flags, the environment and files.

mod command_line;

use std::io::Write;

use super::*;

const KEYED: (&str, &str) = ("ALPHA_VANTAGE_API_KEY", "K3Y-NOBODY-SEES");

fn load_from(
    program: Program,
    args: &[&str],
    env: &[(&str, &str)],
    dotenv: &Path,
) -> Result<Loaded, ConfigError> {
    Settings::load(
        program,
        args.iter().map(OsString::from),
        env.iter().map(|(name, value)| (name.into(), value.into())),
        dotenv,
    )
}

fn load_as(program: Program, args: &[&str], env: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    load_from(program, args, env, Path::new("/nonexistent/.env"))
}

fn load(args: &[&str], env: &[(&str, &str)]) -> Settings {
    match load_as(Program::Api, args, env) {
        Ok(Loaded::Run(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

/// The error message for invalid settings.
fn error_of(args: &[&str], env: &[(&str, &str)]) -> String {
    let error = load_as(Program::Api, args, env).expect_err("invalid settings");
    error.to_string()
}

#[test]
fn without_settings_the_documented_defaults_apply() {
    let settings = load(&[], &[]);
    let DatabaseUrl::Sqlite(url) = &settings.database.url else {
        panic!("not SQLite: {:?}", settings.database.url);
    };
    assert_eq!(url.url, "sqlite://stock-tracker.db?mode=rwc");
    assert_eq!(url.synchronous, Synchronous::Normal);
    assert!(url.creates && !url.in_memory);
    assert!(settings.database.migrate);
    assert_eq!(settings.database.wait, Duration::from_secs(30));
    assert_eq!(settings.api.address(), ("127.0.0.1", 8080));
    assert_eq!(settings.metrics.address(), ("127.0.0.1", 9090));
    assert_eq!(settings.tracking.providers, [ProviderName::Replay]);
    assert_eq!(settings.tracking.update_interval, Duration::from_mins(5));
    assert_eq!(settings.tracking.market_hours, MarketHours::Us);
    assert_eq!(settings.tracking.alert_threshold.to_string(), "5");
    assert_eq!(settings.tracking.alert_max_age, Some(1));
    assert_eq!(
        settings
            .tracking
            .default_symbols
            .iter()
            .map(entity::Symbol::as_str)
            .collect::<Vec<_>>(),
        ["AAPL", "GOOG", "IBM", "MSFT"]
    );
    assert_eq!(
        settings.alpha_vantage.url.as_str(),
        "https://www.alphavantage.co/"
    );
    assert_eq!(settings.alpha_vantage.per_minute.get(), 5);
    assert_eq!(settings.alpha_vantage.per_day.get(), 25);
    assert!(settings.access.admin_token.is_none() && settings.access.read_token.is_none());
    assert_eq!(settings.access.allowed_hosts, Allowed::Loopback);
    assert_eq!(settings.access.allowed_origins, Allowed::Loopback);
    assert!(settings.access.introspection);
    assert!(settings.access.pages.console && settings.access.pages.graphiql);
    assert!(settings.access.suggestions);
    assert_eq!(settings.access.trusted_documents, None);
    assert_eq!(settings.access.rate_limit, None);
    assert_eq!(settings.access.trusted_proxies, []);
    let limits = &settings.limits;
    assert_eq!((limits.body, limits.message), (1 << 20, 1 << 20));
    assert_eq!(
        (limits.tokens, limits.depth, limits.aliases),
        (5000, 15, 100)
    );
    assert_eq!((limits.directives, limits.fields), (50, 1000));
    assert_eq!(limits.execution_time, Duration::from_secs(10));
    assert_eq!(
        (limits.operations, limits.sockets_per_address),
        (100, 10_000)
    );
    assert_eq!((limits.backlog, limits.backlog_bytes), (1000, 4 << 20));
    assert_eq!(settings.replay.file, None);
    assert_eq!(
        settings.replay.from.map(|date| date.to_string()).as_deref(),
        Some("2004-08-19")
    );
    assert_eq!(settings.replay.speed, ReplaySpeed::DaysPerSecond(1.0));
    assert!(settings.replay.repeat);
    assert_eq!(settings.shutdown_grace, Duration::from_secs(20));
    assert_eq!(settings.log.format, None);
    assert_eq!(settings.log.filter, "info");
    assert!(!settings.log.debug);
    assert_eq!(settings.trace_endpoint, None);
}

#[test]
fn the_tracker_has_its_own_default_metrics_port() {
    let env = [("DATABASE_URL", "postgres://u:p@h/d")];
    match load_as(Program::Tracker, &[], &env) {
        Ok(Loaded::Run(settings)) => assert_eq!(settings.metrics.port, 9091),
        other => panic!("{other:?}"),
    }
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let lines = "UPDATE_INTERVAL=3m\nSHUTDOWN_GRACE=3s\nAPI_PORT=3\nAPI_PASSPORT=no";
    file.write_all(lines.as_bytes()).expect("write the file");
    let args = ["--update-interval", "1m"];
    let env = [("UPDATE_INTERVAL", "2m"), ("SHUTDOWN_GRACE", "2s")];
    match load_from(Program::Api, &args, &env, file.path()) {
        Ok(Loaded::Run(settings)) => {
            assert_eq!(settings.tracking.update_interval, Duration::from_mins(1));
            assert_eq!(settings.shutdown_grace, Duration::from_secs(2));
            assert_eq!(settings.api.port, 3);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_value_counts_as_unset() {
    let settings = load(
        &["--api-port="],
        &[("ADMIN_TOKEN", ""), ("UPDATE_INTERVAL", " ")],
    );
    assert!(settings.access.admin_token.is_none());
    assert_eq!(settings.tracking.update_interval, Duration::from_mins(5));
    assert_eq!(settings.api.port, 8080);
}

#[test]
fn a_boolean_flag_needs_no_value() {
    assert!(load(&["--debug"], &[]).log.debug);
    assert!(load(&["--debug", "--api-port", "1"], &[]).log.debug);
    assert!(!load(&["--graphiql=false"], &[]).access.pages.graphiql);
    assert!(!load(&["--graphiql", "off"], &[]).access.pages.graphiql);
    assert!(!load(&["--console=false"], &[]).access.pages.console);
}

#[test]
fn unknown_variables_are_ignored_and_unknown_flags_rejected() {
    load(&[], &[("UPDATE_INTERVALL", "x"), ("PATH", "/bin")]);
    insta::assert_snapshot!(error_of(&["--update-intervall=S3CRET"], &[]), @"
    invalid settings:
      --update-intervall: unknown flag; did you mean --update-interval?
    --help describes all settings
    ");
    for args in [
        &["S3CRET"][..],
        &["--admin-token"],
        &["--admin-token", "--debug"],
        &["--api-port", "1", "--api-port", "2"],
        &["--nope", "S3CRET"],
        &["-S3CRET"],
    ] {
        let error = error_of(args, &[]);
        assert!(
            !error.contains("S3CRET") || args[0].starts_with("-S"),
            "{error}"
        );
    }
}

#[test]
fn all_violations_are_reported_at_once_without_secrets() {
    let env = [
        ("DATABASE_URL", "mysql://me:S3CRET@db/stocks"),
        ("MIGRATE", "perhaps"),
        ("DATABASE_WAIT", "30"),
        ("API_HOST", "0.0.0.0"),
        ("API_PORT", "65536"),
        ("METRICS_HOST", "a b"),
        ("READ_TOKEN", "S3CRET with blanks"),
        ("ALLOWED_HOSTS", "desk.example/path"),
        ("ALLOWED_ORIGINS", "https://desk.example, desk.example"),
        ("SUGGESTIONS", "some"),
        ("TRUSTED_DOCUMENTS", "/nowhere/documents"),
        ("RATE_LIMIT", "0"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 10.0.0.1/8"),
        ("LIMIT_HEAD_TIME", "30"),
        ("LIMIT_BODY", "1MB"),
        ("LIMIT_BODY_TIME", "0s"),
        ("LIMIT_DOCUMENT", "1"),
        ("LIMIT_TOKENS", "0"),
        ("LIMIT_DEPTH", "31"),
        ("LIMIT_ALIASES", "-1"),
        ("LIMIT_PERSISTED", "2GiB"),
        ("LIMIT_MESSAGE", "99999999999999999999GiB"),
        ("PROVIDER", "alphavantage,bloomberg"),
        ("ALPHA_VANTAGE_API_KEY", "S3CRET\u{e4}"),
        ("ALPHA_VANTAGE_URL", "ftp://S3CRET@example"),
        ("ALPHA_VANTAGE_PER_MINUTE", "0"),
        ("ALPHA_VANTAGE_PER_DAY", "-1"),
        ("ALPHA_VANTAGE_BULK", "maybe"),
        ("FINNHUB_API_KEY", "S3CRET\n2"),
        ("FINNHUB_STREAM_URL", "https://S3CRET@example"),
        ("FINNHUB_STREAM_SYMBOLS", "many"),
        ("TWELVE_DATA_URL", "S3CRET"),
        ("KRAKEN_PER_MINUTE", "0"),
        ("UPDATE_INTERVAL", "999ms"),
        ("STREAM_INTERVAL", "99ms"),
        ("SEARCH_PER_MINUTE", "1001"),
        ("SIMULATED_RATE", "0"),
        ("SIMULATED_SEED", "-1"),
        ("MARKET_HOURS", "eu"),
        ("ALERT_THRESHOLD", "0"),
        ("ALERT_MAX_AGE", "-1"),
        ("DEFAULT_SYMBOLS", "AAPL,NOT A SYMBOL"),
        ("REPLAY_FROM", "2004-02-30"),
        ("REPLAY_SPEED", "NaN"),
        ("SHUTDOWN_GRACE", "0s"),
        ("LOG_FORMAT", "xml"),
        ("RUST_LOG", "info,tracker=loud"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
    ];
    let error = error_of(&[], &env);
    assert!(!error.contains("S3CRET"), "{error}");
    insta::assert_snapshot!(error);
}

#[test]
fn the_url_of_a_provider_is_an_origin_and_that_of_a_stream_has_no_user_or_fragment() {
    let origins = [
        "ALPHA_VANTAGE_URL",
        "FINNHUB_URL",
        "ALPACA_URL",
        "TWELVE_DATA_URL",
        "KRAKEN_URL",
    ];
    let form = "must be scheme://host or scheme://host:port, such as https://api.example";
    for name in origins {
        for (rest, problem) in [
            ("S3CRET@host:1", "has a user or password"),
            (":S3CRET@host", "has a user or password"),
            ("host/S3CRET", "has a path"),
            ("host//", "has a path"),
            ("host?S3CRET", "has a query"),
            ("host/?", "has a query"),
            ("host#S3CRET", "has a fragment"),
        ] {
            let url = format!("https://{rest}");
            let error = error_of(&[], &[(name, &url)]);
            let wanted = format!("{name}: {problem}; {form}");
            assert!(error.contains(&wanted), "{url}: {error}");
            assert!(!error.contains("S3CRET"), "{url}: {error}");
        }
    }
    for url in ["http://127.0.0.1:9", "https://host/"] {
        let settings = load(&[], &origins.map(|name| (name, url)));
        let read = settings
            .kraken
            .url
            .as_str()
            .trim_end_matches('/')
            .to_owned();
        assert_eq!(read, url.trim_end_matches('/'));
    }
    for name in [
        "FINNHUB_STREAM_URL",
        "ALPACA_STREAM_URL",
        "KRAKEN_STREAM_URL",
    ] {
        for (url, problem) in [
            ("wss://S3CRET@host/v2", "has a user or password"),
            ("ws://:S3CRET@host", "has a user or password"),
            ("wss://host/v2#S3CRET", "has a fragment"),
        ] {
            let error = error_of(&[], &[(name, url)]);
            let wanted = format!("{name}: {problem}; must be scheme://host/path");
            assert!(error.contains(&wanted), "{url}: {error}");
            assert!(!error.contains("S3CRET"), "{url}: {error}");
        }
    }
    for (name, url) in [
        ("KRAKEN_URL", "https://host:99999"),
        ("KRAKEN_URL", "https://host:0"),
        ("KRAKEN_STREAM_URL", "wss://host:99999/v2"),
    ] {
        let error = error_of(&[], &[(name, url)]);
        let wanted = format!("{name}: has an invalid port; must be a port from 1 to 65535");
        assert!(error.contains(&wanted), "{url}: {error}");
    }
    let stream = [("KRAKEN_STREAM_URL", "wss://host:1/v2?feed=iex")];
    let url = load(&[], &stream).kraken.stream_url;
    assert_eq!(url.as_str(), stream[0].1);
}

#[test]
fn a_listed_provider_without_its_key_is_rejected() {
    let error = error_of(&["--provider", "replay,alphavantage"], &[]);
    assert!(
        error.contains("ALPHA_VANTAGE_API_KEY: must be set because PROVIDER lists alphavantage"),
        "{error}"
    );
    let settings = load(&["--provider", "replay, alphavantage"], &[KEYED]);
    assert_eq!(
        settings.tracking.providers,
        [ProviderName::Replay, ProviderName::AlphaVantage]
    );
}

#[test]
fn the_default_providers_are_those_with_a_key() {
    assert_eq!(
        load(&[], &[KEYED]).tracking.providers,
        [ProviderName::AlphaVantage]
    );
    let keys = [
        ("TWELVE_DATA_API_KEY", "S3CRET"),
        ("ALPACA_API_SECRET_KEY", "S3CRET"),
        ("ALPACA_API_KEY_ID", "S3CRET"),
        ("FINNHUB_API_KEY", "S3CRET"),
    ];
    let settings = load(&[], &keys);
    assert_eq!(
        settings.tracking.providers,
        [
            ProviderName::Finnhub,
            ProviderName::Alpaca,
            ProviderName::TwelveData
        ]
    );
    assert!(!format!("{settings:?}").contains("S3CRET"));
}

#[test]
fn both_keys_of_alpaca_are_required() {
    let error = error_of(&[], &[("ALPACA_API_KEY_ID", "K3Y")]);
    assert!(
        error.contains("ALPACA_API_SECRET_KEY: must be set because the other key is set"),
        "{error}"
    );
    let error = error_of(
        &["--provider", "alpaca"],
        &[("ALPACA_API_SECRET_KEY", "K3Y")],
    );
    assert!(
        error.contains("ALPACA_API_KEY_ID: must be set because PROVIDER lists alpaca"),
        "{error}"
    );
}

#[test]
fn a_provider_without_a_key_is_only_used_if_listed() {
    let settings = load(&["--provider", "kraken"], &[]);
    assert_eq!(settings.tracking.providers, [ProviderName::Kraken]);
    assert_eq!(settings.kraken.url.as_str(), "https://api.kraken.com/");
    assert_eq!(
        settings.kraken.stream_url.as_str(),
        "wss://ws.kraken.com/v2"
    );
    assert_eq!(settings.kraken.per_minute.get(), 60);
}

#[test]
fn the_plans_of_the_providers_are_the_free_ones() {
    let settings = load(&[], &[]);
    assert_eq!(settings.finnhub.per_minute.get(), 60);
    assert_eq!(settings.finnhub.stream_symbols, 50);
    assert_eq!(settings.alpaca.per_minute.get(), 200);
    assert_eq!(settings.alpaca.stream_symbols, 30);
    assert_eq!(settings.twelve_data.per_minute.get(), 8);
    assert_eq!(settings.twelve_data.per_day.get(), 800);
    assert!(!settings.alpha_vantage.bulk);
}

/// Creates a file with a secret, and returns its path.
fn secret_file(content: &[u8]) -> (tempfile::NamedTempFile, String) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(content).expect("write the file");
    let path = file.path().to_str().expect("a path").to_owned();
    (file, path)
}

const POSTGRES: (&str, &str) = ("DATABASE_URL", "postgres://me@db/stocks");

#[test]
fn a_secret_may_be_in_a_file() {
    for (content, value) in [("a-b", "a-b"), ("a-b\n", "a-b"), ("a-b\r\n", "a-b")] {
        let (_file, path) = secret_file(content.as_bytes());
        let env = [
            ("ADMIN_TOKEN_FILE", &*path),
            ("READ_TOKEN_FILE", &*path),
            ("ALPHA_VANTAGE_API_KEY_FILE", &*path),
            // Counts as unset.
            ("ADMIN_TOKEN", ""),
            // Requires a token, which the file provides.
            ("API_HOST", "0.0.0.0"),
        ];
        let settings = load(&[], &env);
        let read = |secret: Option<Secret>| secret.map(|it| it.expose().to_owned());
        assert_eq!(read(settings.access.admin_token).as_deref(), Some(value));
        assert_eq!(read(settings.access.read_token).as_deref(), Some(value));
        assert_eq!(read(settings.alpha_vantage.api_key).as_deref(), Some(value));
        assert_eq!(settings.tracking.providers, [ProviderName::AlphaVantage]);
    }
    // Only the last line break is removed.
    let (_file, path) = secret_file(b"S3CRET\n\n");
    let error = error_of(&["--admin-token-file", &path], &[]);
    assert!(
        error.contains(&format!(
            "ADMIN_TOKEN_FILE={}: may only",
            &path[..path.len().min(60)]
        )),
        "{error}"
    );
    assert!(!error.contains("S3CRET"), "{error}");
}

#[test]
fn the_password_for_the_database_may_be_in_a_file() {
    let password = |url: &DatabaseUrl| match url {
        DatabaseUrl::Postgres(url) => url.password.clone(),
        DatabaseUrl::Sqlite(_) => None,
    };
    let (_file, path) = secret_file(b"S3 %@#\n");
    let file = ("DATABASE_PASSWORD_FILE", &*path);
    let settings = load(&[], &[POSTGRES, file]);
    let read = password(&settings.database.url);
    assert_eq!(read.as_ref().map(Secret::expose), Some("S3 %@#"));
    assert!(!format!("{settings:?}").contains("S3"), "{settings:?}");
    for url in [
        "postgres://me:pw@db/stocks",
        "postgres://me@db/stocks?password=pw",
    ] {
        let error = error_of(&[], &[("DATABASE_URL", url), file]);
        let wanted = "cannot be set together with a password in DATABASE_URL";
        assert!(error.contains(wanted), "{url}: {error}");
        assert!(error.contains("DATABASE_PASSWORD_FILE"), "{url}: {error}");
    }
    let error = error_of(&[], &[file]);
    assert!(
        error.contains("requires a DATABASE_URL that begins with postgres://"),
        "{error}"
    );
}

#[test]
fn a_secret_and_its_file_exclude_each_other_and_an_invalid_file_is_named() {
    let (_file, path) = secret_file(b"S3CRET\n");
    let (_empty, empty) = secret_file(b"\n");
    let (_binary, binary) = secret_file(b"S3CRET\xff");
    for (name, stem) in [
        ("ADMIN_TOKEN_FILE", "ADMIN_TOKEN"),
        ("READ_TOKEN_FILE", "READ_TOKEN"),
        ("ALPHA_VANTAGE_API_KEY_FILE", "ALPHA_VANTAGE_API_KEY"),
        ("DATABASE_PASSWORD_FILE", ""),
    ] {
        if !stem.is_empty() {
            let error = error_of(&[], &[POSTGRES, (name, &path), (stem, "S3CRET")]);
            let wanted = format!("{name}: cannot be set together with {stem}");
            assert!(error.contains(&wanted), "{error}");
            assert!(!error.contains("S3CRET"), "{error}");
        }
        let missing = "/nowhere/secret";
        let folder = env!("CARGO_MANIFEST_DIR");
        for (file, problem) in [
            (missing, "cannot be read: No such file"),
            (folder, "cannot be read: Is a directory"),
            (&empty, "is empty"),
            (&binary, "is not UTF-8 text"),
        ] {
            // The only violation: a missing value is not reported as well.
            let error = error_of(
                &[],
                &[
                    POSTGRES,
                    (name, file),
                    ("PROVIDER", "alphavantage"),
                    (
                        "ALPHA_VANTAGE_API_KEY",
                        if name.starts_with("ALPHA") { "" } else { "k" },
                    ),
                ],
            );
            let wanted = format!("{name}={file}: {problem}");
            assert!(error.contains(&wanted), "{wanted}: {error}");
            assert_eq!(error.lines().count(), 3, "{error}");
            assert!(!error.contains("S3CRET"), "{error}");
        }
    }
}

#[test]
fn a_password_that_is_not_percent_encoded_is_rejected_and_not_shown() {
    for (url, secrets) in [
        ("postgres://u:p@S3CRET#w/1@h:1/d", &["S3CRET", "w/1"][..]),
        ("postgres://s:/7M+r?ES3CRET@h:1/d", &["7M+r", "S3CRET"]),
        ("postgresql://u:S3@CRET@h/d", &["S3", "CRET"]),
        ("postgres://u:S3#CRET@h/d", &["S3", "CRET"]),
        ("postgres://u:S3/CRET@h/d", &["S3", "CRET"]),
        ("postgres://u:S3?CRET@h/d", &["S3", "CRET"]),
        ("postgres://u:12/S3CRET@h/d", &["12", "CRET"]),
        ("postgres://u:S3%CRET@h/d", &["S3", "CRET"]),
        ("postgres://u:S3CRET%@h/d", &["S3", "CRET"]),
        ("postgres://h/d?user=u&password=S3#CRET", &["S3", "CRET"]),
    ] {
        let error = error_of(&[], &[("DATABASE_URL", url)]);
        assert!(error.contains("must be percent-encoded"), "{url}: {error}");
        for secret in secrets {
            assert!(!error.contains(secret), "{url}: {error}");
        }
    }
    for url in ["nats://u:p@S3CRET#w@h:4222", "nats://a,nats://u:S3/CRET@h"] {
        let error = error_of(&[], &[POSTGRES, ("FEED_URL", url)]);
        assert!(error.contains("must be percent-encoded"), "{url}: {error}");
        assert!(!error.contains("CRET"), "{url}: {error}");
    }
    for url in [
        "postgres://u:p%40%2F%23%3F%25@h:5433/d?sslmode=disable",
        "postgres://u:p:q!$&'()*+,;=-._~@h/d",
        "postgres://h:5432/d?user=u&password=p%23",
        "postgres:///d?host=/var/run/postgresql",
    ] {
        load(&[], &[("DATABASE_URL", url)]);
    }
}

#[test]
fn a_public_address_requires_a_token() {
    for host in ["0.0.0.0", "::", "192.168.1.5", "[::]", "desk.example"] {
        let error = error_of(&[], &[("API_HOST", host)]);
        assert!(
            error.contains("ADMIN_TOKEN: must be set"),
            "{host}: {error}"
        );
        load(&[], &[("API_HOST", host), ("ADMIN_TOKEN", "abc")]);
    }
    for host in [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "[::1]",
        "localhost",
        "LOCALHOST",
    ] {
        load(&[], &[("API_HOST", host)]);
    }
}

#[test]
fn the_tracker_rejects_sqlite() {
    for env in [&[][..], &[("DATABASE_URL", "sqlite://stocks.db")]] {
        let error = load_as(Program::Tracker, &[], env)
            .expect_err("invalid settings")
            .to_string();
        assert!(
            error.contains("DATABASE_URL: must begin with postgres://"),
            "{error}"
        );
    }
}

#[test]
fn formatted_settings_contain_no_secrets() {
    let env = [
        ("DATABASE_URL", "postgresql://me:S3CRET@db:5433/stocks"),
        ("ADMIN_TOKEN", "S3CRET"),
        ("READ_TOKEN", "S3CRET"),
        ("ALPHA_VANTAGE_API_KEY", "S3CRET"),
    ];
    let settings = load(&[], &env);
    assert!(!format!("{settings:?}").contains("S3CRET"));
    let DatabaseUrl::Postgres(url) = settings.database.url else {
        panic!("not PostgreSQL: {:?}", settings.database.url);
    };
    assert_eq!(url.url.expose(), env[0].1);
    let token = settings.access.admin_token.expect("a token");
    assert_eq!(token.expose(), "S3CRET");
}

#[test]
fn hosts_and_origins_are_normalized_like_in_browsers() {
    let env = [
        ("ALLOWED_HOSTS", "Desk.example, desk.example:8443"),
        (
            "ALLOWED_ORIGINS",
            "HTTPS://Desk.example:443/,http://10.0.0.1:8080",
        ),
    ];
    let access = load(&[], &env).access;
    let these = |names: &[&str]| Allowed::These(names.iter().map(ToString::to_string).collect());
    assert_eq!(
        access.allowed_hosts,
        these(&["desk.example", "desk.example:8443"])
    );
    assert_eq!(
        access.allowed_origins,
        these(&["https://desk.example", "http://10.0.0.1:8080"])
    );
    let any = load(&[], &[("ALLOWED_HOSTS", "a, *")]).access.allowed_hosts;
    assert_eq!(any, Allowed::Any);
    let apps = "Capacitor://LocalHost, tauri://localhost/, app://Desk.example:8443, \
                chrome-extension://mdplmiioglkpgkgblfdilgebpppgdlm";
    assert_eq!(
        load(&[], &[("ALLOWED_ORIGINS", apps)])
            .access
            .allowed_origins,
        these(&[
            "capacitor://localhost",
            "tauri://localhost",
            "app://desk.example:8443",
            "chrome-extension://mdplmiioglkpgkgblfdilgebpppgdlm",
        ])
    );
}

#[test]
fn an_invalid_origin_is_explained() {
    for (origin, reason) in [
        ("desk.example", "has no scheme"),
        ("null", "has no scheme"),
        ("https://", "is not a URL (empty host)"),
        ("capacitor://", "has no host"),
        (
            "https://desk.example:99999",
            "is not a URL (invalid port number)",
        ),
        ("https://me@desk.example", "has a user name or password"),
        ("https://desk.example/app", "has a path, query or fragment"),
        ("capacitor://localhost?a", "has a path, query or fragment"),
        ("file://desk", "is a file URL"),
        ("app://desk%20one", "has a host with a character"),
    ] {
        let env = vec![("ALLOWED_ORIGINS".into(), origin.into())];
        let refused = Settings::load(Program::Api, [], env, "/nonexistent".as_ref());
        let error = refused.expect_err(origin).to_string();
        assert!(error.contains(reason), "{origin}: {error}");
        let form = "an origin is scheme://host or scheme://host:port, such as https://desk.example";
        assert!(error.contains(form), "{origin}: {error}");
    }
}

#[test]
fn sizes_have_a_unit_or_none() {
    for (text, bytes) in [
        ("65536", 65_536),
        ("64KiB", 65_536),
        ("3 MiB", 3 << 20),
        ("1GiB", 1 << 30),
    ] {
        assert_eq!(
            load(&["--limit-body", text], &[]).limits.body,
            bytes,
            "{text}"
        );
    }
    assert_eq!(load(&[], &[("LIMIT_PREPARED", "0")]).limits.prepared, 0);
    assert_eq!(load(&[], &[("LIMIT_PERSISTED", "0")]).limits.persisted, 0);
    assert_eq!(load(&[], &[("LIMIT_RECENT", "0")]).limits.recent, 0);
}

#[test]
fn suggestions_follow_introspection_unless_set() {
    let hidden = ("INTROSPECTION", "false");
    assert!(!load(&[], &[hidden]).access.suggestions);
    assert!(load(&["--suggestions"], &[hidden]).access.suggestions);
    assert!(!load(&["--suggestions=off"], &[]).access.suggestions);
}

#[test]
fn the_rate_limit_and_trusted_proxies_are_parsed() {
    let env = [
        ("RATE_LIMIT", "600"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,2001:db8::/32"),
    ];
    let access = load(&[], &env).access;
    assert_eq!(access.rate_limit.map(std::num::NonZero::get), Some(600));
    let trusted: Vec<String> = access
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(trusted, ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]);
    assert_eq!(load(&[], &[("RATE_LIMIT", "off")]).access.rate_limit, None);
}

#[test]
fn an_unreadable_file_is_reported_with_all_other_violations() {
    let folder = env!("CARGO_MANIFEST_DIR");
    for (file, problem) in [
        ("/nowhere/prices.csv", "cannot be read"),
        (folder, "is a directory"),
    ] {
        let error = error_of(&[], &[("REPLAY_FILE", file), ("API_PORT", "x")]);
        assert!(
            error.contains("API_PORT") && error.contains("REPLAY_FILE"),
            "{error}"
        );
        assert!(error.contains(problem), "{error}");
    }
}

#[test]
fn a_custom_replay_file_starts_at_its_first_day() {
    let mine = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let replay = load(&[], &[("REPLAY_FILE", mine), ("REPLAY_SPEED", "max")]).replay;
    assert_eq!((replay.from, replay.speed), (None, ReplaySpeed::Max));
    assert_eq!(replay.speed.pause(), Duration::ZERO);
    let slow = load(&[], &[("REPLAY_SPEED", "0.5")]).replay.speed;
    assert_eq!(slow.pause(), Duration::from_secs(2));
    let slower = load(&[], &[("REPLAY_SPEED", "1e-300")]).replay.speed;
    assert!(slower.pause() < Duration::from_hours(9_000));
}

#[test]
fn an_invalid_line_of_the_file_is_reported_by_number_without_its_text() {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    // The file starts with a byte-order mark, which some editors write.
    let lines = "\u{feff}API_PORT=1\n\nADMIN_TOKEN=S3CRET S3CRET\nMIGRATE=maybe\n";
    file.write_all(lines.as_bytes()).expect("write the file");
    let error = load_from(Program::Api, &[], &[], file.path())
        .expect_err("invalid settings")
        .to_string();
    assert!(error.contains("line 3 is not NAME=value"), "{error}");
    assert!(
        error.contains("MIGRATE=maybe: must be true or false"),
        "{error}"
    );
    assert!(!error.contains("S3CRET"), "{error}");
}

#[test]
fn help_lists_every_variable_and_its_default() {
    let Ok(Loaded::Print(help)) = load_as(Program::Tracker, &["--help"], &[]) else {
        panic!("no help");
    };
    for variable in VARIABLES {
        assert!(help.contains(&format!("--{}", variable.flag())), "{help}");
        let named = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let named = named.contains(&format!("[env: {}]", variable.name));
        assert!(named, "{} is not named: {help}", variable.name);
    }
    assert!(
        help.contains("9091") && help.contains("2004-08-19"),
        "{help}"
    );
    assert!(matches!(
        load_as(Program::Api, &["--version"], &[]),
        Ok(Loaded::Print(text)) if text.starts_with("api ")
    ));
}

#[test]
fn the_committed_env_example_is_fresh() {
    is_fresh(".env.example", |_| env_example());
}

#[test]
fn the_committed_compose_file_is_fresh() {
    is_fresh("docker-compose.yml", |committed| {
        with_fresh_settings(committed).expect("the file has both markers")
    });
}

/// Fails if a committed file differs from the result of `write`, or rewrites it if `UPDATE` is set.
fn is_fresh(name: &str, write: impl Fn(&str) -> String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let fresh = write(&committed);
    #[expect(
        clippy::disallowed_methods,
        reason = "a switch of this test, not a setting"
    )]
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &fresh).expect("write the file");
        return;
    }
    assert_eq!(committed, fresh, "{name} is out of date: run make generate");
}

#[test]
fn the_env_example_lists_every_variable_with_a_valid_value() {
    let uncommented: Vec<(String, String)> = env_example()
        .lines()
        .filter(|line| line.starts_with('#') && !line.starts_with("# "))
        .filter_map(|line| line[1..].split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(uncommented.len(), VARIABLES.len());
    let env = uncommented
        .iter()
        .map(|(name, value)| (name.into(), value.into()));
    let loaded = Settings::load(Program::Api, [], env, Path::new("/nonexistent"));
    assert!(matches!(loaded, Ok(Loaded::Run(_))), "{loaded:?}");
}
