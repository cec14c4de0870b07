//! No mutation changes anything without the admin token.
//!
//! The operations are generated from the schema, so a new mutation is covered without a new test.

use std::collections::BTreeMap;

use reqwest::Method;
use sea_orm::sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, Row,
    sqlite::SqliteConnectOptions,
};
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    client::Client,
    databases::on_both,
    product::{ADMIN, Home, Product},
};

const READER: &str = "reader-of-the-tests-0123456789";

const SCHEMA: &str = "{ __schema {
    mutationType { fields { name args { ...Input } type { ...Type } } }
    types { name kind isOneOf enumValues { name } inputFields { ...Input } }
} }
fragment Input on __InputValue { name defaultValue type { ...Type } }
fragment Type on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

/// Literals of scalars. One of them should fit every scalar that is added later.
const SAMPLES: [&str; 8] = [
    "\"AAPL\"",
    "1",
    "true",
    "\"1.5\"",
    "\"2030-01-02T03:04:05Z\"",
    "\"2030-01-02\"",
    "\"https://desk.example/hook\"",
    "\"stock:1\"",
];

on_both! {
    async fn no_mutation_works_without_the_admin_token(home) {
        // A replay that has ended, so that only clients can change anything.
        let file = home.folder.path().join("days.csv");
        let day = "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nAAPL,2008-01-02,1,1,1,1,1,1\nAAPL,2008-01-03,2,2,2,2,1,2\n";
        std::fs::write(&file, day).expect("written");
        let file = file.to_str().expect("a path").to_owned();
        let product = home.start(&[
            ("REPLAY_FILE", &*file),
            ("REPLAY_SPEED", "max"),
            ("REPLAY_LOOP", "false"),
            ("DEFAULT_SYMBOLS", "AAPL"),
            ("ADMIN_TOKEN", ADMIN),
        ]).await;
        let fired = |data: &Value| (data["alerts"]["totalCount"] == 1).then_some(());
        product.until_data("the replay has ended", "{ alerts { totalCount } }", fired).await;

        let schema = product.ask(SCHEMA).await["__schema"].take();
        let fields = schema["mutationType"]["fields"].as_array().expect("a list");
        assert!(fields.len() >= 4, "{fields:#?}");
        let before = rows(&home).await;
        assert!(before["stocks"].len() == 1 && before["alerts"].len() == 1, "{before:#?}");
        for field in fields {
            is_rejected_everywhere(&product, &schema, field).await;
        }
        assert_eq!(rows(&home).await, before, "nothing has changed");
    }

    async fn the_read_token_allows_no_mutation(home) {
        let variables = [("READ_TOKEN", READER), ("ADMIN_TOKEN", ADMIN)];
        let product = home.start(&variables).await;
        let request = product.post(SCHEMA, &json!({})).bearer_auth(READER);
        let schema = Answer::to(request).await.data()["__schema"].take();
        for field in schema["mutationType"]["fields"].as_array().expect("a list") {
            let name = field["name"].as_str().expect("a name");
            let (_, query) = first_valid(&schema, field, async |query: &str| {
                code(&Answer::to(product.post(query, &json!({})).bearer_auth(READER)).await.json())
            }).await;
            let answer = Answer::to(product.post(&query, &json!({})).bearer_auth(READER)).await;
            assert_eq!(answer.code(), "UNAUTHENTICATED", "{name}: {}", answer.text);
            assert_eq!(answer.error()["path"], json!([name]));
        }
    }
}

/// Checks that POST, GET and both WebSocket protocols reject a valid operation of the field.
async fn is_rejected_everywhere(product: &Product, schema: &Value, field: &Value) {
    let name = field["name"].as_str().expect("a name");
    let (code_of_post, query) = first_valid(schema, field, async |query: &str| {
        code(&product.graphql(query, json!({})).await.json())
    })
    .await;
    assert_eq!(code_of_post, "UNAUTHENTICATED", "{query}");
    let posted = product.graphql(&query, json!({})).await;
    assert_eq!(
        (posted.status, &posted.error()["path"]),
        (200, &json!([name]))
    );
    let data = posted.json()["data"].take();
    assert!(data.is_null() || data[name].is_null(), "{}", posted.text);

    for with_token in [false, true] {
        let request = product
            .request(Method::GET, "/graphql")
            .query(&[("query", &query)]);
        // GET executes no mutation, even with the token.
        let request = if with_token {
            request.bearer_auth(ADMIN)
        } else {
            request
        };
        assert_eq!(Answer::to(request).await.status, 405, "{query}");
    }
    for (protocol, start) in [
        ("graphql-transport-ws", "subscribe"),
        ("graphql-ws", "start"),
    ] {
        let headers = [("sec-websocket-protocol", protocol)];
        let mut socket = Client::open(product, "/graphql", &headers)
            .await
            .expect("connected");
        socket.init(json!({})).await;
        let payload = json!({"query": query});
        socket
            .send(&json!({"type": start, "id": "m", "payload": payload}))
            .await;
        let message = loop {
            let message = socket.receive().await;
            if message["id"] == "m" {
                break message;
            }
        };
        assert_eq!(
            code(&message["payload"]),
            "UNAUTHENTICATED",
            "{query}: {message}"
        );
    }
}

