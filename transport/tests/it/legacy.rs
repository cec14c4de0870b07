//! Tests of the WebSocket subprotocol `graphql-ws` (of subscriptions-transport-ws).

use serde_json::{Value, json};

use crate::{app::App, client::Client};

async fn connect(app: &App) -> Client {
    Client::open(app, "graphql-ws", &[]).await.expect("open")
}

async fn ready(app: &App) -> Client {
    let mut client = connect(app).await;
    client
        .send(&json!({"type": "connection_init", "payload": {}}))
        .await;
    assert_eq!(client.receive().await, json!({"type": "connection_ack"}));
    assert_eq!(client.receive().await, json!({"type": "ka"}));
    client
}

async fn start(client: &mut Client, id: &str, query: &str) {
    let payload = json!({"query": query});
    client
        .send(&json!({"type": "start", "id": id, "payload": payload}))
        .await;
}

fn data(id: &str, data: &Value) -> Value {
    json!({"id": id, "type": "data", "payload": {"data": data}})
}

#[tokio::test]
async fn an_operation_starts_and_completes() {
    let app = App::start().await;
    let mut client = ready(&app).await;
    start(&mut client, "1", "subscription { count(to: 1) }").await;
    assert_eq!(client.receive().await, data("1", &json!({"count": 1})));
    assert_eq!(
        client.receive().await,
        json!({"id": "1", "type": "complete"})
    );
    app.log.wait_for("graphql_ws closed: Complete").await;
    client.send(&json!({"type": "connection_terminate"})).await;
    assert_eq!(client.closed().await.0, 1000);
}

#[tokio::test]
async fn a_rejected_operation_is_one_error() {
    let app = App::start().await;
    let mut client = ready(&app).await;
    start(&mut client, "1", "{ nope }").await;
    let error = client.receive().await;
    assert_eq!(error["type"], "error");
    let code = "GRAPHQL_VALIDATION_FAILED";
    assert_eq!(error["payload"]["extensions"]["code"], code);
    assert_eq!(error["payload"]["errors"][0]["extensions"]["code"], code);
    start(&mut client, "2", "{ value }").await;
    assert_eq!(client.receive().await, data("2", &json!({"value": 0})));
}

#[tokio::test]
async fn a_wrong_token_is_a_connection_error_and_closes() {
    let app = App::start().await;
    let mut client = connect(&app).await;
    let payload = json!({"authorization": "Bearer bad"});
    client
        .send(&json!({"type": "connection_init", "payload": payload}))
        .await;
    let error = client.receive().await;
    assert_eq!(
        error,
        json!({"type": "connection_error", "payload": {"message": "wrong token"}})
    );
    assert_eq!(client.closed().await.0, 4403);
}

#[tokio::test]
async fn an_operation_does_not_require_connection_init() {
    let app = App::start().await;
    let mut client = connect(&app).await;
    start(&mut client, "1", "{ value }").await;
    assert_eq!(client.receive().await["type"], "connection_ack");
    assert_eq!(client.receive().await["type"], "ka");
    assert_eq!(client.receive().await, data("1", &json!({"value": 0})));
}

#[tokio::test]
async fn a_repeated_id_replaces_the_operation() {
    let app = App::start().await;
    let mut client = ready(&app).await;
    start(&mut client, "1", "subscription { silence }").await;
    app.log.wait_for("subscription ok").await;
    start(&mut client, "1", "{ value }").await;
    assert_eq!(client.receive().await, data("1", &json!({"value": 0})));
    app.log.wait_for("graphql_ws closed: Unsubscribed").await;
    client.send(&json!({"type": "stop", "id": "1"})).await;
    client.send_text("nonsense").await;
    assert_eq!(client.receive().await["type"], "complete");
    assert_eq!(client.closed().await.0, 4400);
}
