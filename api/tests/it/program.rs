//! Start, failed start, shutdown and restart of the program.

use std::{fs, net::TcpListener, process::Command, time::Duration};

use runtime::random::Random;
use sea_orm::sqlx::{Connection, SqliteConnection, raw_sql};
use serde_json::{Value, json};
use testkit::TestDatabaseUrl;
use tokio::net::TcpStream;

use crate::{
    answer::browser,
    client::Client,
    databases::on_both,
    deployment,
    exchange::Exchange,
    process::{Process, until},
    product::{ADMIN, Home, Product},
};

/// The exit code of a failed start.
const FAILED: Option<i32> = Some(1);
/// The exit code of invalid settings.
const REFUSED: Option<i32> = Some(2);

on_both! {
    async fn sigterm_drains_in_order_and_exits_with_success(home) {
        let exchange = Exchange::open().await;
        exchange.quote("AAPL", "100", "100");
        let mut product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
        let plain = Client::plain(&product).await;
        let mut graphql = Client::graphql(&product, json!({})).await;
        graphql.subscribe("p", "subscription { priceUpdates { price } }", json!({})).await;
        graphql.next("p").await;

        product.api.signal("TERM");
        // Readiness fails on both listeners while requests and sockets are still served.
        for listener in [product.address, product.metrics] {
            not_ready(&product, &format!("http://{listener}/readyz")).await;
        }
        assert_eq!(product.get("/livez").await.status, 200);
        assert_eq!(product.get("/api/v1/stocks").await.status, 200);
        graphql.subscribe("q", "{ __typename }", json!({})).await;
        let answer = graphql.receive().await;
        assert_eq!(answer["payload"]["data"]["__typename"], "Query", "{answer}");
        // Only then are sockets closed.
        assert_eq!(plain.closed().await, 1001);
        assert_eq!(graphql.closed().await, 1001);
        assert_eq!(product.api.ended().await, Some(0), "{}", product.last_words());
        assert!(product.api.err().is_empty(), "{:?}", product.api.err());
        if let Some(tracker) = &mut product.tracker {
            tracker.signal("TERM");
            assert_eq!(tracker.ended().await, Some(0), "{}", tracker.last_words());
        }
    }

    async fn a_restart_continues_where_it_was_and_fires_nothing_twice(home) {
        let file = home.folder.path().join("days.csv");
        fs::write(&file, days()).expect("written");
        let file = file.to_str().expect("a path").to_owned();
        let slowly = |speed| {
            [
                ("REPLAY_FILE", file.clone()),
                ("REPLAY_SPEED", String::from(speed)),
                ("REPLAY_LOOP", "false".to_owned()),
                ("DEFAULT_SYMBOLS", "AAPL".to_owned()),
            ]
        };
        let variables = slowly("20");
        let variables = variables.each_ref().map(|(name, value)| (*name, &**value));
        let mut product = home.start(&variables).await;
        let some = |data: &Value| (prices(data).len() >= 5).then_some(());
        product.until_data("some days are replayed", HISTORY, some).await;
        // Like a crash.
        product.api.kill();
        if let Some(tracker) = &mut product.tracker {
            tracker.kill();
        }
        let before = generated_tokens(&product.api);
        assert_eq!(before.len(), 1, "the token is logged in exactly one line");
        drop(product);

        let variables = slowly("max");
        let variables = variables.each_ref().map(|(name, value)| (*name, &**value));
        let product = home.start(&variables).await;
        // New days arrive between the reads of the two lists.
        let all = |data: &Value| {
            let alerts = data["alerts"]["nodes"].as_array().map_or(0, Vec::len);
            (prices(data).len() >= DAYS && alerts >= DAYS - 1).then(|| data.clone())
        };
        let data = product.until_data("all days are replayed", HISTORY, all).await;
        let expected: Vec<String> = (0..DAYS).rev().map(price).collect();
        assert_eq!(prices(&data), expected, "each day exactly once");
        let alerts = data["alerts"]["nodes"].as_array().expect("a list");
        // Every day but the first differs from the one before by 10 %, up and down in turn.
        assert_eq!(alerts.len(), DAYS - 1, "{alerts:#?}");
        assert_ne!(generated_tokens(&product.api), before, "each start generates a token");
    }
}

const HISTORY: &str = r#"{ history(symbol: "AAPL", first: 500) { nodes { price } }
    alerts(first: 500) { nodes { tradingDay direction threshold } } }"#;

fn prices(data: &Value) -> Vec<String> {
    let nodes = data["history"]["nodes"].as_array().expect("a list");
    let price = |node: &Value| node["price"].as_str().expect("a price").to_owned();
    nodes.iter().map(price).collect()
}

