//! The listener for those who watch: `/metrics`, `/livez`, `/readyz`.
//!
//! One invariant: it answers from before the database is reached until everything else is drained, so that an
//! unready process is seen and not guessed. Each `main` starts it first and spawns it as a companion.

use std::io;

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::listener::{self, BindError, Patience};
use crate::{config::ListenSettings, health::Health, metrics::Metrics};

/// The metrics listener, bound.
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
    /// As [`listener::bind`].
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

    /// Where it listens, for settings that let the system choose.
    pub fn address(&self) -> io::Result<std::net::SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves for ever.
    pub async fn serve(self, patience: Patience) -> io::Result<()> {
        listener::serve(
            self.listener,
            self.router,
            patience,
            listener::plain_refusal,
            CancellationToken::new(),
        )
        .await
    }
}

/// The routes of the metrics listener.
pub fn router(metrics: Metrics, health: &Health) -> Router {
    Router::new()
        .route("/metrics", get(text))
        .with_state(metrics)
        .merge(health.router())
}

async fn text(State(metrics): State<Metrics>) -> impl IntoResponse {
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

    async fn ask(server: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(server).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("it answers");
        answer.to_ascii_lowercase()
    }

    #[tokio::test]
    async fn those_who_watch_are_answered() {
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
        let patience = Patience {
            head: 10 * second,
            write: 10 * second,
            leave: second,
        };
        shutdown.spawn_companion("metrics", server.serve(patience));

        let metrics = ask(address, "/metrics").await;
        assert!(metrics.starts_with("http/1.1 200 "), "{metrics}");
        assert!(
            metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{metrics}"
        );
        assert!(metrics.contains("\nstock_tracker_build_info{"), "{metrics}");

        assert!(ask(address, "/livez").await.starts_with("http/1.1 200 "));
        let unready = ask(address, "/readyz").await;
        assert!(unready.starts_with("http/1.1 503 "), "{unready}");
        assert!(
            unready.ends_with("the database does not answer\n"),
            "{unready}"
        );
        health.database_answered();
        health.migrated();
        assert!(ask(address, "/readyz").await.starts_with("http/1.1 200 "));
        shutdown.begin();
        assert!(ask(address, "/readyz").await.ends_with("draining\n"));
        assert!(ask(address, "/livez").await.starts_with("http/1.1 200 "));
        assert!(ask(address, "/other").await.starts_with("http/1.1 404 "));
    }

    #[tokio::test]
    async fn a_taken_port_is_told_in_one_line() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let settings = ListenSettings {
            host: "127.0.0.1".to_owned(),
            port,
        };
        let error = listener::bind(&settings).await.expect_err("it is taken");
        assert_eq!(
            error.to_string(),
            format!("cannot listen on 127.0.0.1:{port}")
        );
    }
}
