//! Tests of the WebSocket subprotocol `graphql-transport-ws`: messages and close codes.

use std::{sync::atomic::Ordering, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use transport::Limits;

use crate::{
    app::{App, browser},
    client::Client,
};

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn next(id: &str, data: &Value) -> Value {
    json!({"id": id, "type": "next", "payload": {"data": data}})
}

fn complete(id: &str) -> Value {
    json!({"id": id, "type": "complete"})
}

#[tokio::test]
async fn subscriptions_queries_and_mutations_run_on_one_socket() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    assert_eq!(client.protocol.as_deref(), Some("graphql-transport-ws"));
    client.subscribe("a", "subscription { count(to: 2) }").await;
    assert_eq!(client.receive().await, next("a", &json!({"count": 1})));
    assert_eq!(client.receive().await, next("a", &json!({"count": 2})));
    assert_eq!(client.receive().await, complete("a"));
    client.subscribe("a", "mutation { increment }").await;
    assert_eq!(client.receive().await, next("a", &json!({"increment": 1})));
    assert_eq!(client.receive().await, complete("a"));
    client.subscribe("b", "{ value }").await;
    assert_eq!(client.receive().await, next("b", &json!({"value": 1})));
    assert_eq!(client.receive().await, complete("b"));
}

#[tokio::test]
async fn a_rejected_operation_is_one_error_without_complete() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nope }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "query A { value } query B { value }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ panics(calmly: false) }", "INTERNAL"),
    ] {
        client.subscribe("x", query).await;
        let error = client.receive().await;
        assert_eq!(error["type"], "error", "{error}");
        assert_eq!(error["payload"][0]["extensions"]["code"], code, "{error}");
    }
    client.subscribe("x", "{ fails }").await;
    assert_eq!(
        client.receive().await["payload"]["data"],
        json!({"fails": null})
    );
    assert_eq!(
        client.receive().await,
        complete("x"),
        "errors of fields are data's"
    );
}

#[tokio::test]
async fn a_panic_ends_only_its_subscription() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "subscription { breaks }").await;
    assert_eq!(client.receive().await, next("a", &json!({"breaks": 1})));
    let error = client.receive().await;
    assert_eq!(
        error["payload"][0]["extensions"]["code"], "INTERNAL",
        "{error}"
    );
    client.subscribe("a", "{ value }").await;
    assert_eq!(client.receive().await, next("a", &json!({"value": 0})));
}

#[tokio::test]
async fn messages_are_handled_in_order_without_waiting_for_the_acknowledgement() {
    let app = App::start().await;
    let mut client = Client::modern(&app).await;
    client.send(&json!({"type": "connection_init"})).await;
    client.subscribe("a", "{ value }").await;
    assert_eq!(client.receive().await["type"], "connection_ack");
    assert_eq!(client.receive().await["type"], "next");
}

