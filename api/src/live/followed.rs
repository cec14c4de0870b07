//! Writes which stocks the subscribers of this process follow, so that their prices are
//! polled and streamed first.

use std::time::Duration;

use store::Store;

use super::hub::Hub;

/// How often the stocks are written. They count for a minute.
const INTERVAL: Duration = Duration::from_secs(10);
/// Timeout of one write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Writes the followed stocks until the future is dropped. Subscribers of all stocks do not count.
pub(crate) async fn report_followed(store: Store, hub: Hub) {
    loop {
        let stocks = hub.followed();
        if !stocks.is_empty() {
            let following =
                store::priority::follow(store.database.write(), &stocks, store.clock.now());
            if let Err(error) = store::with_timeout(WRITE_TIMEOUT, following).await {
                tracing::debug!(
                    error = error.as_dyn(),
                    "failed to write the followed stocks"
                );
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
