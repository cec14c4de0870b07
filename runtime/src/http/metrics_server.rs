//! The HTTP server for monitoring: `/metrics`, `/livez` and `/readyz`.
//!
//! It runs from before the database is reached until everything else is drained, so that a process
//! is observable while it is not ready.

use std::io;

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::listener::{self, BindError, Timeouts};
use crate::{config::ListenSettings, health::Health, metrics::Metrics};

/// The monitoring server, bound to its address.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    router: Router,
}

impl MetricsServer {
    /// Binds the listener.
    ///
    /// # Errors
    ///
    /// Like [`listener::bind`].
    pub async fn bind(
        settings: &ListenSettings,
        metrics: Metrics,
        health: &Health,
    ) -> Result<Self, BindError> {
        Ok(Self {
            listener: listener::bind(settings).await?,
            router: router(metrics, health),
        })
    }

    /// The address it listens on, for example if the port was set to 0.
    pub fn address(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until it is aborted.
    pub async fn serve(self, timeouts: Timeouts) -> io::Result<()> {
        listener::serve(
            self.listener,
            self.router,
            timeouts,
            listener::plain_text_body,
            CancellationToken::new(),
        )
        .await
    }
}

/// The routes of the monitoring server.
pub fn router(metrics: Metrics, health: &Health) -> Router {
    Router::new()
        .route("/metrics", get(metrics_text))
        .with_state(metrics)
        .merge(health.router())
}

async fn metrics_text(State(metrics): State<Metrics>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)],
        metrics.text(),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;
    use crate::{lifecycle::Lifecycle, random::Random};

    async fn fetch(server: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(server).await.expect("connect");
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("send the request");
        let mut response = String::new();
        stream
            .read_to_string(&mut response)
            .await
            .expect("read the response");
        response.to_ascii_lowercase()
    }

    #[tokio::test]
    async fn metrics_and_health_are_served() {
        let lifecycle = Lifecycle::without_signals(Duration::from_secs(20), Random::seeded(1));
        let shutdown = lifecycle.shutdown();
        let health = Health::new(shutdown);
        let settings = ListenSettings {
            host: "localhost".to_owned(),
            port: 0,
        };
        let server = MetricsServer::bind(&settings, Metrics::new("", ""), &health);
        let server = server.await.expect("a port");
        let address = server.address().expect("an address");
        let second = Duration::from_secs(1);
        let timeouts = Timeouts {
            head: 10 * second,
            write: 10 * second,
            drain: second,
        };
        shutdown.spawn_background("metrics", server.serve(timeouts));

        let metrics = fetch(address, "/metrics").await;
        assert!(metrics.starts_with("http/1.1 200 "), "{metrics}");
        assert!(
            metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{metrics}"
        );
        assert!(metrics.contains("\nstock_tracker_build_info{"), "{metrics}");

        assert!(fetch(address, "/livez").await.starts_with("http/1.1 200 "));
        let unready = fetch(address, "/readyz").await;
        assert!(unready.starts_with("http/1.1 503 "), "{unready}");
        assert!(
            unready.ends_with("the database does not answer\n"),
            "{unready}"
        );
        health.database_answered();
        health.migrated();
        assert!(fetch(address, "/readyz").await.starts_with("http/1.1 200 "));
        shutdown.begin();
        assert!(fetch(address, "/readyz").await.ends_with("draining\n"));
        assert!(fetch(address, "/livez").await.starts_with("http/1.1 200 "));
        assert!(fetch(address, "/other").await.starts_with("http/1.1 404 "));
    }

    #[tokio::test]
    async fn an_error_names_the_address_in_use() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let settings = ListenSettings {
            host: "127.0.0.1".to_owned(),
            port,
        };
        let error = listener::bind(&settings)
            .await
            .expect_err("the port is in use");
        assert_eq!(
            error.to_string(),
            format!("cannot listen on 127.0.0.1:{port}")
        );
    }
}