#[tokio::test]
async fn a_completed_operation_sends_nothing_and_frees_its_id() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "subscription { silence }").await;
    app.log.wait_for("subscription ok").await;
    client.send(&json!({"type": "complete", "id": "a"})).await;
    client
        .send(&json!({"type": "complete", "id": "unknown"}))
        .await;
    client.subscribe("a", "{ value }").await;
    assert_eq!(client.receive().await, next("a", &json!({"value": 0})));
    app.log
        .wait_for("graphql_transport_ws closed: Unsubscribed")
        .await;
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload() {
    let app = App::start().await;
    let mut client = Client::modern(&app).await;
    client
        .send(&json!({"type": "ping", "payload": {"a": [1]}}))
        .await;
    assert_eq!(
        client.receive().await,
        json!({"type": "pong", "payload": {"a": [1]}})
    );
    client.send(&json!({"type": "pong"})).await;
    client.send(&json!({"type": "ping"})).await;
    assert_eq!(client.receive().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn an_invalid_message_closes_with_4400() {
    let app = App::start().await;
    for text in ["x", "{}", r#"{"type":"next","id":"1","payload":{}}"#] {
        let mut client = Client::ready(&app).await;
        client.send_text(text).await;
        assert_eq!(client.closed().await.0, 4400, "{text}");
    }
    let mut client = Client::ready(&app).await;
    client
        .socket
        .send(Message::binary("{}"))
        .await
        .expect("sent");
    assert_eq!(client.closed().await.0, 4400);
    app.log.wait_for("graphql_transport_ws departed").await;
}

#[tokio::test]
async fn an_operation_before_connection_init_closes_with_4401() {
    let app = App::start().await;
    let mut client = Client::modern(&app).await;
    client.subscribe("a", "{ value }").await;
    assert_eq!(client.closed().await, (4401, "Unauthorized".to_owned()));
}

#[tokio::test]
async fn a_wrong_token_from_any_source_closes_with_4403() {
    let app = App::start().await;
    let init = json!({"type": "connection_init"});
    let bad = json!({"type": "connection_init", "payload": {"authorization": "Bearer bad"}});
    let odd = json!({"type": "connection_init", "payload": {"authorization": 1}});
    let header = [("authorization", "Bearer bad")];
    for (protocols, headers, init) in [
        ("graphql-transport-ws", &header[..], &init),
        ("graphql-transport-ws, bearer.bad", &[], &init),
        ("graphql-transport-ws", &[], &bad),
        (
            "graphql-transport-ws",
            &[("authorization", "Bearer good")],
            &bad,
        ),
        ("graphql-transport-ws", &[], &odd),
    ] {
        let mut client = Client::open(&app, protocols, headers).await.expect("open");
        client.send(init).await;
        assert_eq!(client.closed().await.0, 4403, "{protocols} {headers:?}");
    }
}

#[tokio::test]
async fn a_valid_token_is_accepted_from_any_source() {
    let app = App::start_with(Limits::default(), true, |transport| transport).await;
    let init = json!({"type": "connection_init"});
    let good = json!({"type": "connection_init", "payload": {"Authorization": "Bearer good"}});
    let header = [("authorization", "Bearer good")];
    for (protocols, headers, init) in [
        ("graphql-transport-ws", &header[..], &init),
        ("bearer.good, graphql-transport-ws", &[], &init),
        ("graphql-transport-ws", &[], &good),
        (
            "graphql-transport-ws",
            &[("authorization", "Bearer bad")],
            &good,
        ),
    ] {
        let mut client = Client::open(&app, protocols, headers).await.expect("open");
        assert_eq!(client.protocol.as_deref(), Some("graphql-transport-ws"));
        client.send(init).await;
        assert_eq!(client.receive().await["type"], "connection_ack");
    }
    let mut anonymous = Client::modern(&app).await;
    anonymous.send(&init).await;
    assert_eq!(anonymous.closed().await.0, 4403);
}

#[tokio::test]
async fn the_error_for_a_missing_token_contains_the_expected_payload() {
    let app = App::start_with(Limits::default(), true, |transport| transport).await;
    let long = "x".repeat(500);
    let wanted = r#"no token: send {"authorization": "Bearer …"} as the payload"#;
    let refused = |other: &str| format!("{wanted}{other}");
    for (payload, reason) in [
        (json!(null), refused("")),
        (json!({"token": "good"}), refused(r#", not "token""#)),
        (
            json!({"headers": {"Authorization": "Bearer good"}}),
            refused(r#", not "headers""#),
        ),
        (json!({&*long: "good"}), refused("")),
        (
            json!({"authorization": "Bearer good", "Authorization": "Bearer good"}),
            "the payload must have one `authorization`, a string".to_owned(),
        ),
    ] {
        let init = json!({"type": "connection_init", "payload": payload});
        let mut client = Client::modern(&app).await;
        client.send(&init).await;
        assert_eq!(client.closed().await, (4403, reason.clone()));
        let mut client = Client::open(&app, "graphql-ws", &[]).await.expect("open");
        client.send(&init).await;
        let error = client.receive().await;
        assert_eq!(error["payload"]["message"], *reason);
    }
    // Without a required token, other keys of the payload are ignored.
    let open = App::start().await;
    let mut client = Client::modern(&open).await;
    client
        .send(&json!({"type": "connection_init", "payload": {"token": "good"}}))
        .await;
    assert_eq!(client.receive().await, json!({"type": "connection_ack"}));
}

#[tokio::test]
async fn an_unknown_subprotocol_closes_with_4406() {
    let app = App::start().await;
    for protocols in ["", "mqtt", "mqtt, bearer.good"] {
        let mut client = Client::open(&app, protocols, &[]).await.expect("open");
        let reason = "Subprotocol not acceptable".to_owned();
        assert_eq!(client.closed().await, (4406, reason), "{protocols}");
    }
}

#[tokio::test]
async fn the_modern_subprotocol_is_preferred() {
    let app = App::start().await;
    let client = Client::open(&app, "graphql-ws, graphql-transport-ws", &[]).await;
    let protocol = client.expect("open").protocol;
    assert_eq!(protocol.as_deref(), Some("graphql-transport-ws"));
}

#[tokio::test]
async fn a_missing_connection_init_closes_with_4408() {
    let app = App::limited(Limits {
        init_timeout: millis(30),
        ..Limits::default()
    })
    .await;
    let mut client = Client::modern(&app).await;
    let reason = "Connection initialisation timeout".to_owned();
    assert_eq!(client.closed().await, (4408, reason));
}

#[tokio::test]
async fn a_duplicate_id_closes_with_4409() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "subscription { silence }").await;
    client.subscribe("a", "{ value }").await;
    let reason = "Subscriber for a already exists".to_owned();
    assert_eq!(client.closed().await, (4409, reason));
}

#[tokio::test]
async fn a_second_connection_init_closes_with_4429() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    client.send(&json!({"type": "connection_init"})).await;
    let reason = "Too many initialisation requests".to_owned();
    assert_eq!(client.closed().await, (4429, reason));
}

#[tokio::test]
async fn a_large_message_closes_with_1009_while_it_is_being_sent() {
    let app = App::start().await;
    let client = Client::ready(&app).await;
    let (mut sink, mut stream) = client.socket.split();
    let huge = Message::text(" ".repeat(8 << 20));
    let sending = app.tasks.spawn(async move {
        // The server may disconnect before all of it is sent.
        let _ = sink.send(huge).await;
        sink
    });
    let code = loop {
        if let Message::Close(frame) = stream.next().await.expect("a close").expect("a frame") {
            break frame.expect("a code").code;
        }
    };
    assert_eq!(u16::from(code), 1009);
    drop(sending.await);
}

#[tokio::test]
async fn a_message_of_the_maximum_size_is_accepted() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    let ping = r#"{"type":"ping"}"#;
    client
        .send_text(&format!("{ping}{}", " ".repeat((1 << 20) - ping.len())))
        .await;
    assert_eq!(client.receive().await["type"], "pong");
}

#[tokio::test]
async fn an_overloaded_subscription_closes_with_1013() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    let payload = json!({
        "query": "subscription Overload { silence }",
        "operationName": "Overload",
    });
    client
        .send(&json!({"type": "subscribe", "id": "a", "payload": payload}))
        .await;
    assert_eq!(client.receive().await["type"], "next");
    assert_eq!(client.closed().await.0, 1013);
    app.log
        .wait_for("graphql_transport_ws delivered, missed 2")
        .await;
    app.log
        .wait_for("graphql_transport_ws closed: Overloaded")
        .await;
}

