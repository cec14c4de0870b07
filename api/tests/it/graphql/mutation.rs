//! Mutations, with and without the admin token.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    answer::Answer,
    client::Client,
    databases::on_both,
    exchange::Exchange,
    process::until,
    product::{ADMIN, Product},
};

const TRACK: &str = "mutation($symbol: Symbol!, $name: String) {
    trackStock(input: {symbol: $symbol, name: $name}) { stock { id symbol name tracked latestPrice { price } } } }";
const UNTRACK: &str = "mutation($symbol: Symbol!) {
    untrackStock(input: {symbol: $symbol}) { stock { id tracked } } }";
const REFRESH: &str = "mutation($symbol: Symbol!) {
    refreshStock(input: {symbol: $symbol}) { stock { symbol latestPrice { price } } } }";
const ACKNOWLEDGE: &str = "mutation($id: ID!) {
    acknowledgeAlert(input: {id: $id}) { alert { id acknowledgedAt } } }";

on_both! {
    async fn mutations_need_the_admin_token_and_have_their_effect(home) {
        let exchange = Exchange::open().await;
        exchange.quote("AAPL", "110", "100");
        exchange.quote("NVDA", "140.5", "138");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
        let fired = |data: &Value| data["alerts"]["nodes"][0]["id"].as_str().map(str::to_owned);
        let alert = product.until_data("the alert fires", "{ alerts { nodes { id } } }", fired).await;

        mutations_without_the_token_are_rejected(&product, &alert).await;
        a_stock_is_tracked_once(&product).await;
        an_unknown_symbol_is_not_stored(&product, &exchange).await;
        a_stock_is_untracked_and_tracked_again(&product, &exchange).await;
        a_stock_is_refreshed(&product, &exchange).await;
        an_alert_is_acknowledged(&product, &alert).await;
        a_refused_key_is_named(&product, &exchange).await;
    }
}

fn symbol(symbol: &str) -> Value {
    json!({ "symbol": symbol })
}

/// Without a token, every mutation fails with a field error over every protocol and changes
/// nothing.
async fn mutations_without_the_token_are_rejected(product: &Product, alert: &str) {
    let state = "{ stocks { nodes { symbol } } alerts { nodes { acknowledgedAt } } }";
    let before = product.ask(state).await;
    let mut socket = Client::graphql(product, json!({})).await;
    for (field, query, variables) in [
        ("trackStock", TRACK, symbol("NVDA")),
        ("untrackStock", UNTRACK, symbol("AAPL")),
        ("refreshStock", REFRESH, symbol("AAPL")),
        ("acknowledgeAlert", ACKNOWLEDGE, json!({"id": alert})),
    ] {
        let posted = product.graphql(query, variables.clone()).await;
        assert_eq!(posted.status, 200, "{}", posted.text);
        assert_eq!(posted.code(), "UNAUTHENTICATED");
        assert_eq!(posted.error()["path"], json!([field]));

        let get = product
            .request(Method::GET, "/graphql")
            .query(&[("query", query), ("variables", &*variables.to_string())]);
        // GET executes no mutation, even with the token.
        for get in [get.try_clone().expect("no body"), get.bearer_auth(ADMIN)] {
            let got = Answer::to(get).await;
            assert_eq!((got.status, &*got.code()), (405, "BAD_USER_INPUT"));
            assert_eq!(got.header("allow"), "POST");
        }

        socket.subscribe("m", query, variables).await;
        let message = socket.receive().await;
        let error = &message["payload"]["errors"][0];
        assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED", "{message}");
        assert_eq!(error["path"], json!([field]), "{message}");
        assert_eq!(
            socket.receive().await,
            json!({"type": "complete", "id": "m"})
        );
    }
    assert_eq!(product.ask(state).await, before);
}

