//! Somebody who follows.

use std::sync::Arc;

use super::{
    Hub,
    inbox::{Inbox, Parted},
    run::Happened,
};

/// A place in the hub; it is left when this is dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    hub: Hub,
    id: u64,
    stocks: Option<Vec<i64>>,
    inbox: Arc<Inbox>,
}

impl Reader {
    pub(super) fn new(hub: Hub, id: u64, stocks: Option<Vec<i64>>, inbox: Arc<Inbox>) -> Self {
        Self {
            hub,
            id,
            stocks,
            inbox,
        }
    }

    /// Waits for the next event, and how many before it were skipped in its favour.
    pub(crate) async fn next(&mut self) -> Result<(Arc<Happened>, u64), Parted> {
        self.inbox.take().await
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.leave(self.id, self.stocks.as_deref());
    }
}
