//! Serves the tests' schema on the port that is given, for audits by other programs:
//! `cargo run -p transport --example serve -- 4000`.

#[path = "../tests/it/demo.rs"]
mod demo;

use std::net::{Ipv4Addr, SocketAddr};

use transport::{SchemaService, Transport};

#[tokio::main]
#[expect(clippy::disallowed_methods, reason = "an example reads its own port")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or(4000);
    let schema = demo::schema(demo::Counter::default());
    let router = Transport::new(SchemaService(schema)).router("/graphql");
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    axum::serve(
        listener,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .await
}
