//! A database that is brought back from a backup, as docs/operations.md tells it.

use std::{path::Path, process::Command};

use sea_orm::{ConnectionTrait, Database};
use serde_json::{Value, json};
use testkit::TestDatabaseUrl;

use super::{program, text};
use crate::{
    client::Client,
    exchange::Exchange,
    observe::scraped,
    process::until,
    product::{Home, Product},
};

const LATEST: &str = r#"{ stock(symbol: "AAPL") { latestPrice { price cursor } } }"#;
const FOLLOW: &str = r"subscription($after: Cursor) { priceUpdates(after: $after) { price } }";

/// Waits for a price, and answers its cursor.
async fn cursor(product: &Product, price: &str) -> String {
    let told = product.until_data(price, LATEST, |data| {
        let latest = &data["stock"]["latestPrice"];
        let cursor = latest["cursor"].as_str().map(str::to_owned);
        cursor.filter(|_| latest["price"] == price)
    });
    told.await
}

async fn refused(product: &Product, cursor: &str) {
    let mut client = Client::graphql(product, json!({})).await;
    client
        .subscribe("p", FOLLOW, json!({"after": cursor}))
        .await;
    let error = client.refused("p").await;
    assert_eq!(error["extensions"]["reason"], "CURSOR_EXPIRED", "{error}");
}

/// Runs the statement that draws a new epoch.
async fn draw_epoch(url: &str, statement: &str) {
    let database = Database::connect(url).await.expect("it connects");
    let drawn = database.execute_unprepared(statement).await;
    assert_eq!(drawn.expect("it runs").rows_affected(), 1);
    database.close().await.expect("it closes");
}

fn run(name: &str, arguments: &[&str]) {
    let done = Command::new(program(name, "postgresql-client"))
        .args(arguments)
        .output();
    let done = done.expect("it runs");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{name}: {said}");
}