fn code(body: &Value) -> String {
    body["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or("none")
        .to_owned()
}

/// Returns the first operation of a field that is not rejected as invalid, and the code of its
/// response.
async fn first_valid(
    schema: &Value,
    field: &Value,
    execute: impl AsyncFn(&str) -> String,
) -> (String, String) {
    let mut rejected = Vec::new();
    for sample in SAMPLES {
        let query = operation(schema, field, sample);
        let code = execute(&query).await;
        if !["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&&*code) {
            return (code, query);
        }
        rejected.push((query, code));
    }
    panic!("no sample fits: {rejected:#?}");
}

/// Returns an operation of the field with its required arguments. Unknown scalars are written as
/// `sample`.
fn operation(schema: &Value, field: &Value, sample: &str) -> String {
    let arguments = inputs(schema, &field["args"], sample, false);
    let arguments = if arguments.is_empty() {
        String::new()
    } else {
        format!("({arguments})")
    };
    let name = field["name"].as_str().expect("a name");
    let selection = match kind(&field["type"]) {
        "OBJECT" | "INTERFACE" | "UNION" => " { __typename }",
        _ => "",
    };
    format!("mutation {{ {name}{arguments}{selection} }}")
}

fn inputs(schema: &Value, inputs: &Value, sample: &str, one: bool) -> String {
    let inputs = inputs.as_array().expect("a list").iter();
    let needed = inputs
        .filter(|it| one || (it["type"]["kind"] == "NON_NULL" && it["defaultValue"].is_null()));
    let written = needed.map(|it| {
        let name = it["name"].as_str().expect("a name");
        format!("{name}: {}", value(schema, &it["type"], sample))
    });
    let most = if one { 1 } else { usize::MAX };
    written.take(most).collect::<Vec<_>>().join(", ")
}

fn value(schema: &Value, of: &Value, sample: &str) -> String {
    match of["kind"].as_str() {
        Some("NON_NULL") => return value(schema, &of["ofType"], sample),
        Some("LIST") => return format!("[{}]", value(schema, &of["ofType"], sample)),
        _ => {}
    }
    let named = named(schema, of);
    match (named["kind"].as_str(), named["name"].as_str()) {
        (Some("INPUT_OBJECT"), _) => {
            let one = named["isOneOf"] == true;
            format!("{{{}}}", inputs(schema, &named["inputFields"], sample, one))
        }
        (Some("ENUM"), _) => named["enumValues"][0]["name"]
            .as_str()
            .expect("a value")
            .to_owned(),
        (_, Some("String" | "ID" | "Symbol")) => "\"AAPL\"".to_owned(),
        (_, Some("Date")) => "\"2030-01-02\"".to_owned(),
        (_, Some("Decimal")) => "\"1.5\"".to_owned(),
        (_, Some("Int" | "Float")) => "1".to_owned(),
        (_, Some("Boolean")) => "true".to_owned(),
        _ => sample.to_owned(),
    }
}

fn named<'a>(schema: &'a Value, of: &Value) -> &'a Value {
    let types = schema["types"].as_array().expect("a list");
    types
        .iter()
        .find(|it| it["name"] == of["name"])
        .expect("defined")
}

fn kind(of: &Value) -> &str {
    match of["kind"].as_str() {
        Some("NON_NULL") => kind(&of["ofType"]),
        Some(kind) => kind,
        None => panic!("{of}"),
    }
}

/// Reads all rows, as text, of the tables that a client can change.
async fn rows(home: &Home) -> BTreeMap<String, Vec<String>> {
    // Written by the tracker, independently of clients.
    const TRACKER_TABLES: [&str; 2] = ["providers", "provider_calls"];
    let mut rows = BTreeMap::new();
    if home.is_postgres() {
        let mut database = PgConnection::connect(home.database.as_str())
            .await
            .expect("connected");
        let tables = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')
            AND relnamespace = 'public'::regnamespace AND NOT relispartition";
        for table in postgres_texts(&mut database, tables.to_owned()).await {
            let sql = format!("SELECT t::text FROM {table} t ORDER BY 1");
            rows.insert(table, postgres_texts(&mut database, sql).await);
        }
    } else {
        let url = home.database.as_str().split('?').next().expect("a URL");
        let options: SqliteConnectOptions = url.parse().expect("a URL");
        let mut database = options.read_only(true).connect().await.expect("opened");
        let tables =
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        for table in sqlite_texts(&mut database, tables.to_owned()).await {
            let columns =
                format!("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('{table}')");
            let columns = sqlite_texts(&mut database, columns)
                .await
                .join(" || ',' || ");
            let sql = format!("SELECT {columns} FROM {table} ORDER BY 1");
            rows.insert(table, sqlite_texts(&mut database, sql).await);
        }
    }
    rows.retain(|table, _| !TRACKER_TABLES.contains(&&**table));
    rows
}

async fn postgres_texts(database: &mut PgConnection, sql: String) -> Vec<String> {
    let rows = database.fetch_all(AssertSqlSafe(sql)).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}

async fn sqlite_texts(database: &mut sea_orm::sqlx::SqliteConnection, sql: String) -> Vec<String> {
    let rows = database.fetch_all(AssertSqlSafe(sql)).await.expect("rows");
    rows.iter().map(|row| row.get(0)).collect()
}
