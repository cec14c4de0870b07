//! Handles signals: the first SIGTERM or SIGINT begins a graceful shutdown, the second aborts it.
//!
//! [`Lifecycle::start`](super::Lifecycle::start) calls this once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shutdown;

/// Installs the handlers and spawns the task that waits for signals.
#[expect(
    clippy::disallowed_methods,
    reason = "ends with the process and is not waited for"
)]
pub(super) fn listen(shutdown: Shutdown) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, grace = ?shutdown.grace(), "stopping");
        shutdown.begin();
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = name, "stopping immediately");
        shutdown.hard().cancel();
    });
    Ok(())
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
