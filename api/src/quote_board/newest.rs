//! The newest rows of a list in memory, and pages of them.

use std::{cmp::Ordering, collections::VecDeque};

use entity::{Alert, Position, Price};
use store::{
    page::{Page, Span},
    price::Recorded,
};

use super::page::{page, partition_point};

/// Approximate size of a small allocation on the heap, beside its content.
const ALLOCATION: usize = 16;

/// A row of a list that is ordered by position, newest first.
pub(super) trait Row {
    /// The position in the feed.
    fn seq(&self) -> i64;

    /// Compares a row with a position, in list order.
    fn order(&self, position: &Position) -> Ordering;

    /// Approximate size on the heap, in bytes.
    fn heap_size(&self) -> usize;
}

impl Row for Price {
    fn seq(&self) -> i64 {
        self.seq
    }

    fn order(&self, at: &Position) -> Ordering {
        (at.recorded_at, at.seq).cmp(&(self.recorded_at, self.seq))
    }

    fn heap_size(&self) -> usize {
        self.symbol.as_str().len() + self.provider.len() + 2 * ALLOCATION
    }
}

impl Row for Alert {
    fn seq(&self) -> i64 {
        self.seq
    }

    fn order(&self, at: &Position) -> Ordering {
        at.seq.cmp(&self.seq)
    }

    fn heap_size(&self) -> usize {
        let name = self.rule_name.as_ref();
        self.symbol.as_str().len() + name.map_or(0, String::len) + 2 * ALLOCATION
    }
}

/// The newest rows of a list, newest first, without a gap.
#[derive(Debug)]
pub(super) struct Newest<T> {
    rows: VecDeque<T>,
    /// Whether the list has no older rows.
    is_complete: bool,
    /// Size of the rows on the heap.
    heap_size: usize,
}

impl<T> Default for Newest<T> {
    /// An empty list.
    fn default() -> Self {
        Self {
            rows: VecDeque::new(),
            is_complete: true,
            heap_size: 0,
        }
    }
}

impl<T: Row> Newest<T> {
    /// Creates the list from the first page of its rows.
    pub(super) fn new(mut page: Page<T>) -> Self {
        page.rows.shrink_to_fit();
        Self {
            heap_size: page.rows.iter().map(T::heap_size).sum(),
            rows: page.rows.into(),
            is_complete: !page.has_next,
        }
    }

    /// Adds a new row, and drops the oldest beyond `capacity`.
    pub(super) fn push(&mut self, row: T, capacity: u32) {
        if capacity == 0 {
            self.is_complete = false;
            return;
        }
        while self.rows.len() >= capacity as usize {
            let dropped = self.rows.pop_back();
            self.heap_size -= dropped.as_ref().map_or(0, T::heap_size);
            self.is_complete = false;
        }
        self.heap_size += row.heap_size();
        self.rows.push_front(row);
    }

    /// Returns the rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &T> {
        self.rows.iter()
    }

    /// Replaces the row at the position of `row`, if it is in memory.
    pub(super) fn replace(&mut self, row: T) {
        let at = self.rows.partition_point(|other| other.seq() > row.seq());
        if let Some(replaced) = self.rows.get_mut(at)
            && replaced.seq() == row.seq()
        {
            self.heap_size = self.heap_size + row.heap_size() - replaced.heap_size();
            *replaced = row;
        }
    }

    /// Size in memory, in bytes.
    pub(super) fn size(&self) -> usize {
        self.rows.capacity() * size_of::<T>() + self.heap_size
    }
}

impl Newest<Price> {
    /// Returns a page of the prices, or `None` if it may contain prices that are not in memory.
    /// Prices up to `pruned_seq` are ignored: retention may have deleted them.
    pub(super) fn page(
        &self,
        recorded: Recorded,
        span: &Span<Position>,
        pruned_seq: i64,
    ) -> Option<Page<&Price>> {
        let row = |at: usize| &self.rows[at];
        let count = self.rows.len();
        let retained = partition_point(0..count, |at| row(at).seq > pruned_seq);
        let start = recorded.to.map_or(0, |to| {
            partition_point(0..retained, |at| row(at).recorded_at >= to)
        });
        let end = recorded.from.map_or(retained, |from| {
            partition_point(start..retained, |at| row(at).recorded_at >= from)
        });
        let page = page(start..end, row, Price::order, span);
        let is_complete = self.is_complete && retained == count;
        // Older prices are not selected.
        let is_bounded = end < retained;
        // If the page is followed by a price in memory, older prices do not affect it.
        (is_complete || is_bounded || page.has_next).then_some(page)
    }
}

impl Newest<Alert> {
    /// Returns a page of the alerts, or `None` if it may contain alerts that are not in memory.
    pub(super) fn page(&self, triggered: Recorded, span: &Span<Position>) -> Option<Page<&Alert>> {
        let Recorded { from, to } = triggered;
        let page = if from.is_none() && to.is_none() {
            page(0..self.rows.len(), |at| &self.rows[at], Alert::order, span)
        } else {
            // Alerts of held prices are not in the order of `triggered_at`.
            let is_selected = |alert: &&Alert| {
                let at = alert.triggered_at;
                from.is_none_or(|from| at >= from) && to.is_none_or(|to| at < to)
            };
            let rows: Vec<&Alert> = self.rows.iter().filter(is_selected).collect();
            page(0..rows.len(), |at| rows[at], Alert::order, span)
        };
        // Older alerts were also triggered before that time, and are not selected.
        let is_bounded = from
            .zip(self.rows.back())
            .is_some_and(|(from, oldest)| oldest.recorded_at() < from);
        (self.is_complete || is_bounded || page.has_next).then_some(page)
    }

    /// Sets the rule of the alerts of a deleted rule to `None`.
    pub(super) fn forget_rule(&mut self, rule: i64) {
        for alert in &mut self.rows {
            if alert.rule_id == Some(rule) {
                alert.rule_id = None;
            }
        }
    }
}
