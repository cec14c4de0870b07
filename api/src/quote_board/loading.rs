//! Loads the rows of stocks from the tables.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use store::{RecentPages, RecentSizes, Store};

use super::{QuoteBoard, capacity::Capacity};

/// Maximum number of stocks whose rows are loaded at a start.
const MAX_FILLED: usize = 500;
/// The number of stocks whose rows are read at once. The rows of the database take several times
/// the memory of the values.
const STOCKS_PER_READ: usize = 8;
/// Maximum time to wait until the board is as new as the rows that were read.
const FOLLOW_TIMEOUT: Duration = Duration::from_millis(100);

fn sizes(capacity: Capacity) -> RecentSizes {
    RecentSizes {
        prices: capacity.prices,
        alerts: capacity.alerts,
    }
}

impl QuoteBoard {
    /// Loads the rows of as many stocks as fit, tracked ones first, so that they are in memory
    /// before they are requested.
    pub(crate) async fn fill(&self, store: &Store) -> Result<(), store::Error> {
        let stocks = self.read().to_fill(MAX_FILLED);
        for stocks in stocks.chunks(STOCKS_PER_READ) {
            self.load_rows(store, stocks).await?;
        }
        Ok(())
    }

    /// Whether the rows of one of these stocks are not in memory, but would fit.
    pub(crate) fn lacks_rows(&self, stocks: &[i64]) -> bool {
        self.read().lacks_rows(stocks)
    }

    /// Loads the newest rows of those of `stocks` that are not in memory, at most as many as fit.
    /// Waits for loads that others began.
    pub(crate) async fn load_rows(
        &self,
        store: &Store,
        stocks: &[i64],
    ) -> Result<(), store::Error> {
        let ticket = self.tickets.fetch_add(1, Relaxed);
        let (stocks, others) = self.state.write().begin_loading(stocks, ticket);
        if !stocks.is_empty() {
            let mut load = Load {
                board: self,
                stocks,
                ticket,
                pages: None,
            };
            let sizes = sizes(self.read().capacity);
            let pages = store::recent(store, &load.stocks, sizes).await?;
            self.wait_at_most(pages.position.seq, FOLLOW_TIMEOUT).await;
            load.pages = Some(pages);
        }
        for mut other in others {
            // An error means that the load has ended.
            let _ = other.changed().await;
        }
        Ok(())
    }
}

/// A load of the rows of stocks, which ends when it is dropped.
struct Load<'a> {
    board: &'a QuoteBoard,
    stocks: Vec<i64>,
    ticket: u64,
    pages: Option<RecentPages>,
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let mut state = self.board.state.write();
        state.end_loading(&self.stocks, self.ticket, self.pages.take());
    }
}
