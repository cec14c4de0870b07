//! A stock's newest prices.
//!
//! One invariant: they are the newest without a gap, so that a page that lies wholly within them is exact.

use std::{cmp::Reverse, collections::VecDeque};

use entity::{Position, Price};
use store::{
    page::{Page, Span},
    price::Recorded,
};

use super::page;

/// The newest prices, newest first.
#[derive(Debug)]
pub(super) struct Recent {
    prices: VecDeque<Price>,
    /// Whether there are no older ones.
    whole: bool,
}

impl Recent {
    /// The first page of a stock's prices.
    pub(super) fn new(page: Page<Price>) -> Self {
        Self {
            prices: page.rows.into(),
            whole: !page.has_next,
        }
    }

    /// Takes in a new price, and forgets the oldest beyond `most`.
    pub(super) fn put(&mut self, price: Price, most: usize) {
        self.prices.push_front(price);
        if self.prices.len() > most {
            self.prices.truncate(most);
            self.whole = false;
        }
    }

    /// A page, if it lies wholly within what is here.
    pub(super) fn page(&self, recorded: Recorded, span: &Span<Position>) -> Option<Page<Price>> {
        let wanted = |price: &&Price| {
            let at = price.recorded_at;
            recorded.from.is_none_or(|from| at >= from) && recorded.to.is_none_or(|to| at < to)
        };
        let rows: Vec<&Price> = self.prices.iter().filter(wanted).collect();
        let key = |position: &Position| Reverse((position.recorded_at, position.seq));
        let place = |price: &Price| Reverse((price.recorded_at, price.seq));
        let bounds = [&span.after, &span.before];
        let [after, before] = bounds.map(|at| at.as_ref().map(key));
        let page = page::page(&rows, place, after, before, span.limit, span.from_end);
        // Whether the list goes on below what is here does not matter where the page ends above it.
        let below = self.prices.back().zip(recorded.from);
        let reaches = below.is_some_and(|(oldest, from)| oldest.recorded_at < from);
        let ends_here = !span.from_end && page.has_next && span.before.is_none();
        (self.whole || reaches || ends_here).then_some(page)
    }
}