#[tokio::test]
async fn operations_beyond_the_limit_are_rejected_without_closing() {
    let app = App::limited(Limits {
        operations_per_socket: 2,
        ..Limits::default()
    })
    .await;
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "subscription { silence }").await;
    client.subscribe("b", "subscription { silence }").await;
    client.subscribe("c", "{ value }").await;
    let error = client.receive().await;
    assert_eq!(error["id"], "c");
    assert_eq!(error["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    client.send(&json!({"type": "complete", "id": "a"})).await;
    client.subscribe("c", "{ value }").await;
    assert_eq!(client.receive().await, next("c", &json!({"value": 0})));
}

#[tokio::test]
async fn the_rate_limit_rejects_operations_without_closing() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    app.admits.store(0, Ordering::SeqCst);
    client.subscribe("a", "{ value }").await;
    let error = client.receive().await;
    assert_eq!(
        error["payload"][0]["extensions"]["retryAfter"], 7,
        "{error}"
    );
    app.admits.store(1, Ordering::SeqCst);
    client.subscribe("a", "{ value }").await;
    assert_eq!(client.receive().await, next("a", &json!({"value": 0})));
}

#[tokio::test]
async fn sockets_are_limited_by_address_and_in_total() {
    let limits = Limits::default();
    for (limits, status) in [
        (
            Limits {
                connections_per_address: 1,
                ..limits.clone()
            },
            429,
        ),
        (
            Limits {
                connections: 1,
                ..limits
            },
            503,
        ),
    ] {
        let app = App::limited(limits).await;
        let mut one = Client::ready(&app).await;
        let two = Client::open(&app, "graphql-transport-ws", &[]).await;
        assert_eq!(two.err(), Some(status));
        one.socket.close(None).await.expect("closed");
        app.log.wait_for("graphql_transport_ws departed").await;
        app.tasks.close();
        app.tasks.wait().await;
        Client::ready(&app).await;
    }
}

