//! Test of the shutdown of a process with many clients.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;
use testkit::TestDatabaseUrl;

use crate::{
    answer::{Answer, browser},
    client::Client,
    exchange::Exchange,
    process::until,
    product::{Home, Product},
};

const GRACE: Duration = Duration::from_secs(12);
const GRAPHQL: usize = 300;
const PLAIN: usize = 150;
const STREAMS: usize = 50;

/// When a client was closed.
type ClosedAt = Instant;

async fn graphql(
    product: &Product,
    is_leaving: &AtomicBool,
) -> impl Future<Output = ClosedAt> + use<> {
    let mut client = Client::graphql(product, json!({})).await;
    client
        .subscribe("p", "subscription { priceUpdates { price } }", json!({}))
        .await;
    client.next("p").await;
    // A request that is in flight when the signal arrives.
    assert!(!is_leaving.load(Ordering::SeqCst));
    client
        .subscribe(
            "q",
            "{ stocks(first: 100) { nodes { latestPrice { price } } } }",
            json!({}),
        )
        .await;
    async move {
        assert_eq!(client.closed().await, 1001);
        Instant::now()
    }
}

async fn plain(product: &Product) -> impl Future<Output = ClosedAt> + use<> {
    let client = Client::plain(product).await;
    async move {
        assert_eq!(client.closed().await, 1001);
        Instant::now()
    }
}

async fn streamed(product: &Product) -> impl Future<Output = ClosedAt> + use<> {
    let request = product.post("subscription { priceUpdates { price } }", &json!({}));
    let request = request.header("accept", "text/event-stream");
    let response = request.send().await.expect("accepted");
    async move {
        let text = response.text().await.expect("a whole response");
        assert!(
            text.contains("event: next") && !text.contains("event: complete"),
            "{text}"
        );
        Instant::now()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_clients_are_closed_one_by_one_after_readiness_fails() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let exchange = Exchange::open().await;
    exchange.quote("AAPL", "100", "100");
    let more = [("DEFAULT_SYMBOLS", "AAPL"), ("SHUTDOWN_GRACE", "12s")];
    let mut product = home.track(&exchange, &more).await;
    let priced = |data: &serde_json::Value| data["stock"]["latestPrice"].as_object().map(|_| ());
    let query = r#"{ stock(symbol: "AAPL") { latestPrice { price } } }"#;
    product
        .until_data("the stock has a price", query, priced)
        .await;
    let is_leaving = Arc::new(AtomicBool::new(false));
    let one = &product;
    let graphql = stream::iter(0..GRAPHQL).map(|_| graphql(one, &is_leaving));
    let graphql: Vec<_> = graphql.buffer_unordered(16).collect().await;
    let plain = stream::iter(0..PLAIN).map(|_| plain(one));
    let plain: Vec<_> = plain.buffer_unordered(16).collect().await;
    let streamed = stream::iter(0..STREAMS).map(|_| streamed(one));
    let streamed: Vec<_> = streamed.buffer_unordered(16).collect().await;

    is_leaving.store(true, Ordering::SeqCst);
    product.api.signal("TERM");
    let signalled = Instant::now();
    let http = browser();
    let url = format!("http://{}/readyz", product.metrics);
    let unready = async {
        until(
            "the process is not ready",
            || product.last_words(),
            async || {
                let answer = http.get(&url).send().await.expect("a response");
                (answer.status() == 503).then_some(())
            },
        )
        .await;
        let unready = Instant::now();
        let answer = Answer::to(product.post("{ __typename }", &json!({}))).await;
        assert_eq!(
            answer.status, 200,
            "everything is still served: {}",
            answer.text
        );
        unready
    };
    let (unready, graphql, plain, streamed) = tokio::join!(
        unready,
        join_all(graphql),
        join_all(plain),
        join_all(streamed)
    );
    assert_eq!(
        product.api.ended().await,
        Some(0),
        "{}",
        product.last_words()
    );
    let ended = signalled.elapsed();
    assert!(ended < GRACE, "{ended:?}");
    for left in [graphql, plain, streamed] {
        let first = *left.iter().min().expect("some");
        let last = *left.iter().max().expect("some");
        assert!(first > unready, "readiness fails first");
        assert!(
            first - signalled >= Duration::from_secs(1),
            "{:?}",
            first - signalled
        );
        // Closing is spread over a third of the grace period, most of which so many clients use.
        assert!(
            last - first > GRACE / 6,
            "not all at once: {:?}",
            last - first
        );
        assert!(last - signalled < GRACE * 2 / 3, "{:?}", last - signalled);
    }
}
