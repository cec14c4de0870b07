//! The newest prices of a stock in memory, and pages of them.

use std::{cmp::Reverse, collections::VecDeque};

use entity::{Position, Price};
use store::{
    page::{Page, Span},
    price::Recorded,
};

use super::page;

/// The newest prices of a stock, newest first, without a gap.
#[derive(Debug)]
pub(super) struct RecentPrices {
    prices: VecDeque<Price>,
    /// Whether the stock has no older prices.
    is_complete: bool,
}

impl RecentPrices {
    /// Creates the list from the first page of a stock's prices.
    pub(super) fn new(page: Page<Price>) -> Self {
        Self {
            prices: page.rows.into(),
            is_complete: !page.has_next,
        }
    }

    /// Adds a new price, and drops the oldest beyond `capacity`.
    pub(super) fn push(&mut self, price: Price, capacity: usize) {
        self.prices.push_front(price);
        if self.prices.len() > capacity {
            self.prices.truncate(capacity);
            self.is_complete = false;
        }
    }

    /// Returns a page of the stock's prices, or `None` if it may contain prices that are not in
    /// memory. Prices up to `pruned_seq` are ignored: retention may have deleted them.
    pub(super) fn page(
        &self,
        recorded: Recorded,
        span: &Span<Position>,
        pruned_seq: i64,
    ) -> Option<Page<Price>> {
        let retained = self.prices.partition_point(|price| price.seq > pruned_seq);
        let is_complete = self.is_complete && retained == self.prices.len();
        let is_selected = |price: &&Price| {
            let at = price.recorded_at;
            recorded.from.is_none_or(|from| at >= from) && recorded.to.is_none_or(|to| at < to)
        };
        let retained = self.prices.range(..retained);
        let oldest = retained.clone().next_back();
        let rows: Vec<&Price> = retained.filter(is_selected).collect();
        let key_of = |position: &Position| Reverse((position.recorded_at, position.seq));
        let key = |price: &Price| Reverse((price.recorded_at, price.seq));
        let [after, before] =
            [&span.after, &span.before].map(|position| position.as_ref().map(key_of));
        let page = page::page(&rows, key, after, before, span.limit, span.from_end);
        // Older prices are not selected.
        let is_bounded = oldest
            .zip(recorded.from)
            .is_some_and(|(oldest, from)| oldest.recorded_at < from);
        // If the page is followed by a price in memory, older prices do not affect it.
        (is_complete || is_bounded || page.has_next).then_some(page)
    }
}