/// Number of days in the file.
const DAYS: usize = 40;

fn price(day: usize) -> String {
    if day.is_multiple_of(2) { "100" } else { "110" }.to_owned()
}

/// A file of one stock that rises and falls.
fn days() -> String {
    let first: chrono::NaiveDate = "2008-01-01".parse().expect("a date");
    let days = first.iter_days().take(DAYS).enumerate().map(|(day, date)| {
        let price = price(day);
        format!("AAPL,{date},{price},{price},{price},{price},1000,{price}\n")
    });
    let header = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\n".to_owned();
    header + &days.collect::<String>()
}

/// The log lines with a generated admin token.
fn generated_tokens(api: &Process) -> Vec<String> {
    let tokens = api.out().into_iter().filter_map(|line| {
        let event: Value = serde_json::from_str(&line).ok()?;
        event["admin_token"].as_str().map(str::to_owned)
    });
    let tokens: Vec<String> = tokens.collect();
    for token in &tokens {
        assert!(token.len() >= 32, "128 bits are 32 digits: {token}");
        let count = api.out().iter().filter(|line| line.contains(token)).count();
        assert_eq!(count, 1, "only one line has the token");
    }
    tokens
}

async fn not_ready(product: &Product, url: &str) {
    let client = browser();
    until(
        "the process is not ready",
        || product.last_words(),
        async || {
            let answer = client.get(url).send().await.expect("a response");
            (answer.status() == 503).then_some(())
        },
    )
    .await;
}

/// Waits for a failed start with this exit code. Returns the one line with the reason.
async fn why(mut process: Process, code: Option<i32>) -> String {
    assert_eq!(process.ended().await, code, "{}", process.last_words());
    let err = process.err();
    assert_eq!(err.len(), 1, "{err:?}");
    err[0].clone()
}

#[tokio::test]
async fn a_taken_port_fails_the_start_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    for variable in ["API_PORT", "METRICS_PORT"] {
        let home = Home::new(TestDatabaseUrl::sqlite());
        let line = why(home.api(&[(variable, &*port)]), FAILED).await;
        let address = format!("127.0.0.1:{port}");
        assert!(line.contains(&address), "{line}");
    }
}

