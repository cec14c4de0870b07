//! The database server terminates sessions under load.

use std::{collections::BTreeMap, time::Duration};

use entity::table::provider;
use sea_orm::{
    ConnectionTrait, EntityTrait,
    sqlx::{AssertSqlSafe, Connection, Executor, PgConnection},
};
use serde_json::{Value, json};
use testkit::TestDatabaseUrl;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    acknowledged_writes::AcknowledgedWrites,
    database::{Load, Market, PRICES, SOON, receive},
};
use crate::{
    answer::Answer,
    client::Client,
    exchange::Exchange,
    observe::scraped,
    process::until,
    product::{Home, Product, polling},
};

/// Answered by the database only.
const ALERTS: &str = "{ alertRules { alerts(first: 1) { nodes { id } } } }";

/// Maximum time of a response: the deadline of an operation, on a busy machine.
const BOUND: Duration = Duration::from_secs(20);
/// Terminates every session but this one.
const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid()";
/// Terminates the session that holds the lease.
const CUT_LEASE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
    WHERE datname = current_database() AND application_name = 'stock-tracker lease' \
    AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terminated_sessions_lose_no_answer_no_event_and_no_provider_request() {
    let exchange = Exchange::open().await;
    let market = Market::open(&exchange);
    let home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let variables = [("DEFAULT_SYMBOLS", "AAPL,IBM")];
    let product = home.track(&exchange, &variables).await;
    let url = exchange.url();
    // A standby tracker.
    let _standby = home.tracker(&polling(&url, &variables));
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", PRICES, json!({})).await;
    let load = Load::begin(&product);
    let mut told = Vec::new();
    let mut knife = PgConnection::connect(home.database.as_str())
        .await
        .expect("a session");
    for round in 0..20 {
        let cut = if round % 4 == 3 { CUT_LEASE } else { CUT };
        knife.execute(cut).await.expect("they are ended");
        // The lease is acquired again, and prices continue.
        let heard = told.len() + if round % 4 == 3 { 3 } else { 1 };
        while told.len() < heard {
            told.push(client.next("p").await["data"]["priceUpdates"].take());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(market);
    load.end().await;
    let witness = home.database.connect().await;
    let writes = AcknowledgedWrites::read(&witness).await;
    writes.assert_feed_is_complete();
    writes.assert_alerts_match_prices();
    writes.assert_received(&told[2..], "prices");
    // Every request of either tracker was charged before it was sent.
    let asked = exchange.asked_in_all();
    let rows = provider::Entity::find()
        .all(witness.read())
        .await
        .expect("the providers");
    let charged: i32 = rows.iter().map(|row| row.day_used).sum();
    assert!(
        usize::try_from(charged).is_ok_and(|charged| asked <= charged),
        "{asked} of {charged}"
    );
}

/// Seconds since the tracker last wrote, by its metric, which exists while it holds the lease.
async fn write_age(product: &Product) -> Option<f64> {
    let told = scraped(product.tracking_metrics).await;
    let age = told
        .lines()
        .find_map(|line| line.strip_prefix("stock_tracker_write_age_seconds "));
    age.map(|age| age.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_reported_and_written_again_as_soon_as_possible() {
    let exchange = Exchange::open().await;
    let market = Market::open(&exchange);
    let home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let variables = [("DEFAULT_SYMBOLS", "AAPL,IBM")];
    let product = home.track(&exchange, &variables).await;
    let mut client = Client::graphql(&product, json!({})).await;
    client.subscribe("p", PRICES, json!({})).await;
    let mut told = Vec::new();
    receive(&mut client, &mut told, 4).await;
    let mut operator = PgConnection::connect(home.database.as_str())
        .await
        .expect("a session");
    let mut order = async |words: &str, then: &str| {
        let words = format!(
            "BEGIN READ WRITE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I {words}', current_database()); END $$; \
             COMMIT; {then}"
        );
        let ordered = operator.execute(AssertSqlSafe(words)).await;
        ordered.expect("it is done");
    };
    // Applies to new sessions only, so all sessions are terminated.
    order("SET default_transaction_read_only = on", CUT).await;
    let grows = async || write_age(&product).await.filter(|age| *age > 4.0);
    until("it is told", || product.last_words(), grows).await;
    assert_eq!(product.get("/readyz").await.status, 200);
    let stored = product.ask(ALERTS).await;
    assert!(
        stored["alertRules"][0]["alerts"]["nodes"].is_array(),
        "it can be read"
    );
    // An `api` that starts meanwhile serves the stored data.
    drop(home.start(&variables).await);

    order("RESET default_transaction_read_only", "").await;
    let begun = Instant::now();
    let heard = told.len();
    receive(&mut client, &mut told, heard + 4).await;
    assert!(begun.elapsed() < 2 * SOON, "{:?}", begun.elapsed());
    let writes = async || write_age(&product).await.filter(|age| *age < 4.0);
    until("it writes", || product.last_words(), writes).await;
    drop(market);
    let writes = AcknowledgedWrites::read(&home.database.connect().await).await;
    writes.assert_feed_is_complete();
    writes.assert_received(&told[2..], "prices");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_pool_rejects_and_recovers_while_memory_answers() {
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "100", "100");
    let home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
    let priced = |data: &Value| {
        data["stocks"]["nodes"][0]["latestPrice"]
            .is_object()
            .then_some(())
    };
    let held = "{ stocks { nodes { latestPrice { price } } } }";
    product.until_data("it is tracked", held, priced).await;
    let witness = home.database.connect().await;
    let holding = witness.begin_write().await.expect("a transaction");
    // Holds its lock longer than our idle timeout of transactions.
    let lock = "SET LOCAL idle_in_transaction_session_timeout = 0; \
                LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE";
    holding
        .execute_unprepared(lock)
        .await
        .expect("it is locked");
    let mut waiting = JoinSet::new();
    for _ in 0..40 {
        let request = product.post(ALERTS, &json!({}));
        waiting.spawn(async move { timeout(BOUND, Answer::to(request)).await });
    }
    let mut codes = BTreeMap::new();
    while let Some(answer) = waiting.join_next().await {
        // Meanwhile memory answers, and the process is ready.
        assert_eq!(
            product.ask(held).await["stocks"]["nodes"][0]["latestPrice"]["price"],
            "100"
        );
        assert_eq!(product.get("/readyz").await.status, 200);
        let answer = answer.expect("no panic").expect("nothing hangs");
        *codes.entry(answer.code()).or_insert(0) += 1;
    }
    // Requests with a connection waited for the lock, the others for a connection.
    assert!(
        codes
            .keys()
            .all(|code| code == "UNAVAILABLE" || code == "TIMEOUT"),
        "{codes:?}"
    );
    assert!(codes["UNAVAILABLE"] >= 20, "{codes:?}");
    holding.rollback().await.expect("it is unlocked");
    let answers = async || {
        let answer = product.graphql(ALERTS, json!({})).await;
        answer.json().get("errors").is_none().then_some(())
    };
    until("it answers again", || product.last_words(), answers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_is_soon_distinguished_from_one_that_is_away() {
    let home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let product = home.start(&[]).await;
    let witness = home.database.connect().await;
    let holding = witness.begin_write().await.expect("a transaction");
    let lock = "SET LOCAL idle_in_transaction_session_timeout = 0; \
                LOCK TABLE providers IN ACCESS EXCLUSIVE MODE";
    let locked = holding.execute_unprepared(lock).await;
    locked.expect("it is locked");
    let health = timeout(Duration::from_secs(5), product.get("/api/v1/health")).await;
    let health = health.expect("it does not wait for the lock");
    assert_eq!(health.status, 200, "{}", health.text);
    let told = health.json();
    assert_eq!(told["status"], "degraded", "{told}");
    assert_eq!(
        told["checks"]["database"], "does not answer in time",
        "{told}"
    );
    assert_eq!(product.get("/readyz").await.status, 200);
    holding.rollback().await.expect("it is unlocked");
    let well = async || {
        let health = product.get("/api/v1/health").await.json();
        (health["status"] == "ok").then_some(())
    };
    until("it is well again", || product.last_words(), well).await;
}

/// Refreshes a stock while another session locks `table`. The error must name the database.
async fn refresh_over_a_lock(table: &str) {
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "100", "100");
    let home = Home::new(TestDatabaseUrl::migrated_postgres().await);
    let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
    let priced = |data: &Value| {
        data["stocks"]["nodes"][0]["latestPrice"]
            .is_object()
            .then_some(())
    };
    let held = "{ stocks { nodes { latestPrice { price } } } }";
    product.until_data("it is tracked", held, priced).await;
    let witness = home.database.connect().await;
    let holding = witness.begin_write().await.expect("a transaction");
    let lock = format!(
        "SET LOCAL idle_in_transaction_session_timeout = 0; \
         LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"
    );
    holding
        .execute_unprepared(&lock)
        .await
        .expect("it is locked");
    let refresh =
        r#"mutation { refreshStock(input: {symbol: "AAPL"}) { stock { latestPrice { price } } } }"#;
    exchange.quote("AAPL", "101", "100");
    let refused = product.admin(refresh, json!({})).await;
    assert_eq!(refused.code(), "UNAVAILABLE", "{table}: {}", refused.text);
    assert_eq!(
        refused.error()["message"],
        "the database did not answer",
        "{table}"
    );
    holding.rollback().await.expect("it is unlocked");
    let refreshed = async || {
        let answer = product.admin(refresh, json!({})).await;
        answer.json().get("errors").is_none().then_some(())
    };
    until("it is refreshed", || product.last_words(), refreshed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_over_a_locked_table_names_the_database() {
    for table in ["stock_prices", "stocks", "providers", "poll_requests"] {
        refresh_over_a_lock(table).await;
    }
}
