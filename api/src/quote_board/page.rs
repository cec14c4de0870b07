//! Pages of lists in memory, equal to those that [`store::page`] reads from the database.

use store::page::Page;

/// Returns a page of `rows`, which are sorted by ascending `key`.
pub(super) fn page<'a, T: Clone, K: Ord>(
    rows: &[&'a T],
    key: impl Fn(&'a T) -> K,
    after: Option<K>,
    before: Option<K>,
    limit: u32,
    from_end: bool,
) -> Page<T> {
    let start = after.map_or(0, |after| rows.partition_point(|row| key(row) <= after));
    let end = before.map_or(rows.len(), |before| {
        rows.partition_point(|row| key(row) < before)
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
