//! Texts by hash, the least used forgotten first.
//!
//! Invariant: never more bytes of text than allowed. Filled after validation, asked before parsing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::Hash;

/// The cache.
pub(super) struct Cache {
    bytes: usize,
    texts: Mutex<Texts>,
}

struct Texts {
    by_hash: LruCache<Hash, Arc<str>>,
    bytes: usize,
}

impl Cache {
    /// Of at most so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            bytes,
            texts: Mutex::new(Texts {
                by_hash: LruCache::unbounded(),
                bytes: 0,
            }),
        }
    }

    pub(super) fn get(&self, hash: &Hash) -> Option<Arc<str>> {
        self.texts().by_hash.get(hash).cloned()
    }

    /// Whether it is there, which also counts as a use.
    pub(super) fn has(&self, hash: &Hash) -> bool {
        self.texts().by_hash.get(hash).is_some()
    }

    pub(super) fn put(&self, hash: Hash, text: Arc<str>) {
        let mut texts = self.texts();
        texts.bytes += size(&text);
        if let Some(old) = texts.by_hash.put(hash, text) {
            texts.bytes -= size(&old);
        }
        while texts.bytes > self.bytes
            && let Some((_, old)) = texts.by_hash.pop_lru()
        {
            texts.bytes -= size(&old);
        }
    }

    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an entry costs: its text, its hash and its place in the list.
fn size(text: &str) -> usize {
    text.len() + 128
}
