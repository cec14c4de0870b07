//! Errors that clients get while the database stalls, and when it dies during a query.

use std::collections::BTreeSet;

use reqwest::Method;
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use serde_json::{Value, json};
use testkit::{FaultProxy, TestDatabaseUrl};

use crate::{
    answer::Answer,
    client::Client,
    process::until,
    product::{Home, Product},
    rest::problem,
};

/// Alerts, which are kept in memory only up to `LIMIT_RECENT`.
const QUERY: &str = "{ alerts(first: 2) { nodes { price } } }";
const PATH: &str = "/api/v1/alerts?limit=2";

/// Another session on the same server.
struct Operator(PgConnection);

impl Operator {
    async fn at(home: &Home) -> Self {
        let connection = PgConnection::connect(home.database.as_str()).await;
        Self(connection.expect("the server answers"))
    }

    async fn execute(&mut self, sql: &'static str) {
        self.0.execute(AssertSqlSafe(sql)).await.expect("executed");
    }

    /// How many statements of `api` wait for a lock.
    async fn waiting(&mut self) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name = 'stock-tracker api' AND wait_event_type = 'Lock'";
        let row = self.0.fetch_one(AssertSqlSafe(sql)).await;
        row.expect("a row").get(0)
    }

    async fn until_waiting(&mut self, wanted: impl Fn(i64) -> bool, product: &Product) {
        let looks = async || wanted(self.waiting().await).then_some(());
        until("the statements wait", || product.last_words(), looks).await;
    }
}

/// A product with alerts, and a session that locks their table.
async fn stalled(home: &Home, variables: &[(&str, &str)]) -> (Product, Operator, Operator) {
    let variables = [variables, &[("LIMIT_RECENT", "0")]].concat();
    let product = home.start(&variables).await;
    let some = |data: &Value| (data["alerts"]["nodes"].as_array()?.len() == 2).then_some(());
    product.until_data("alerts are stored", QUERY, some).await;
    let mut locking = Operator::at(home).await;
    locking
        .execute("BEGIN; LOCK TABLE alerts IN ACCESS EXCLUSIVE MODE")
        .await;
    (product, locking, Operator::at(home).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_times_out_is_cancelled_in_the_database_too() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let variables = [("LIMIT_EXECUTION_TIME", "3s"), ("REPLAY_SPEED", "20")];
    let (product, mut locking, mut watching) = stalled(&home, &variables).await;
    let mut socket = Client::graphql(&product, json!({})).await;
    for id in ["a", "b", "c"] {
        socket.subscribe(id, QUERY, json!({})).await;
    }
    let posted = async {
        let posts = (
            product.graphql(QUERY, json!({})),
            product.graphql(QUERY, json!({})),
        );
        tokio::join!(posts.0, posts.1)
    };
    let asked = async {
        watching.until_waiting(|count| count >= 5, &product).await;
        // Other queries are answered meanwhile.
        product.ask("{ alertRules { id } }").await;
        product.ask("{ stocks { nodes { symbol } } }").await;
    };
    let rest = product.get(PATH);
    let ((one, two), rest, ()) = tokio::join!(posted, rest, asked);
    for answer in [one, two] {
        assert_eq!(answer.code(), "TIMEOUT", "{}", answer.text);
    }
    problem(&rest, 503);
    assert!(!rest.header("retry-after").is_empty());
    let mut refused = BTreeSet::new();
    for _ in 0..3 {
        let message = socket.receive().await;
        let error = match message["type"].as_str() {
            Some("error") => &message["payload"][0],
            _ => panic!("{message}"),
        };
        assert_eq!(error["extensions"]["code"], "TIMEOUT", "{message}");
        refused.insert(message["id"].to_string());
    }
    assert_eq!(refused.len(), 3);
    // Our statements are cancelled, although the lock is still held.
    watching.until_waiting(|count| count == 0, &product).await;
    locking.execute("ROLLBACK").await;
    assert_eq!(
        product.ask(QUERY).await["alerts"]["nodes"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(product.get(PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_dies_during_a_query_is_unavailable_without_details() {
    let home = Home::new(TestDatabaseUrl::postgres().await);
    let (mut proxy, through) = FaultProxy::for_database(home.database.as_str()).await;
    let variables = [("DATABASE_URL", &*through), ("REPLAY_SPEED", "20")];
    let (product, mut locking, mut watching) = stalled(&home, &variables).await;
    let mut socket = Client::graphql(&product, json!({})).await;
    socket.subscribe("a", QUERY, json!({})).await;
    let pulled = async {
        watching.until_waiting(|count| count >= 3, &product).await;
        proxy.cut().await;
    };
    let posted = product.graphql(QUERY, json!({}));
    let (posted, rest, ()) = tokio::join!(posted, product.get(PATH), pulled);
    let message = socket.receive().await;
    assert_eq!(message["type"], "next", "it was executed: {message}");
    field_is_unavailable(&product, &message["payload"]).await;
    assert_eq!(posted.status, 200, "{}", posted.text);
    field_is_unavailable(&product, &posted.json()).await;
    is_masked(&posted.text);
    is_masked(&message.to_string());
    unavailable(&product, &rest).await;

    // Later requests get the same error.
    let posted = product.graphql(QUERY, json!({})).await;
    field_is_unavailable(&product, &posted.json()).await;
    is_masked(&posted.text);
    let got = product
        .request(Method::GET, "/graphql")
        .query(&[("query", QUERY)]);
    field_is_unavailable(&product, &Answer::to(got).await.json()).await;
    unavailable(&product, &product.get(PATH).await).await;
    let _ = locking.0.execute("ROLLBACK").await;
    proxy.restore().await;
    let back = async || {
        let answer = product.graphql(QUERY, json!({})).await;
        answer.json().get("errors").is_none().then_some(())
    };
    until("queries succeed again", || product.last_words(), back).await;
}

async fn field_is_unavailable(product: &Product, body: &Value) {
    let error = &body["errors"][0];
    assert_eq!(body["errors"].as_array().map(Vec::len), Some(1), "{body}");
    assert_eq!(error["path"], json!(["alerts"]), "{body}");
    let extensions = error["extensions"].as_object().expect("extensions");
    let names: Vec<&str> = extensions.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "requestId", "retryAfter"], "{body}");
    assert_eq!(extensions["code"], "UNAVAILABLE", "{body}");
    assert!(extensions["retryAfter"].as_u64() >= Some(1), "{body}");
    is_logged(product, extensions["requestId"].as_str().expect("text")).await;
}

async fn unavailable(product: &Product, answer: &Answer) {
    problem(answer, 503);
    assert!(!answer.header("retry-after").is_empty());
    is_masked(&answer.text);
    let detail = answer.json()["detail"].as_str().expect("text").to_owned();
    let (_, id) = detail.split_once("request ").expect("a request id");
    is_logged(product, id.trim_end_matches(')')).await;
}

/// Asserts that the log has the cause under this request id, once.
async fn is_logged(product: &Product, id: &str) {
    assert!(id.len() >= 8, "{id}");
    let logged = async || {
        let lines = product.api.out();
        let count = lines.iter().filter(|line| line.contains(id)).count();
        (count > 0).then_some(count)
    };
    let count = until("the cause is logged", || product.last_words(), logged).await;
    assert_eq!(count, 1, "{id} is logged once");
}

fn is_masked(text: &str) {
    let text = text.to_lowercase();
    for word in [
        "select",
        "sqlx",
        "stock_prices",
        "127.0.0.1",
        "postgres",
        "connection",
        "os error",
    ] {
        assert!(!text.contains(word), "{word} is in: {text}");
    }
}
