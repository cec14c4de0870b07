//! Filters of logs and traces.
//!
//! Libraries that handle secrets (URLs with keys, messages with tokens, SQL with values) stay at
//! `info` whatever `RUST_LOG` is.

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Registry,
    filter::{FilterExt, FilterFn},
    layer::Filter,
};

use super::LogSettings;

/// The crates of this workspace, which `DEBUG` raises to `debug`.
const OWN_CRATES: [&str; 9] = [
    "api",
    "delivery",
    "entity",
    "market",
    "migration",
    "runtime",
    "store",
    "tracker",
    "transport",
];

/// Prefixes of the crates that stay at `info`. async-nats traces what it sends, hyper and h2
/// headers, tungstenite whole messages, reqwest and rustls addresses, sqlx and SeaORM statements
/// and the URL of the database, OpenTelemetry what it exports.
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

/// Returns the filter of the log: `RUST_LOG` and `DEBUG`, without debug events of the capped
/// libraries.
pub(super) fn for_log(settings: &LogSettings) -> impl Filter<Registry> + use<> {
    let raised = if settings.debug {
        OWN_CRATES.map(|name| format!("{name}=debug")).join(",")
    } else {
        "off".to_owned()
    };
    // Migrations log every step at info. RUST_LOG can still enable that.
    EnvFilter::builder()
        .parse_lossy(format!("sea_orm_migration=warn,{}", settings.filter))
        .or(EnvFilter::builder().parse_lossy(raised))
        .and(FilterFn::new(is_harmless))
}

/// Returns the filter of traces: the spans of our own crates, and events from `info` on.
pub(super) fn for_traces() -> impl Filter<Registry> + use<> {
    FilterFn::new(|metadata| {
        let is_own = || {
            OWN_CRATES
                .iter()
                .any(|name| metadata.target().starts_with(name))
        };
        let wanted = *metadata.level() <= Level::INFO || (metadata.is_span() && is_own());
        wanted && is_harmless(metadata)
    })
}

/// Whether the event cannot contain a secret.
fn is_harmless(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO
        || !CAPPED
            .iter()
            .any(|library| metadata.target().starts_with(library))
}
