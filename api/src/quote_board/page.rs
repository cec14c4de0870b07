//! Pages of lists in memory, equal to those that [`store::page`] reads from the database.

use std::{cmp::Ordering, ops::Range};

use store::page::{Page, Span};

/// Returns a page of the list whose row at an index in `list` is `row(index)`. `order` compares a
/// row with a key in list order. The cost is that of two binary searches and of the page.
pub(super) fn page<'a, T, K>(
    list: Range<usize>,
    row: impl Fn(usize) -> &'a T,
    order: impl Fn(&T, &K) -> Ordering,
    span: &Span<K>,
) -> Page<&'a T> {
    let start = span.after.as_ref().map_or(list.start, |key| {
        partition_point(list.clone(), |at| order(row(at), key).is_le())
    });
    let end = span.before.as_ref().map_or(list.end, |key| {
        partition_point(list.clone(), |at| order(row(at), key).is_lt())
    });
    let limit = span.limit as usize;
    let more = end.saturating_sub(start) > limit;
    let shown = match (more, span.from_end) {
        (false, _) => start..end,
        (true, false) => start..start + limit,
        (true, true) => end - limit..end,
    };
    Page {
        rows: shown.map(row).collect(),
        has_next: (more && !span.from_end) || end < list.end,
        has_previous: (more && span.from_end) || start > list.start,
    }
}

/// Returns the first index in `range` for which `predicate` is false. It is true before that index
/// and false after it.
pub(super) fn partition_point(range: Range<usize>, predicate: impl Fn(usize) -> bool) -> usize {
    let Range { mut start, mut end } = range;
    while start < end {
        let middle = start.midpoint(end);
        if predicate(middle) {
            start = middle + 1;
        } else {
            end = middle;
        }
    }
    start
}
