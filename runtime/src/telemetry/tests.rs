//! Tests of the filters of logs and traces, and of the export to a collector.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use tokio::sync::mpsc;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// A writer that collects the log.
#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .expect("not poisoned")
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogBuffer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn logged(filter: &str, debug: bool, work: impl FnOnce()) -> String {
    let settings = LogSettings {
        format: None,
        filter: filter.to_owned(),
        debug,
    };
    let buffer = LogBuffer::default();
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(buffer.clone())
        .with_filter(filter::for_log(&settings));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    let bytes = buffer.0.lock().expect("not poisoned").clone();
    String::from_utf8(bytes).expect("text")
}

#[test]
fn libraries_that_handle_secrets_stay_at_info_whatever_the_filter() {
    let text = logged("trace,hyper=trace,sqlx=debug", true, || {
        tracing::trace!(target: "tungstenite::protocol", "S3CRET");
        tracing::trace!(target: "tokio_tungstenite", "S3CRET");
        tracing::debug!(target: "hyper_util::client", "S3CRET");
        tracing::debug!(target: "h2::codec", "S3CRET");
        tracing::debug!(target: "reqwest::connect", "S3CRET");
        tracing::debug!(target: "sqlx::query", "S3CRET");
        tracing::trace!(target: "sea_orm::driver::sqlx_postgres", "S3CRET");
        tracing::info!(target: "sqlx::pool", "plain");
        tracing::trace!(target: "tracker::poll", "ours");
    });
    assert!(!text.contains("S3CRET"), "{text}");
    assert!(text.contains("plain") && text.contains("ours"), "{text}");
}

#[test]
fn debug_raises_only_our_own_crates() {
    let work = || {
        tracing::debug!(target: "tracker::poll", "ours");
        tracing::debug!(target: "mio", "theirs");
        tracing::trace!(target: "api", "too much");
    };
    assert_eq!(logged("info", false, work), "");
    let text = logged("info", true, work);
    assert!(text.contains("ours"), "{text}");
    assert!(
        !text.contains("theirs") && !text.contains("too much"),
        "{text}"
    );
    assert!(logged("off", true, work).contains("ours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_exports_the_remaining_traces() {
    let (sent, mut received) = mpsc::unbounded_channel::<Bytes>();
    let collector = Router::new()
        .route(
            "/v1/traces",
            post(
                |State(sent): State<mpsc::UnboundedSender<Bytes>>, body: Bytes| async move {
                    let _ = sent.send(body);
                },
            ),
        )
        .with_state(sent);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let serving = tokio_util::task::TaskTracker::new();
    serving.spawn(async move { axum::serve(listener, collector).await });

    let endpoint = endpoint.parse().expect("a URL");
    let traces = trace::export(Program::Api, &endpoint).expect("an exporter");
    let layer = trace::layer(&traces).with_filter(super::filter::for_traces());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::debug_span!("a quote arrives").in_scope(|| {});
        tracing::debug_span!(target: "hyper", "a header with a token").in_scope(|| {});
    });
    let telemetry = Telemetry {
        metrics: Metrics::new("", ""),
        traces: Some(traces),
    };
    telemetry.flush(Duration::from_secs(5)).await;

    let body = received.recv().await.expect("traces");
    let holds = |text: &str| body.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(holds("a quote arrives") && holds("stock-tracker-api"));
    assert!(!holds("a header with a token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_collector_does_not_delay_the_flush_beyond_its_timeout() {
    let endpoint = "http://127.0.0.1:1".parse().expect("a URL");
    let traces = trace::export(Program::Api, &endpoint).expect("an exporter");
    let layer = trace::layer(&traces);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info_span!("a quote arrives").in_scope(|| {});
    });
    let telemetry = Telemetry {
        metrics: Metrics::new("", ""),
        traces: Some(traces),
    };
    let begun = std::time::Instant::now();
    telemetry.flush(Duration::from_secs(1)).await;
    assert!(begun.elapsed() < Duration::from_secs(3));
}