#[tokio::test]
async fn a_missing_directory_fails_the_start_in_one_line_and_is_not_created() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let missing = home.folder.path().join("missing");
    let url = format!("sqlite://{}/stocks.db?mode=rwc", missing.display());
    let line = why(home.api(&[("DATABASE_URL", &*url)]), FAILED).await;
    assert!(
        line.contains("directory") && line.contains("missing"),
        "{line}"
    );
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_start_waits_for_an_unreachable_database_then_names_it_without_its_password() {
    let free = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let (port, metrics, listener) = (free(), free().to_string(), free().to_string());
    let home = Home::new(TestDatabaseUrl::sqlite());
    let url = format!("postgres://reader:hunter2@127.0.0.1:{port}/prices");
    let api = home.api(&[
        ("DATABASE_URL", &*url),
        ("DATABASE_WAIT", "4s"),
        ("METRICS_PORT", &*metrics),
        ("API_PORT", &*listener),
    ]);
    let client = browser();
    let ask = async |path| {
        let answer = client.get(format!("http://127.0.0.1:{metrics}/{path}"));
        Some(answer.send().await.ok()?.status().as_u16())
    };
    let alive = async || ask("livez").await.filter(|status| *status == 200);
    until("the process is alive", || api.last_words(), alive).await;
    assert_eq!(ask("readyz").await, Some(503));
    let address = format!("127.0.0.1:{listener}");
    let listens = async || TcpStream::connect(&address).await.ok();
    until("the API listens", || api.last_words(), listens).await;
    // The API listener responds in the error format of each kind of client.
    let get = async |path: &str| {
        let answer = client.get(format!("http://127.0.0.1:{listener}/{path}"));
        let answer = answer.send().await.expect("a response");
        (
            answer.status().as_u16(),
            answer.text().await.expect("a body"),
        )
    };
    assert_eq!(get("livez").await.0, 200);
    let (status, page) = get("").await;
    assert_eq!(status, 200, "the console shows that the server is starting");
    assert!(page.contains("<!doctype html>"), "{page}");
    for (path, word) in [
        ("readyz", "database"),
        ("api/v1/health", r#""status":"down""#),
        ("api/v1/stocks", r#""status":503"#),
        ("graphql?query={__typename}", r#""code":"UNAVAILABLE""#),
    ] {
        let (status, body) = get(path).await;
        assert_eq!(status, 503, "{path}");
        assert!(body.contains(word), "{path}: {body}");
    }
    let line = why(api, FAILED).await;
    for word in ["127.0.0.1", &port.to_string(), "prices"] {
        assert!(line.contains(word), "{word} is not in: {line}");
    }
    assert!(!line.contains("hunter2"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_password_fails_the_start_at_once() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let (_, rest) = home.database.as_str().split_once('@').expect("a user");
    for user in ["postgres:hunter2", "user:hunter2", "postgres"] {
        let url = format!("postgres://{user}@{rest}");
        // Far longer than the test waits.
        let variables = [("DATABASE_URL", &*url), ("DATABASE_WAIT", "1h")];
        for process in [home.api(&variables), home.tracker(&variables)] {
            let line = why(process, REFUSED).await;
            assert!(line.contains("rejects the user or password"), "{line}");
            assert!(line.contains("127.0.0.1"), "{line}");
            assert!(!line.contains("hunter2"), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_a_database_that_is_created_later() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let (server, name) = home.database.as_str().rsplit_once('/').expect("a database");
    let name = format!("{name}_later");
    // Like the manual setup.
    let url = format!("{server}/{name}?sslmode=disable");
    let variables = [
        ("DATABASE_URL", &*url),
        ("DATABASE_WAIT", "10m"),
        ("DEBUG", "true"),
    ];
    let (mut api, mut tracker) = (home.api(&variables), home.tracker(&variables));
    for process in [&api, &tracker] {
        let waits = |event: &Value| {
            let waits = event["message"] == "failed to connect to the database, retrying";
            waits.then(|| event["error"].to_string())
        };
        let error = process.logged("the start waits", waits).await;
        assert!(error.contains("does not exist"), "{error}");
    }
    let created = Command::new(deployment::program("createdb", "postgresql-client"))
        .arg("--maintenance-db")
        .arg(home.database.as_str())
        .arg(&name)
        .output();
    let created = created.expect("executed");
    assert!(created.status.success(), "{created:?}");
    for process in [&api, &tracker] {
        let announced = |event: &Value| {
            event["message"]
                .as_str()?
                .starts_with("metrics ")
                .then_some(())
        };
        process.logged("the server is ready", announced).await;
    }
    for process in [&mut api, &mut tracker] {
        process.signal("TERM");
        assert_eq!(process.ended().await, Some(0), "{}", process.last_words());
    }
}

/// Waits until the process handles SIGTERM. Before `main` runs, the default action kills it.
async fn catches(process: &Process) {
    const TERM: u64 = 1 << (15 - 1);
    until(
        "the process handles signals",
        || process.last_words(),
        async || {
            let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
            let caught = status.lines().find_map(|it| it.strip_prefix("SigCgt:"))?;
            let caught = u64::from_str_radix(caught.trim(), 16).expect("a mask");
            (caught & TERM != 0).then_some(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_while_settings_are_read_drains() {
    for (signal, place) in [
        ("TERM", TestDatabaseUrl::sqlite()),
        ("INT", TestDatabaseUrl::postgres().await),
    ] {
        let home = Home::new(place);
        let file = home.folder.path().join(".env");
        let made = Command::new("mkfifo").arg(&file).status();
        assert!(made.expect("a program").success());
        // Reading the settings blocks on the pipe.
        let mut process = if home.is_postgres() {
            home.tracker(&[])
        } else {
            home.api(&[])
        };
        catches(&process).await;
        process.signal(signal);
        fs::write(&file, "REPLAY_SPEED=1\n").expect("read");
        let ended = process.ended().await;
        assert_eq!(ended, Some(0), "{}", process.last_words());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_in_the_first_moments_of_a_start_drains() {
    let random = Random::from_system();
    let postgres = TestDatabaseUrl::postgres().await;
    let away = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        format!("postgres://reader:hunter2@{address}/prices")
    };
    let mut starts = Vec::new();
    for round in 0..4 {
        for url in [None, Some(postgres.as_str()), Some(&*away)] {
            let home = Home::new(TestDatabaseUrl::sqlite());
            let signal = ["TERM", "INT"][round % 2];
            // The first are signalled at once.
            let most = Duration::from_millis(300) * u32::try_from(round).expect("few") / 3;
            let delay = random.below(most);
            let url = url.map(str::to_owned);
            starts.push(async move {
                let url = url.as_deref();
                let variables: Vec<_> = url.map(|url| ("DATABASE_URL", url)).into_iter().collect();
                let mut processes = vec![home.api(&variables)];
                processes.extend(url.map(|_| home.tracker(&variables)));
                for process in &mut processes {
                    catches(process).await;
                    tokio::time::sleep(delay).await;
                    process.signal(signal);
                    let ended = process.ended().await;
                    let output = process.last_words();
                    assert_eq!(ended, Some(0), "SIG{signal} after {delay:?}: {output}");
                }
            });
        }
    }
    futures_util::future::join_all(starts).await;
}

#[tokio::test]
async fn all_wrong_settings_are_reported_at_once_and_nothing_is_created() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let mut api = home.api(&[
        ("API_PORT", "eighty"),
        ("UPDATE_INTERVAL", "5"),
        ("MARKET_HOURS", "mars"),
        ("ALERT_THRESHOLD", "-1"),
        ("ADMIN_TOKEN", "not a token, hunter2"),
        ("PROVIDER", "alphavantage"),
    ]);
    assert_eq!(api.ended().await, REFUSED);
    let output = api.err().join("\n");
    for variable in [
        "API_PORT",
        "UPDATE_INTERVAL",
        "MARKET_HOURS",
        "ALERT_THRESHOLD",
        "ADMIN_TOKEN",
        "ALPHA_VANTAGE_API_KEY",
    ] {
        assert!(
            output.contains(variable),
            "{variable} is not named: {output}"
        );
    }
    assert!(!output.contains("hunter2"), "{output}");
    assert!(api.out().is_empty(), "{:?}", api.out());
    let made: Vec<_> = fs::read_dir(home.folder.path())
        .expect("a folder")
        .collect();
    assert!(made.is_empty(), "{made:?}");
}

#[tokio::test]
async fn a_public_bind_without_a_token_is_rejected() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let mut api = home.api(&[("API_HOST", "0.0.0.0")]);
    assert_eq!(api.ended().await, REFUSED);
    assert!(
        api.err().join("\n").contains("ADMIN_TOKEN"),
        "{:?}",
        api.err()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_file_is_rejected_without_affecting_the_first() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let mut product = home.start(&[("REPLAY_SPEED", "20")]).await;
    let line = why(home.api(&[]), REFUSED).await;
    assert!(line.contains("stocks.db is in use"), "{line}");
    assert!(product.api.is_alive());
    let before = product.ask(HISTORY).await;
    let more = |data: &Value| (prices(data).len() > prices(&before).len()).then_some(());
    product
        .until_data("the first process continues", HISTORY, more)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_log_of_sqlite_is_copied_into_the_file_while_the_program_runs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("stocks.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let home = Home::new(TestDatabaseUrl::external(url.clone()));
    let product = home.start(&[]).await;
    // Fewer pages than those at which a commit copies them.
    let pages = "PRAGMA wal_autocheckpoint = 0; CREATE TABLE pages (page BLOB); INSERT INTO pages \
                 WITH RECURSIVE step(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM step \
                 WHERE at < 2000) SELECT zeroblob(4000) FROM step";
    let mut other = SqliteConnection::connect(&url).await.expect("connect");
    let written = raw_sql(pages).execute(&mut other).await;
    written.expect("write the pages");
    let is_copied = async || {
        let size = file.metadata().expect("the file").len();
        (size > 2_000 * 4_096).then_some(())
    };
    until("the file grows", || product.last_words(), is_copied).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_was_set_is_never_logged() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let variables = [
        ("ADMIN_TOKEN", ADMIN),
        ("READ_TOKEN", "reader-of-the-tests"),
        ("RUST_LOG", "trace"),
    ];
    let mut product = home.start(&variables).await;
    let asked = product.admin(
        r#"mutation { untrackStock(input: {symbol: "IBM"}) { stock { tracked } } }"#,
        json!({}),
    );
    assert_eq!(
        asked.await.data()["untrackStock"]["stock"]["tracked"],
        false
    );
    product.api.signal("TERM");
    assert_eq!(product.api.ended().await, Some(0));
    let lines = product.lines();
    assert!(lines.len() > 10, "{lines:?}");
    for line in lines {
        assert!(
            !line.contains(ADMIN) && !line.contains("reader-of-the-tests"),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_does_not_delay_the_shutdown() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let mut product = home.start(&[("SHUTDOWN_GRACE", "3s")]).await;
    let idle = TcpStream::connect(product.address)
        .await
        .expect("connected");
    // A later connection that is served proves that the idle one was accepted.
    assert_eq!(product.get("/livez").await.status, 200);
    product.api.signal("TERM");
    let ended = tokio::time::timeout(Duration::from_secs(10), product.api.ended()).await;
    assert_eq!(ended, Ok(Some(0)), "{}", product.last_words());
    drop(idle);
}