async fn a_stock_is_tracked_once(product: &Product) {
    for name in ["a\u{0}b", "a\u{1b}[31mb"] {
        let named = json!({"symbol": "NVDA", "name": name});
        let refused = product.admin(TRACK, named).await;
        assert_eq!(refused.code(), "BAD_USER_INPUT", "{}", refused.text);
        let message = refused.error()["message"].to_string();
        assert!(message.contains("name: "), "{message}");
    }
    let too_long = json!({"symbol": "NVDA", "name": "a".repeat(201)});
    assert_eq!(
        product.admin(TRACK, too_long).await.code(),
        "BAD_USER_INPUT"
    );
    // Tracking a stock again sets its name. Without a name, or with an empty one, it keeps the old
    // one.
    for (name, named) in [
        (json!("Apple"), "Apple"),
        (json!("  Orange\u{301} "), "Orang\u{e9}"),
        (json!(null), "Orang\u{e9}"),
        (json!(" "), "Orang\u{e9}"),
        (json!("Apple"), "Apple"),
    ] {
        let variables = json!({"symbol": "AAPL", "name": name});
        let tracked = product.admin(TRACK, variables).await.data();
        assert_eq!(tracked["trackStock"]["stock"]["name"], named);
        let read = product.ask(r#"{ stock(symbol: "AAPL") { name } }"#).await;
        assert_eq!(read["stock"]["name"], named);
    }
    let kept = product.admin(TRACK, symbol("AAPL")).await.data();
    assert_eq!(kept["trackStock"]["stock"]["name"], "Apple");
    let named = json!({"symbol": "nvda", "name": "NVIDIA Corporation"});
    let tracked = product.admin(TRACK, named).await.data();
    let stock = &tracked["trackStock"]["stock"];
    assert_eq!(stock["symbol"], "NVDA");
    assert_eq!(stock["tracked"], true);
    assert_eq!(stock["name"], "NVIDIA Corporation");
    // The mutation waits for the first poll.
    assert_eq!(stock["latestPrice"]["price"], "140.5");
    let again = product.admin(TRACK, symbol("NVDA")).await.data();
    assert_eq!(again, tracked);
    let stocks = product
        .ask("{ stocks { nodes { symbol } totalCount } }")
        .await;
    let nodes = json!([{"symbol": "AAPL"}, {"symbol": "NVDA"}]);
    assert_eq!(stocks["stocks"], json!({"nodes": nodes, "totalCount": 2}));
}

async fn an_unknown_symbol_is_not_stored(product: &Product, exchange: &Exchange) {
    let refused = product.admin(TRACK, symbol("NOPE")).await;
    assert_eq!(refused.status, 200);
    assert_eq!(refused.code(), "NOT_FOUND");
    assert_eq!(refused.error()["path"], json!(["trackStock"]));
    assert!(exchange.asked("NOPE") > 0, "the provider was polled");
    let data = product
        .ask(r#"{ stock(symbol: "NOPE") { id } stocks { totalCount } }"#)
        .await;
    assert_eq!(data, json!({"stock": null, "stocks": {"totalCount": 2}}));
    assert_eq!(product.get("/api/v1/stocks/NOPE/history").await.status, 404);
}

async fn a_stock_is_untracked_and_tracked_again(product: &Product, exchange: &Exchange) {
    let id = |data: &Value, field: &str| data[field]["stock"]["id"].clone();
    let untracked = product.admin(UNTRACK, symbol("NVDA")).await.data();
    assert_eq!(untracked["untrackStock"]["stock"]["tracked"], false);
    let again = product.admin(UNTRACK, symbol("NVDA")).await.data();
    assert_eq!(again, untracked);
    // After that it is not polled, but its data is kept.
    assert_eq!(product.get("/api/v1/stocks/NVDA").await.status, 404);
    let history = product.get("/api/v1/stocks/NVDA/history").await;
    assert_eq!(history.json().as_array().map(Vec::len), Some(1));
    let data = product
        .ask(r#"{ stock(symbol: "NVDA") { tracked latestPrice { price } } }"#)
        .await;
    assert_eq!(
        data["stock"],
        json!({"tracked": false, "latestPrice": {"price": "140.5"}})
    );
    let refused = product.admin(UNTRACK, symbol("NEVER")).await;
    assert_eq!(refused.code(), "NOT_FOUND");
    let refused = product.admin(REFRESH, symbol("NVDA")).await;
    assert_eq!(refused.code(), "NOT_FOUND");
    let polls = exchange.asked("NVDA");
    let others = exchange.asked("AAPL");
    let polled = async || (exchange.asked("AAPL") >= others + 2).then_some(());
    until(
        "the other stocks are polled",
        || product.last_words(),
        polled,
    )
    .await;
    assert!(
        exchange.asked("NVDA") <= polls + 1,
        "one poll may have been in progress"
    );

    let back = product.admin(TRACK, symbol("NVDA")).await.data();
    assert_eq!(id(&back, "trackStock"), id(&untracked, "untrackStock"));
    assert_eq!(back["trackStock"]["stock"]["tracked"], true);
    assert_eq!(back["trackStock"]["stock"]["name"], "NVIDIA Corporation");
    // It can be tracked again under another name.
    product.admin(UNTRACK, symbol("NVDA")).await.data();
    let renamed = json!({"symbol": "NVDA", "name": "NVIDIA"});
    let renamed = product.admin(TRACK, renamed).await.data();
    assert_eq!(renamed["trackStock"]["stock"]["name"], "NVIDIA");
    assert_eq!(id(&renamed, "trackStock"), id(&untracked, "untrackStock"));
}

async fn a_stock_is_refreshed(product: &Product, exchange: &Exchange) {
    exchange.quote("NVDA", "141.25", "138");
    let refreshed = product.admin(REFRESH, symbol("nvda")).await.data();
    let stock = &refreshed["refreshStock"]["stock"];
    assert_eq!(
        *stock,
        json!({"symbol": "NVDA", "latestPrice": {"price": "141.25"}})
    );
    assert_eq!(
        product.admin(REFRESH, symbol("NEVER")).await.code(),
        "NOT_FOUND"
    );
}

async fn a_refused_key_is_named(product: &Product, exchange: &Exchange) {
    exchange.refuse();
    // The second request is not sent.
    for _ in 0..2 {
        let refused = product.admin(REFRESH, symbol("AAPL")).await;
        assert_eq!(refused.code(), "UNAVAILABLE", "{}", refused.text);
        let message = "the provider alphavantage refused the key";
        assert_eq!(refused.error()["message"], message);
        let retry_after = &refused.error()["extensions"]["retryAfter"];
        let seconds = retry_after.as_u64().expect("seconds");
        assert!((3_000..=3_600).contains(&seconds), "{seconds}");
    }
}

async fn an_alert_is_acknowledged(product: &Product, alert: &str) {
    // A WebSocket can send the token in its connection payload.
    let payload = json!({"authorization": format!("Bearer {ADMIN}")});
    let mut socket = Client::graphql(product, payload).await;
    socket
        .subscribe("m", ACKNOWLEDGE, json!({"id": alert}))
        .await;
    let first = socket.next("m").await["data"]["acknowledgeAlert"].take();
    assert_eq!(first["alert"]["id"], alert);
    assert!(first["alert"]["acknowledgedAt"].is_string(), "{first}");
    // A repeated mutation keeps the first time.
    let again = product
        .admin(ACKNOWLEDGE, json!({"id": alert}))
        .await
        .data();
    assert_eq!(again["acknowledgeAlert"], first);
    let stock = product.ask(r#"{ stock(symbol: "AAPL") { id } }"#).await["stock"]["id"].take();
    for wrong in [json!("x"), stock] {
        let refused = product.admin(ACKNOWLEDGE, json!({"id": wrong})).await;
        assert_eq!(refused.code(), "NOT_FOUND", "{wrong}");
    }
}
