//! An LRU cache of documents by hash, limited by the total size of its texts.

use std::sync::Arc;

use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};

use super::Hash;

pub(super) struct Cache {
    bytes: usize,
    texts: Mutex<Texts>,
}

struct Texts {
    by_hash: LruCache<Hash, Arc<str>>,
    bytes: usize,
}

impl Cache {
    /// Creates a cache for at most `bytes` bytes.
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

    /// Whether the document is cached. Counts as a use.
    pub(super) fn contains(&self, hash: &Hash) -> bool {
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
        self.texts.lock()
    }
}

/// The size of an entry: the text, plus an allowance for the hash and the list node.
fn size(text: &str) -> usize {
    text.len() + 128
}
