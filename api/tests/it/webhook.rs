//! Webhooks: alerts reach their receivers, with a log, whatever happens in between.

mod crash;
mod settings;

use serde_json::{Value, json};

use crate::{
    databases::on_both,
    exchange::Exchange,
    process::until,
    product::Product,
    receiver::{Received, Receiver, Reply},
};

const CREATE: &str = "mutation($input: CreateWebhookInput!) { createWebhook(input: $input) {
    secret webhook { id url description format symbols rules { id } enabled disabledReason pending lastDeliveredAt } } }";
const UPDATE: &str = "mutation($input: UpdateWebhookInput!) { updateWebhook(input: $input) {
    webhook { id url enabled disabledReason symbols } } }";
const ROTATE: &str = "mutation($id: ID!) { rotateWebhookSecret(input: {id: $id}) { secret } }";
const REDELIVER: &str = "mutation($alert: ID!, $webhook: ID!) {
    redeliverAlert(input: {alertId: $alert, webhookId: $webhook}) { delivery { state nextAttemptAt } } }";
const LOG: &str = "{ webhooks { id enabled disabledReason pending lastDeliveredAt note
    deliveries { nodes { state nextAttemptAt alert { id symbol } attempts { status error durationMs } } } } }";
/// A rule that fires whenever its stock rises to 105.
const RULE: &str = "mutation($symbol: Symbol!) { createAlertRule(input: {
    symbol: $symbol, kind: CROSSES_ABOVE, threshold: \"105\", trigger: EVERY_TIME, name: \"over 105\"}) { alertRule { id } } }";

/// Settings that allow a receiver on this machine.
const LOCAL: (&str, &str) = ("WEBHOOK_ALLOW_PRIVATE", "true");

/// Creates a webhook. Returns its id and signing key.
async fn create(product: &Product, input: Value) -> (String, String) {
    let created = product.admin(CREATE, json!({ "input": input })).await;
    let created = created.data()["createWebhook"].take();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&created["webhook"]["id"]), text(&created["secret"]))
}

/// Waits until the log of the webhooks is as wanted.
async fn logged<T>(product: &Product, what: &str, find: impl Fn(&Value) -> Option<T>) -> T {
    until(
        what,
        || product.last_words(),
        async || {
            let log = product.admin(LOG, json!({})).await;
            find(&log.data()["webhooks"])
        },
    )
    .await
}

/// Waits until a stock has this price.
async fn priced(product: &Product, symbol: &str, price: &str) {
    let query = format!("{{ stock(symbol: \"{symbol}\") {{ latestPrice {{ price }} }} }}");
    let is_stored = |data: &Value| (data["stock"]["latestPrice"]["price"] == *price).then_some(());
    product
        .until_data("the price is stored", &query, is_stored)
        .await;
}

/// Makes the rule of [`RULE`] fire once more.
async fn fire(product: &Product, exchange: &Exchange, symbol: &str) {
    for price in ["100", "106"] {
        exchange.quote(symbol, price, "104");
        priced(product, symbol, price).await;
    }
}

/// Waits for this number of requests.
async fn requests(product: &Product, receiver: &Receiver, count: usize) -> Vec<Received> {
    let arrived = async || {
        let sent = receiver.received();
        (sent.len() >= count).then_some(sent)
    };
    until("requests arrive", || product.last_words(), arrived).await
}

