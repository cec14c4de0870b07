//! An LRU cache that is limited by the total size of its entries.

use std::{borrow::Borrow, hash::Hash};

use lru::LruCache;
use parking_lot::Mutex;

/// A cache of at most a number of bytes.
pub(crate) struct Cache<K, V> {
    max_bytes: usize,
    entries: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    by_key: LruCache<K, Entry<V>>,
    bytes: usize,
}

struct Entry<V> {
    value: V,
    bytes: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// Creates a cache for at most `max_bytes` bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            entries: Mutex::new(Entries {
                by_key: LruCache::unbounded(),
                bytes: 0,
            }),
        }
    }

    /// Returns the value of a key. Counts as a use.
    pub(crate) fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut entries = self.entries.lock();
        entries.by_key.get(key).map(|entry| entry.value.clone())
    }

    /// Stores a value of this size, unless it is larger than the cache. Evicts the least recently
    /// used entries if the cache is full.
    pub(crate) fn put(&self, key: K, value: V, bytes: usize) {
        if bytes > self.max_bytes {
            return;
        }
        let mut entries = self.entries.lock();
        let entries = &mut *entries;
        entries.bytes += bytes;
        if let Some(old) = entries.by_key.put(key, Entry { value, bytes }) {
            entries.bytes -= old.bytes;
        }
        while entries.bytes > self.max_bytes
            && let Some((_, old)) = entries.by_key.pop_lru()
        {
            entries.bytes -= old.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_entries_are_evicted_first() {
        let cache = Cache::new(20);
        cache.put("a", 1, 10);
        cache.put("b", 2, 10);
        cache.put("b", 3, 10);
        assert_eq!(cache.get("a"), Some(1));
        cache.put("c", 4, 10);
        assert_eq!(
            ["a", "b", "c"].map(|key| cache.get(key)),
            [Some(1), None, Some(4)]
        );
        cache.put("large", 5, 21);
        assert_eq!(
            ["a", "c", "large"].map(|key| cache.get(key)),
            [Some(1), Some(4), None]
        );
    }
}
