//! What signals mean.
//!
//! One invariant: the first SIGTERM or SIGINT asks for an orderly end, the second for an immediate one.
//! [`Lifecycle::start`](super::Lifecycle::start) calls this once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shutdown;

/// Listens from now on, in a task of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "it ends with the process, nothing waits for it"
)]
pub(super) fn listen(shutdown: Shutdown) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, grace = ?shutdown.grace(), "stopping");
        shutdown.begin();
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::warn!(signal = name, "stopping at once");
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