on_both! {
    async fn an_alert_is_sent_with_a_signature_and_a_log(home) {
        let (exchange, receiver) = (Exchange::open().await, Receiver::open().await);
        exchange.quote("AAPL", "100", "104");
        exchange.quote("IBM", "100", "104");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL,IBM"), LOCAL]).await;
        for symbol in ["AAPL", "IBM"] {
            priced(&product, symbol, "100").await;
            product.admin(RULE, json!({"symbol": symbol})).await.data();
        }
        let (webhook, secret) = create(&product, json!({"url": receiver.url, "symbols": ["aapl"], "description": "desk"})).await;
        // That of another symbol is not sent.
        fire(&product, &exchange, "IBM").await;
        fire(&product, &exchange, "AAPL").await;

        let sent = requests(&product, &receiver, 1).await.remove(0);
        sent.assert_signed_with(&secret);
        let alerts = product.ask("{ alerts(symbol: \"AAPL\") { nodes { id message triggeredAt } } }").await;
        let alert = &alerts["alerts"]["nodes"][0];
        assert_eq!((sent.id(), sent.header("content-type")), (alert["id"].as_str().expect("an id").to_owned(), "application/json"));
        let body = sent.json();
        assert_eq!((&body["type"], &body["timestamp"]), (&json!("alert.fired"), &alert["triggeredAt"]));
        assert_eq!((&body["data"]["message"], &body["data"]["rule_name"]), (&alert["message"], &json!("over 105")));
        let shown = product.get("/api/v1/stocks/AAPL/alerts").await.json();
        assert_eq!(body["data"], shown[0], "REST shows the same");

        let delivered = logged(&product, "it is delivered", |log| (log[0]["pending"] == 0 && log[0]["lastDeliveredAt"].is_string()).then(|| log[0].clone())).await;
        let deliveries = delivered["deliveries"]["nodes"].as_array().expect("a list");
        assert_eq!(deliveries.len(), 1, "{delivered}");
        assert_eq!((&deliveries[0]["state"], &deliveries[0]["alert"]["id"]), (&json!("DELIVERED"), &alert["id"]));
        assert_eq!((&deliveries[0]["attempts"][0]["status"], &deliveries[0]["attempts"][0]["error"]), (&json!(204), &Value::Null));
        let of_alert = product.admin("{ alerts(symbol: \"AAPL\") { nodes { deliveries { state } } } }", json!({})).await.data();
        assert_eq!(of_alert["alerts"]["nodes"][0]["deliveries"], json!([{"state": "DELIVERED"}]));

        // A rotation: both keys sign. A redelivery has the same id and the same bytes.
        let rotated = product.admin(ROTATE, json!({"id": webhook})).await.data();
        let new = rotated["rotateWebhookSecret"]["secret"].as_str().expect("a key").to_owned();
        product.admin("mutation { deleteAlertRule(input: {id: \"QWxlcnRSdWxlOjI\"}) { deletedId } }", json!({})).await.data();
        let again = product.admin(REDELIVER, json!({"alert": alert["id"], "webhook": webhook})).await.data();
        assert_eq!(again["redeliverAlert"]["delivery"]["state"], "PENDING");
        let second = requests(&product, &receiver, 2).await.remove(1);
        assert_eq!((second.id(), &second.body), (sent.id(), &sent.body));
        second.assert_signed_with(&secret);
        second.assert_signed_with(&new);
        let lines = product.lines().join("\n");
        for secret in [secret.as_str(), &new, "secret-path", "secret-query"] {
            assert!(!lines.contains(secret), "{secret} is logged");
        }
    }

    async fn failures_are_retried_in_order_and_410_disables(home) {
        let (exchange, receiver) = (Exchange::open().await, Receiver::open().await);
        exchange.quote("AAPL", "100", "104");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL"), LOCAL]).await;
        priced(&product, "AAPL", "100").await;
        product.admin(RULE, json!({"symbol": "AAPL"})).await.data();
        let (webhook, _) = create(&product, json!({"url": receiver.url})).await;
        receiver.replies(|| Reply::Status(500));
        fire(&product, &exchange, "AAPL").await;
        fire(&product, &exchange, "AAPL").await;
        // The second alert waits for the first.
        let waits = logged(&product, "the first attempt failed", |log| {
            let nodes = log[0]["deliveries"]["nodes"].as_array()?;
            (nodes.len() == 2 && !nodes[1]["attempts"].as_array()?.is_empty()).then(|| nodes.clone())
        }).await;
        assert_eq!(waits[0]["attempts"], json!([]), "{waits:?}");
        assert_eq!((&waits[1]["attempts"][0]["status"], &waits[1]["state"]), (&json!(500), &json!("PENDING")));
        assert!(waits[1]["nextAttemptAt"].is_string());

        receiver.replies(|| Reply::Status(200));
        // Both arrive, in order, without further help.
        logged(&product, "both are delivered", |log| (log[0]["pending"] == 0).then_some(())).await;
        let accepted: Vec<String> = receiver.received().iter().filter(|it| it.is_accepted()).map(Received::id).collect();
        let expected: Vec<&Value> = waits.iter().rev().map(|it| &it["alert"]["id"]).collect();
        assert_eq!(json!(accepted), json!(expected));

        receiver.replies(|| Reply::Status(410));
        fire(&product, &exchange, "AAPL").await;
        let gone = logged(&product, "it is disabled", |log| (log[0]["enabled"] == false).then(|| log[0].clone())).await;
        assert_eq!(gone["disabledReason"], "the receiver answered 410 Gone");
        assert_eq!((&gone["deliveries"]["nodes"][0]["state"], &gone["pending"]), (&json!("FAILED"), &json!(0)));
        // An alert that fires now is not for it.
        fire(&product, &exchange, "AAPL").await;
        receiver.replies(|| Reply::Status(200));
        let enabled = product.admin(UPDATE, json!({"input": {"id": webhook, "enabled": true}})).await.data();
        assert_eq!(enabled["updateWebhook"]["webhook"]["disabledReason"], Value::Null);
        product.admin(REDELIVER, json!({"alert": gone["deliveries"]["nodes"][0]["alert"]["id"], "webhook": webhook})).await.data();
        logged(&product, "it is delivered after all", |log| (log[0]["deliveries"]["nodes"][0]["state"] == "DELIVERED").then_some(())).await;
    }
}
