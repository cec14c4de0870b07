//! Pages of lists that are in memory.
//!
//! One invariant: a page is what [`store::page`] would read of the same list.

use store::page::Page;

/// A page of `rows`, which are in the list's order, by ascending `place`.
pub(super) fn page<'a, T: Clone, K: Ord>(
    rows: &[&'a T],
    place: impl Fn(&'a T) -> K,
    after: Option<K>,
    before: Option<K>,
    limit: u32,
    from_end: bool,
) -> Page<T> {
    let start = after.map_or(0, |key| rows.partition_point(|row| place(row) <= key));
    let end = before.map_or(rows.len(), |key| {
        rows.partition_point(|row| place(row) < key)
    });
    let within = rows.get(start..end).unwrap_or_default();
    let limit = limit as usize;
    let more = within.len() > limit;
    let shown = match (more, from_end) {
        (false, _) => within,
        (true, false) => &within[..limit],
        (true, true) => &within[within.len() - limit..],
    };
    Page {
        rows: shown.iter().map(|row| (*row).clone()).collect(),
        has_next: (more && !from_end) || end < rows.len(),
        has_previous: (more && from_end) || start > 0,
    }
}
