//! Tests that the number of statements for nested lists does not grow with the number of rows.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use store::database::DatabaseKind;
use testkit::{TestDatabase, on_both_databases, sample_rows::Shape};

use crate::graphql::fixture::{Resolver, SampleSchema};

/// Records the statements that are sent to a database.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panicked"))
    }
}

async fn sample(database: &TestDatabase) -> (SampleSchema, Statements) {
    let statements = Statements::default();
    let mut database = (**database).clone();
    let seen = statements.clone();
    database.observe_statements(move |statement| {
        let mut all = seen.0.lock().expect("no test panicked");
        all.push(statement.to_owned());
    });
    let shape = Shape {
        stocks: 100,
        // More than the quote board holds.
        prices: 110,
        alerts: 60,
        candles: 2,
    };
    let sample = SampleSchema::fill(database, shape).await;
    // Freshness is read once a second, and this clock stands still.
    sample
        .body("{ stock(symbol: \"S0\") { stale } }", Resolver::Plan)
        .await;
    statements.take();
    (sample, statements)
}

/// Documents with `N` rows, and the number of statements that each needs, whatever `N` is. Stocks,
/// rules, and the newest prices and alerts are in memory.
const DOCUMENTS: [(&str, usize); 17] = [
    (
        "{ stocks(first: N) { nodes { symbol stale history(first: 20) { nodes { price volume } }
           alerts(first: 5) { totalCount nodes { message } } } } }",
        0,
    ),
    (
        "{ stocks(first: N) { edges { cursor node { symbol latestPrice { price change } } } } }",
        0,
    ),
    ("{ stocks(first: N) { nodes { alertRules { kind threshold } } } }", 0),
    ("{ stocks(first: N) { nodes { candles(interval: ONE_DAY) { close final } } } }", 1),
    ("{ stocks(first: N) { nodes { history(last: 3) { edges { node { price } } } } } }", 1),
    ("{ stocks(first: N) { nodes { alerts(last: 3) { edges { node { price } } } } } }", 1),
    (
        "{ stocks(first: N) { nodes { few: history(first: 1) { nodes { price } }
           more: history(first: 2) { nodes { price } } } } }",
        0,
    ),
    (
        "{ stocks(first: N) { nodes { history(first: 2) { nodes { stock { alerts(first: 2) { nodes {
           stock { latestPrice { price } } } } } } } } } }",
        0,
    ),
    ("{ alerts(first: N) { nodes { stock { symbol latestPrice { price } } } } }", 0),
    ("{ alerts(first: N) { edges { node { rule { threshold } stock { name } } } } }", 0),
    (
        "{ alerts(first: N) { totalCount nodes { stock { alertRules { kind } history(first: 1) {
           nodes { price } } } } } }",
        0,
    ),
    ("{ alerts(first: N) { nodes { rule { kind } stock { alertRules { kind } } } } }", 0),
    ("{ history(symbol: \"S1\", first: N) { nodes { price stock { symbol } } } }", 0),
    (
        "{ history(symbol: \"S1\", first: N) { edges { node { stock { latestPrice { price } } } } } }",
        0,
    ),
    ("{ nodes(ids: [STOCKS]) { id ... on Stock { symbol latestPrice { price } } } }", 0),
    ("{ nodes(ids: [ALERTS]) { ... on Alert { message stock { symbol } rule { kind } } } }", 1),
    ("{ alertRules { id } nodes(ids: [RULES]) { id } }", 0),
];

fn document(text: &str, rows: usize) -> String {
    let ids = |kind: &str| {
        let id = |row| URL_SAFE_NO_PAD.encode(format!("{kind}:{row}"));
        let ids: Vec<String> = (1..=rows).map(|row| format!("\"{}\"", id(row))).collect();
        ids.join(", ")
    };
    text.replace("STOCKS", &ids("Stock"))
        .replace("ALERTS", &ids("Alert"))
        .replace("RULES", &ids("AlertRule"))
        .replace("first: N", &format!("first: {rows}"))
}

/// Counts the statements of each document. PostgreSQL may need up to `searches` more to find the
/// months of a history.
async fn count(sample: SampleSchema, statements: Statements, searches: usize) {
    for resolver in Resolver::ALL {
        for (text, expected) in DOCUMENTS {
            for rows in [10, 100] {
                let body = sample.body(&*document(text, rows), resolver).await;
                assert!(body.starts_with("{\"data\":{"), "{text}: {body}");
                let sent = statements.take();
                let case = format!("{rows} rows, {resolver:?}: {text}");
                let most = expected + searches;
                assert!((expected..=most).contains(&sent.len()), "{case}\n{sent:#?}");
            }
        }
    }
}

on_both_databases! {
    async fn nested_lists_need_one_statement_for_each_kind_of_row(database) {
        let (sample, statements) = sample(&database).await;
        // In a task of the runtime, like a request.
        let mut task = tokio::task::JoinSet::new();
        let searches = match database.kind() {
            DatabaseKind::Sqlite => 0,
            DatabaseKind::Postgres => 2,
        };
        task.spawn(count(sample, statements, searches));
        task.join_all().await;
    }

    async fn concurrent_requests_get_their_responses_when_others_are_cancelled(database) {
        let (sample, _) = sample(&database).await;
        let sample = Arc::new(sample);
        let text = "{ alerts(first: 20) { nodes { stock { symbol latestPrice { price } } } } }";
        let expected = sample.body(text, Resolver::Library).await;
        let mut tasks = tokio::task::JoinSet::new();
        for at in 0..60 {
            let sample = Arc::clone(&sample);
            let task = tasks.spawn(async move { sample.body(text, Resolver::Plan).await });
            if at % 3 == 0 {
                task.abort();
            }
        }
        let mut completed = 0;
        while let Some(body) = tasks.join_next().await {
            let Ok(body) = body else { continue };
            assert_eq!(body, expected);
            completed += 1;
        }
        assert!(completed >= 40, "{completed}");
    }
}
