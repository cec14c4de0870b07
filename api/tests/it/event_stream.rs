//! Resuming subscriptions over Server-Sent Events.

use entity::{Cursor, Position};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    answer::Answer,
    archive::{AAPL, ALERTS, Archive, IBM, on_archives},
    process::PATIENCE,
    product::Product,
};

// The cursor is not selected, and the field has an alias.
const PRICES: &str = "subscription($after: Cursor) {
    event: priceUpdates(after: $after, mode: ALL) { symbol price } }";
const ALERTED: &str = "subscription($after: Cursor) { event: alerts(after: $after) { message } }";
const REFUSED: &str = "event: next\ndata: {\"errors\":[";

/// A subscription request, by `POST` or by `GET` like an `EventSource`.
fn request(product: &Product, method: &Method, query: &str, variables: &Value) -> RequestBuilder {
    let request = if method == Method::POST {
        product.post(query, variables)
    } else {
        let variables = variables.to_string();
        product
            .request(Method::GET, "/graphql")
            .query(&[("query", query), ("variables", &variables)])
    };
    request.header("accept", "text/event-stream")
}

/// An open stream.
struct EventStream {
    response: reqwest::Response,
    text: String,
}

impl EventStream {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("a response");
        assert_eq!(response.status(), 200);
        Self {
            response,
            text: String::new(),
        }
    }

    /// The id and the data of the next event.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event == ":" {
                    continue;
                }
                let event = event.strip_prefix("event: next\nid: ");
                let (id, data) = event
                    .and_then(|it| it.split_once("\ndata: "))
                    .expect("an event with an id");
                return (id.to_owned(), serde_json::from_str(data).expect("JSON"));
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("something comes").expect("read");
            let chunk = chunk.expect("not the end");
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }
}

async fn beginning(archive: &Archive) -> Position {
    let query = r#"{ history(symbol: "AAPL", last: 1) { nodes { cursor } } }"#;
    let data = archive.ask(query).await;
    let first = data["history"]["nodes"][0]["cursor"]
        .as_str()
        .expect("a cursor");
    match Cursor::decode(first) {
        Ok(Cursor::Feed(position)) => position,
        other => panic!("{other:?}"),
    }
}

on_archives! {
    async fn a_stream_that_is_cut_after_any_event_resumes_with_the_next(archive) {
        let first = Cursor::Feed(beginning(archive).await).encode();
        let prices: Vec<_> = AAPL.iter().zip(IBM)
            .flat_map(|(aapl, ibm)| [json!({"symbol": "AAPL", "price": aapl}), json!({"symbol": "IBM", "price": ibm})])
            .skip(1)
            .collect();
        let alerts: Vec<_> = ALERTS.iter().map(|message| json!({"message": message})).collect();
        for (query, expected) in [(PRICES, prices), (ALERTED, alerts)] {
            // The client repeats the same request, as an `EventSource` does.
            let variables = json!({"after": first});
            let mut last = None;
            for (at, expected) in expected.iter().enumerate() {
                let method = if at % 2 == 0 { Method::GET } else { Method::POST };
                let request = request(archive, &method, query, &variables);
                let request = last.iter().fold(request, |request, id: &String| request.header("last-event-id", id));
                let mut stream = EventStream::open(request).await;
                let (id, event) = stream.next().await;
                assert_eq!(event, json!({"data": {"event": expected}}), "{at}");
                last = Some(id);
            }
        }
    }

    async fn a_stream_that_is_cut_in_its_snapshot_resumes_with_the_rest(archive) {
        let request = || request(archive, &Method::GET, PRICES, &json!({}));
        let mut whole = EventStream::open(request()).await;
        let mut ids = Vec::new();
        for price in ["118.45", "48"] {
            let (id, event) = whole.next().await;
            assert_eq!(event["data"]["event"]["price"], price);
            assert_eq!(event["extensions"]["delivery"]["snapshot"], true);
            ids.push(id);
        }
        let mut rest = EventStream::open(request().header("last-event-id", &ids[0])).await;
        let (id, event) = rest.next().await;
        assert_eq!((&id, event), (&ids[1], json!({"data": {"event": {"symbol": "IBM", "price": "48"}}})));
        // The id is the same cursor as everywhere else.
        let history = archive.ask(r#"{ history(symbol: "IBM", first: 1) { nodes { cursor } } }"#).await;
        assert_eq!(history["history"]["nodes"][0]["cursor"], *id);
    }

    async fn an_id_that_cannot_be_resumed_from_is_rejected_like_a_cursor(archive) {
        let first = beginning(archive).await;
        let cursor = |position| Cursor::Feed(position).encode();
        let stocks = archive.ask("{ stocks(first: 1) { edges { cursor } } }").await;
        let of_list = stocks["stocks"]["edges"][0]["cursor"].as_str().expect("a cursor");
        let other = cursor(Position { epoch: first.epoch + 1, ..first });
        let beyond = cursor(Position { seq: first.seq + 1_000_000, ..first });
        let valid = json!({"after": cursor(first)});
        for query in [PRICES, ALERTED] {
            for id in ["x", "\u{e4}", of_list, &other, &beyond] {
                for method in [Method::GET, Method::POST] {
                    let request = request(archive, &method, query, &valid);
                    let answer = Answer::to(request.header("last-event-id", id.as_bytes())).await;
                    assert_eq!(answer.status, 200, "{id}");
                    assert!(answer.text.starts_with(REFUSED), "{id}: {}", answer.text);
                    assert!(answer.text.contains(r#""reason":"CURSOR_EXPIRED""#), "{id}: {}", answer.text);
                    assert!(answer.text.contains(r#""code":"BAD_USER_INPUT""#), "{id}: {}", answer.text);
                    assert!(answer.text.ends_with("\n\nevent: complete\ndata:\n\n"), "{id}: {}", answer.text);
                }
            }
            // An empty id is ignored.
            let request = request(archive, &Method::GET, query, &valid).header("last-event-id", "");
            EventStream::open(request).await.next().await;
        }
        let query = archive.post("{ stocks { totalCount } }", &json!({})).header("last-event-id", "x");
        assert_eq!(Answer::to(query).await.data()["stocks"]["totalCount"], 3);
    }
}
