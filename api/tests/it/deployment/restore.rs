//! Tests of a restore from a backup, as documented in docs/operations.md.

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

/// Waits for a price, and returns its cursor.
async fn cursor(product: &Product, price: &str) -> String {
    let cursor = product.until_data(price, LATEST, |data| {
        let latest = &data["stock"]["latestPrice"];
        let cursor = latest["cursor"].as_str().map(str::to_owned);
        cursor.filter(|_| latest["price"] == price)
    });
    cursor.await
}

async fn refused(product: &Product, cursor: &str) {
    let mut client = Client::graphql(product, json!({})).await;
    client
        .subscribe("p", FOLLOW, json!({"after": cursor}))
        .await;
    let error = client.refused("p").await;
    assert_eq!(error["extensions"]["reason"], "CURSOR_EXPIRED", "{error}");
}

/// Runs the statement that sets a new epoch.
async fn set_epoch(url: &str, statement: &str) {
    let database = Database::connect(url).await.expect("connected");
    let done = database.execute_unprepared(statement).await;
    assert_eq!(done.expect("executed").rows_affected(), 1);
    database.close().await.expect("closed");
}

fn run(name: &str, arguments: &[&str]) {
    let done = Command::new(program(name, "postgresql-client"))
        .args(arguments)
        .output();
    let done = done.expect("executed");
    let output = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{name}: {output}");
}

/// Asserts that prices after the backup are lost, that old cursors are rejected, and that clients
/// without a cursor receive every event.
async fn continues_without_lost_prices(home: &Home, exchange: &Exchange, before: &str, lost: &str) {
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
        let message: Value = client.receive().await;
        assert_eq!(
            message["payload"]["data"]["priceUpdates"]["price"], "104",
            "{message}"
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
async fn after_a_restored_dump_earlier_cursors_are_rejected() {
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
    set_epoch(url, &text("deploy/new-epoch.sql")).await;
    continues_without_lost_prices(&home, &exchange, &before, &lost).await;
}

/// Dumps the database. Returns the path of the file.
fn dump(home: &Home) -> String {
    let dump = home.folder.path().join("stocktracker.dump");
    let dump = dump.to_str().expect("a path");
    let url = home.database.as_str();
    run("pg_dump", &["--format=custom", "--file", dump, url]);
    dump.to_owned()
}

/// Restores a dump into an empty database, so that no later rows remain.
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

/// Like the promotion of a standby that lacks the last events, while the product runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_replaced_while_the_product_runs_is_detected() {
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
    // No subscription continues.
    for client in clients {
        assert_eq!(client.closed().await, 1013);
    }
    let events = stream.text().await.expect("the end");
    let (_, ending) = events.trim_end().rsplit_once("\n\n").expect("events");
    assert!(ending.contains("UNAVAILABLE"), "{events}");
    // They do not count as slow clients.
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
    until(
        "the closed subscriptions are counted",
        || product.last_words(),
        counts,
    )
    .await;
    cursor(&product, "103").await;
    refused(&product, &lost).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", all, json!({"after": before})).await;
    let event = client.next("p").await;
    assert_eq!(event["data"]["priceUpdates"]["price"], "103");
    let kept = product
        .ask(r#"{ history(symbol: "AAPL") { nodes { price } } }"#)
        .await;
    assert_eq!(
        kept["history"]["nodes"],
        json!([{"price": "103"}, {"price": "101"}])
    );

    // The statement also affects the running processes.
    set_epoch(url, &text("deploy/new-epoch.sql")).await;
    assert_eq!(client.closed().await, 1013);
    refused(&product, &before).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", all, json!({})).await;
    exchange.quote("AAPL", "104", "100");
    for price in ["103", "104"] {
        let event = client.next("p").await;
        assert_eq!(event["data"]["priceUpdates"]["price"], price);
    }
    assert!(product.api.is_alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restored_file_earlier_cursors_are_rejected() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "101", "100");
    let mut product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
    let before = cursor(&product, "101").await;
    // After its end, the process leaves a single file, which can be copied.
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
    std::fs::copy(file, &saved).expect("copied");
    exchange.quote("AAPL", "102", "100");
    let product = home.track(&exchange, &[]).await;
    let lost = cursor(&product, "102").await;
    drop(product);
    for left in ["-wal", "-shm"] {
        // The file may not exist.
        let _ = std::fs::remove_file(format!("{}{left}", file.display()));
    }
    std::fs::copy(&saved, file).expect("restored");
    let page = text("docs/operations.md");
    let statement = page.split_once("sqlite3 stock-tracker.db 'UPDATE ");
    let statement = statement.and_then(|(_, rest)| rest.split('\'').next());
    let statement = format!("UPDATE {}", statement.expect("a statement"));
    set_epoch(home.database.as_str(), &statement).await;
    continues_without_lost_prices(&home, &exchange, &before, &lost).await;
}