/// What follows a backup is lost, its cursors are refused, and those who come without one are told
/// everything.
async fn goes_on(home: &Home, exchange: &Exchange, before: &str, lost: &str) {
    exchange.quote("AAPL", "103", "100");
    let product = home.track(exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
    let next = cursor(&product, "103").await;
    refused(&product, lost).await;
    refused(&product, before).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", FOLLOW, json!({})).await;
    assert_eq!(
        client.next("p").await["data"]["priceUpdates"]["price"],
        "103"
    );
    client.subscribe("q", FOLLOW, json!({"after": next})).await;
    exchange.quote("AAPL", "104", "100");
    for _ in 0..2 {
        let told: Value = client.hear().await;
        assert_eq!(
            told["payload"]["data"]["priceUpdates"]["price"], "104",
            "{told}"
        );
    }
    let kept = product
        .ask(r#"{ history(symbol: "AAPL") { nodes { price } } }"#)
        .await;
    let kept = kept["history"]["nodes"].to_string();
    assert!(
        kept.contains("\"101\"") && !kept.contains("\"102\""),
        "{kept}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_dump_refuses_cursors_that_its_feed_never_gave() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "101", "100");
    let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
    let before = cursor(&product, "101").await;
    let (url, dump) = (home.database.as_str(), dump(&home));
    exchange.quote("AAPL", "102", "100");
    let lost = cursor(&product, "102").await;
    drop(product);
    restore(url, &dump);
    draw_epoch(url, &text("deploy/new-epoch.sql")).await;
    goes_on(&home, &exchange, &before, &lost).await;
}

/// Answers the file.
fn dump(home: &Home) -> String {
    let dump = home.folder.path().join("stocktracker.dump");
    let dump = dump.to_str().expect("a path");
    let url = home.database.as_str();
    run("pg_dump", &["--format=custom", "--file", dump, url]);
    dump.to_owned()
}

/// Into an empty database, as what was made since the dump must not stay.
fn restore(url: &str, dump: &str) {
    let (server, database) = url.rsplit_once('/').expect("a database");
    let server = format!("{server}/postgres");
    for sql in [
        format!("DROP DATABASE {database} WITH (FORCE)"),
        format!("CREATE DATABASE {database}"),
    ] {
        run("psql", &["--command", &sql, &server]);
    }
    let whole = ["--exit-on-error", "--single-transaction"];
    run(
        "pg_restore",
        &[&whole[..], &["--dbname", url, dump]].concat(),
    );
}

/// As where a standby is promoted that lacks the end, and nobody has stopped anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_takes_the_place_of_another_under_a_running_product_is_noticed() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "101", "100");
    let mut product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
    let before = cursor(&product, "101").await;
    let (url, dump) = (home.database.as_str(), dump(&home));
    exchange.quote("AAPL", "102", "100");
    let lost = cursor(&product, "102").await;
    let all = "subscription($after: Cursor) { priceUpdates(after: $after, mode: ALL) { price } }";
    let latest = "subscription { priceUpdates { price } }";
    let mut clients = Vec::new();
    for query in [all, latest] {
        let mut client = Client::graphql(&product, json!({})).await;
        client.subscribe("p", query, json!({})).await;
        assert_eq!(
            client.next("p").await["data"]["priceUpdates"]["price"],
            "102"
        );
        clients.push(client);
    }
    clients.push(Client::plain(&product).await);

    let stream = product
        .post(all, &json!({}))
        .header("accept", "text/event-stream");
    let stream = stream.send().await.expect("a response");

    exchange.quote("AAPL", "103", "100");
    restore(url, &dump);
    // Nobody is told on as if nothing had happened.
    for client in clients {
        assert_eq!(client.closed().await, 1013);
    }
    let told = stream.text().await.expect("it ends");
    let (_, ending) = told.trim_end().rsplit_once("\n\n").expect("events");
    assert!(ending.contains("UNAVAILABLE"), "{told}");
    // That is no fault of theirs.
    let counts = async || {
        let text = scraped(product.metrics).await;
        let has = |protocol: &str, reason: &str, count: u32| {
            text.contains(&format!(
                "stock_tracker_subscribers_closed_total{{protocol=\"{protocol}\",reason=\"{reason}\"}} {count}\n"
            ))
        };
        let all = [("ws", 1), ("graphql_transport_ws", 2), ("sse", 1)];
        all.into_iter()
            .all(|(protocol, count)| {
                has(protocol, "replaced", count) && has(protocol, "overload", 0)
            })
            .then_some(())
    };
    until("it is counted", || product.last_words(), counts).await;
    cursor(&product, "103").await;
    refused(&product, &lost).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", all, json!({"after": before})).await;
    let told = client.next("p").await;
    assert_eq!(told["data"]["priceUpdates"]["price"], "103");
    let kept = product
        .ask(r#"{ history(symbol: "AAPL") { nodes { price } } }"#)
        .await;
    assert_eq!(
        kept["history"]["nodes"],
        json!([{"price": "103"}, {"price": "101"}])
    );

    // What an operator does then has an effect on those that run.
    draw_epoch(url, &text("deploy/new-epoch.sql")).await;
    assert_eq!(client.closed().await, 1013);
    refused(&product, &before).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", all, json!({})).await;
    exchange.quote("AAPL", "104", "100");
    for price in ["103", "104"] {
        let told = client.next("p").await;
        assert_eq!(told["data"]["priceUpdates"]["price"], price);
    }
    assert!(product.api.is_alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_file_does_so_too() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "101", "100");
    let mut product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
    let before = cursor(&product, "101").await;
    // Ended, it leaves one file, which is as good as a copy of a running one.
    product.api.signal("TERM");
    assert_eq!(product.api.ended().await, Some(0));
    drop(product);
    let file = home
        .database
        .as_str()
        .strip_prefix("sqlite://")
        .expect("a file");
    let file = Path::new(file.split('?').next().expect("a path"));
    let saved = home.folder.path().join("saved.db");
    std::fs::copy(file, &saved).expect("it is saved");
    exchange.quote("AAPL", "102", "100");
    let product = home.track(&exchange, &[]).await;
    let lost = cursor(&product, "102").await;
    drop(product);
    for left in ["-wal", "-shm"] {
        // There may be none.
        let _ = std::fs::remove_file(format!("{}{left}", file.display()));
    }
    std::fs::copy(&saved, file).expect("it is restored");
    let page = text("docs/operations.md");
    let statement = page.split_once("sqlite3 stock-tracker.db 'UPDATE ");
    let statement = statement.and_then(|(_, rest)| rest.split('\'').next());
    let statement = format!("UPDATE {}", statement.expect("it is told"));
    draw_epoch(home.database.as_str(), &statement).await;
    goes_on(&home, &exchange, &before, &lost).await;
}