#[tokio::test]
async fn a_shutdown_closes_with_1001() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "subscription { silence }").await;
    app.log.wait_for("subscription ok").await;
    app.drain.cancel();
    client.subscribe("b", "{ value }").await;
    assert_eq!(
        client.receive().await["id"],
        "b",
        "until its turn it is served"
    );
    assert_eq!(client.receive().await, complete("b"));
    assert_eq!(client.closed().await.0, 1001);
    app.log
        .wait_for("graphql_transport_ws closed: GoingAway")
        .await;
    let late = Client::open(&app, "graphql-transport-ws", &[]).await;
    assert_eq!(late.err(), Some(503));
    drop(client);
    app.tasks.close();
    app.tasks.wait().await;
}

#[tokio::test]
async fn running_operations_complete_during_a_shutdown() {
    let app = App::start().await;
    let mut client = Client::ready(&app).await;
    client.subscribe("a", "subscription { silence }").await;
    app.log.wait_for("subscription ok").await;
    client.subscribe("b", "{ sleeps(millis: 400) }").await;
    // The reply to the second operation shows that the first one is running.
    client.send(&json!({"type": "ping"})).await;
    assert_eq!(client.receive().await["type"], "pong");
    app.drain.cancel();
    assert_eq!(client.receive().await, next("b", &json!({"sleeps": true})));
    assert_eq!(client.receive().await, complete("b"));
    assert_eq!(client.closed().await.0, 1001);
}

#[tokio::test]
async fn a_client_that_only_answers_pings_stays_connected() {
    let app = App::limited(Limits {
        heartbeat_interval: millis(20),
        idle_timeout: millis(400),
        ..Limits::default()
    })
    .await;
    let mut client = Client::ready(&app).await;
    for _ in 0..40 {
        let frame = client.socket.next().await.expect("open").expect("frame");
        assert!(matches!(frame, Message::Ping(_)), "{frame:?}");
        client.socket.flush().await.expect("the pong");
    }
}

#[tokio::test]
async fn bytes_of_an_incomplete_frame_count_as_activity() {
    let app = App::limited(Limits {
        idle_timeout: millis(300),
        ..Limits::default()
    })
    .await;
    let mut client = Client::ready(&app).await;
    let text = br#"{"type":"ping"}"#;
    let wire = client.socket.get_mut();
    // A masked text frame whose mask is zero.
    let mut frame = vec![0x81, 0x80 | 15, 0, 0, 0, 0];
    frame.extend_from_slice(text);
    for byte in frame {
        wire.write_all(&[byte]).await.expect("alive");
        tokio::time::sleep(millis(50)).await;
    }
    assert_eq!(client.receive().await["type"], "pong");
}

#[tokio::test]
async fn the_websocket_path_rejects_other_requests() {
    let app = App::start().await;
    let url = format!("{}/ws", app.url());
    let response = browser().get(url).send().await.expect("response");
    assert_eq!(response.status(), 426);
    assert_eq!(response.headers()["upgrade"], "websocket");
}
