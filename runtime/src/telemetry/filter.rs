//! What is logged and traced.
//!
//! One invariant: libraries that see secrets (URLs with keys, messages with tokens, SQL with values) stay at `info`,
//! whatever `RUST_LOG` says.

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Registry,
    filter::{FilterExt, FilterFn},
    layer::Filter,
};

use super::LogSettings;

/// What `DEBUG` raises.
const OURS: [&str; 7] = [
    "api",
    "entity",
    "migration",
    "runtime",
    "store",
    "tracker",
    "transport",
];

/// How the crates begin that stay at `info`: async-nats traces what it sends, hyper and h2 trace headers, tungstenite whole messages, reqwest and
/// rustls addresses, sqlx and SeaORM statements and the database's URL, OpenTelemetry what it exports.
const CAPPED: [&str; 11] = [
    "async_nats",
    "h2",
    "hyper",
    "opentelemetry",
    "reqwest",
    "rustls",
    "sea_orm",
    "sea_query",
    "sqlx",
    "tokio_tungstenite",
    "tungstenite",
];

/// The settings' filter, with the cap.
pub(super) fn of(settings: &LogSettings) -> impl Filter<Registry> + use<> {
    let raised = if settings.debug {
        OURS.map(|name| format!("{name}=debug")).join(",")
    } else {
        "off".to_owned()
    };
    // Migrations tell every step; that they failed is an error of ours. RUST_LOG may ask for them.
    EnvFilter::builder()
        .parse_lossy(format!("sea_orm_migration=warn,{}", settings.filter))
        .or(EnvFilter::builder().parse_lossy(raised))
        .and(FilterFn::new(is_harmless))
}

/// What is traced: our spans, which cost nothing while nobody exports them, and what is logged within.
pub(super) fn of_traces() -> impl Filter<Registry> + use<> {
    FilterFn::new(|metadata| {
        let ours = || OURS.iter().any(|name| metadata.target().starts_with(name));
        let wanted = *metadata.level() <= Level::INFO || (metadata.is_span() && ours());
        wanted && is_harmless(metadata)
    })
}

fn is_harmless(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO
        || !CAPPED
            .iter()
            .any(|library| metadata.target().starts_with(library))
}
