//! Automatic persisted queries (APQ) and trusted documents: clients send an identifier of a
//! document instead of its text.
//!
//! An identifier is the hash of the text or, for a trusted document, its name. It always identifies
//! the same text. Documents that fail validation are not stored. Identifiers are resolved before
//! parsing, for each request.

mod directory;

use std::{fmt, io, path::Path, sync::Arc};

use async_graphql::{Extensions, Value};
use sha2::{Digest, Sha256};

use self::directory::Directory;
use super::cache::Cache;
use crate::error::{RequestError, code};

/// The SHA-256 of a document.
pub(crate) type Hash = [u8; 32];

type TextCache = Cache<Hash, Arc<str>>;

/// The size of an entry of the cache besides its text.
const ENTRY_BYTES: usize = 128;
/// Default capacity of the cache for automatic persisted queries, in bytes.
const DEFAULT_CACHE_BYTES: usize = 8 << 20;

/// The persisted documents of a server.
#[derive(Clone)]
pub struct Documents(Mode);

#[derive(Clone)]
enum Mode {
    /// Persisted documents are disabled.
    Disabled,
    /// Automatic persisted queries (APQ): clients register a document by sending it with its hash.
    Automatic(Arc<TextCache>),
    /// Trusted documents: an allow-list from a directory. Other documents are rejected.
    Trusted(Arc<Directory>),
}

/// The text of a document, and the hash to store it under once it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) text: String,
    pub(crate) keep: Option<Hash>,
}

impl Default for Documents {
    fn default() -> Self {
        Self::automatic(DEFAULT_CACHE_BYTES)
    }
}

impl Documents {
    /// Disables persisted documents.
    pub fn none() -> Self {
        Self(Mode::Disabled)
    }

    /// Enables automatic persisted queries (APQ): a client may send the hash of a document that any
    /// client has sent before. The cache holds `bytes` bytes of text and evicts the least recently
    /// used document.
    pub fn automatic(bytes: usize) -> Self {
        Self(Mode::Automatic(Arc::new(Cache::new(bytes))))
    }

    /// Loads trusted documents: only the documents in a directory are served, identified by text,
    /// by hash or by name. Reads `NAME.graphql` (one document, with that name) and `*.json` (an
    /// object that maps names to documents, as written by GraphQL Code Generator and Relay).
    ///
    /// # Errors
    ///
    /// The directory or a file in it cannot be read.
    pub fn trusted(directory: &Path) -> io::Result<Self> {
        let directory = Directory::read(directory)?;
        Ok(Self(Mode::Trusted(Arc::new(directory))))
    }

    /// Resolves the document of a request.
    pub(crate) fn resolve(
        &self,
        text: Option<String>,
        id: Option<&str>,
        extensions: &Extensions,
    ) -> Result<Resolved, RequestError> {
        let hash = persisted_query_hash(extensions)?;
        // Some clients send an empty text together with an identifier.
        let text = text.filter(|text| hash.is_none() || !text.is_empty());
        match &self.0 {
            Mode::Trusted(directory) => {
                let id = hash.map(|hash| hex(&hash)).or(id.map(str::to_owned));
                trusted(directory, text.as_deref(), id.as_deref())
            }
            Mode::Disabled if text.is_none() && hash.is_none() => Err(missing()),
            Mode::Disabled if text.is_none() => Err(unsupported("PersistedQueryNotSupported")),
            Mode::Automatic(cache) => automatic(cache, text, hash),
            Mode::Disabled => Ok(Resolved {
                text: text.unwrap_or_default(),
                keep: None,
            }),
        }
    }

    /// Stores a document that passed validation.
    pub(crate) fn keep(&self, hash: Hash, text: Arc<str>) {
        if let Mode::Automatic(cache) = &self.0 {
            let bytes = text.len() + ENTRY_BYTES;
            cache.put(hash, text, bytes);
        }
    }
}

fn automatic(
    cache: &TextCache,
    text: Option<String>,
    hash: Option<Hash>,
) -> Result<Resolved, RequestError> {
    let (text, keep) = match (text, hash) {
        (Some(text), None) => (text, None),
        (Some(text), Some(hash)) if hash_of(&text) == hash => {
            let keep = cache.get(&hash).is_none().then_some(hash);
            (text, keep)
        }
        (Some(_), Some(_)) => {
            return Err(RequestError::bad_request(
                "`sha256Hash` does not match `query`",
            ));
        }
        (None, Some(hash)) => match cache.get(&hash) {
            Some(text) => (text.as_ref().to_owned(), None),
            None => return Err(not_found()),
        },
        (None, None) => return Err(missing()),
    };
    Ok(Resolved { text, keep })
}

fn trusted(
    directory: &Directory,
    text: Option<&str>,
    id: Option<&str>,
) -> Result<Resolved, RequestError> {
    let found = match (text, id) {
        (Some(text), _) => directory.by_text(text).ok_or_else(|| {
            RequestError::new(
                http::StatusCode::FORBIDDEN,
                code::FORBIDDEN,
                "the document is not in the allow-list",
            )
        }),
        (None, Some(id)) => directory.by_name(id).ok_or_else(not_found),
        (None, None) => Err(missing()),
    }?;
    Ok(Resolved {
        text: found.to_owned(),
        keep: None,
    })
}

/// Returns the hash in `extensions.persistedQuery`.
fn persisted_query_hash(extensions: &Extensions) -> Result<Option<Hash>, RequestError> {
    let entry = match extensions.get("persistedQuery") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(entry)) => entry,
        Some(_) => {
            return Err(RequestError::bad_request(
                "`extensions.persistedQuery` must be a JSON object",
            ));
        }
    };
    let version = entry.get("version");
    if version.is_some_and(|version| *version != Value::from(1)) {
        return Err(unsupported("Unsupported persisted query version"));
    }
    match entry.get("sha256Hash") {
        Some(Value::String(text)) => match parse_hex(text) {
            Some(hash) => Ok(Some(hash)),
            None => Err(not_found()),
        },
        _ => Err(RequestError::bad_request(
            "`extensions.persistedQuery.sha256Hash` must be a string",
        )),
    }
}

/// The request has neither a document nor an identifier.
pub(crate) fn missing() -> RequestError {
    RequestError::bad_request("`query` is missing")
}

/// Clients match on this exact message.
fn not_found() -> RequestError {
    RequestError::new(
        http::StatusCode::BAD_REQUEST,
        code::PERSISTED_QUERY_NOT_FOUND,
        "PersistedQueryNotFound",
    )
}

fn unsupported(message: &'static str) -> RequestError {
    RequestError::new(
        http::StatusCode::BAD_REQUEST,
        code::PERSISTED_QUERY_NOT_SUPPORTED,
        message,
    )
}

fn hash_of(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

fn hex(hash: &Hash) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    hash.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|half| DIGITS[usize::from(half)])
        .collect()
}

fn parse_hex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(hash)
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match &self.0 {
            Mode::Disabled => "Disabled",
            Mode::Automatic(_) => "Automatic",
            Mode::Trusted(_) => "Trusted",
        };
        f.debug_tuple("Documents").field(&name).finish()
    }
}

#[cfg(test)]
mod tests;
