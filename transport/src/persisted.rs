//! Documents that clients name instead of sending.
//!
//! Invariant: a name stands for exactly one text, the one it is the hash of or was published under;
//! nothing that failed validation is kept. Asked for every request before it is parsed.

mod cache;
mod directory;

use std::{fmt, io, path::Path, sync::Arc};

use async_graphql::{Extensions, Value};
use sha2::{Digest, Sha256};

use self::{cache::Cache, directory::Directory};
use crate::fault::{Fault, code};

/// SHA-256 of a document's text.
pub(crate) type Hash = [u8; 32];

/// Bytes of text that clients may have kept for them.
const KEPT: usize = 8 << 20;

/// Where named documents come from.
#[derive(Clone)]
pub struct Documents(Source);

#[derive(Clone)]
enum Source {
    /// From nowhere.
    None,
    /// From whoever sent the text with its hash before.
    Automatic(Arc<Cache>),
    /// From a directory, and nothing else is served.
    Trusted(Arc<Directory>),
}

/// A document's text, and the hash to keep it under once it has proved valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) text: String,
    pub(crate) keep: Option<Hash>,
}

impl Default for Documents {
    fn default() -> Self {
        Self::automatic(KEPT)
    }
}

impl Documents {
    /// Texts are sent, always.
    pub fn none() -> Self {
        Self(Source::None)
    }

    /// Automatic persisted queries: a client may send the hash of a text that was sent before, by
    /// anybody. So many bytes are kept, those used last.
    pub fn automatic(bytes: usize) -> Self {
        Self(Source::Automatic(Arc::new(Cache::new(bytes))))
    }

    /// An allow-list: only the documents of a directory are served, by text, by hash or by name.
    /// Read are `NAME.graphql` (one document, by that name too) and `*.json` (an object of texts
    /// by name, as GraphQL Code Generator and Relay write it).
    ///
    /// # Errors
    ///
    /// The directory or a file of it cannot be read.
    pub fn trusted(directory: &Path) -> io::Result<Self> {
        let directory = Directory::read(directory)?;
        Ok(Self(Source::Trusted(Arc::new(directory))))
    }

    /// The text of a request that may name one.
    pub(crate) fn find(
        &self,
        text: Option<String>,
        id: Option<&str>,
        extensions: &Extensions,
    ) -> Result<Found, Fault> {
        let named = named(extensions)?;
        // An empty text beside a name is how some clients say that they send none.
        let text = text.filter(|text| named.is_none() || !text.is_empty());
        match &self.0 {
            Source::Trusted(directory) => {
                let id = named.map(|hash| hex(&hash)).or(id.map(str::to_owned));
                trusted(directory, text.as_deref(), id.as_deref())
            }
            Source::None if text.is_none() && named.is_none() => Err(missing()),
            Source::None if text.is_none() => Err(unsupported("PersistedQueryNotSupported")),
            Source::Automatic(cache) => automatic(cache, text, named),
            Source::None => Ok(Found {
                text: text.unwrap_or_default(),
                keep: None,
            }),
        }
    }

    /// Keeps a text that was valid.
    pub(crate) fn keep(&self, hash: Hash, text: Arc<str>) {
        if let Source::Automatic(cache) = &self.0 {
            cache.put(hash, text);
        }
    }
}

fn automatic(cache: &Cache, text: Option<String>, named: Option<Hash>) -> Result<Found, Fault> {
    let (text, keep) = match (text, named) {
        (Some(text), None) => (text, None),
        (Some(text), Some(hash)) if hash_of(&text) == hash => {
            let keep = (!cache.has(&hash)).then_some(hash);
            (text, keep)
        }
        (Some(_), Some(_)) => {
            return Err(Fault::bad_request("the query is not the one of that hash"));
        }
        (None, Some(hash)) => match cache.get(&hash) {
            Some(text) => (text.as_ref().to_owned(), None),
            None => return Err(not_found()),
        },
        (None, None) => return Err(missing()),
    };
    Ok(Found { text, keep })
}

fn trusted(directory: &Directory, text: Option<&str>, id: Option<&str>) -> Result<Found, Fault> {
    let found = match (text, id) {
        (Some(text), _) => directory.by_text(text).ok_or_else(|| {
            Fault::new(
                http::StatusCode::FORBIDDEN,
                code::FORBIDDEN,
                "only published documents are served",
            )
        }),
        (None, Some(id)) => directory.by_name(id).ok_or_else(not_found),
        (None, None) => Err(missing()),
    }?;
    Ok(Found {
        text: found.to_owned(),
        keep: None,
    })
}

/// The hash in `extensions.persistedQuery`.
fn named(extensions: &Extensions) -> Result<Option<Hash>, Fault> {
    let entry = match extensions.get("persistedQuery") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(entry)) => entry,
        Some(_) => return Err(Fault::bad_request("`persistedQuery` is not a JSON object")),
    };
    let version = entry.get("version");
    if version.is_some_and(|version| *version != Value::from(1)) {
        return Err(unsupported("Unsupported persisted query version"));
    }
    match entry.get("sha256Hash") {
        Some(Value::String(text)) => match unhex(text) {
            Some(hash) => Ok(Some(hash)),
            None => Err(not_found()),
        },
        _ => Err(Fault::bad_request("`persistedQuery` has no `sha256Hash`")),
    }
}

/// Nothing names a document.
pub(crate) fn missing() -> Fault {
    Fault::bad_request("`query` is missing")
}

/// Clients look for this very message.
fn not_found() -> Fault {
    Fault::new(
        http::StatusCode::BAD_REQUEST,
        code::PERSISTED_QUERY_NOT_FOUND,
        "PersistedQueryNotFound",
    )
}

fn unsupported(message: &'static str) -> Fault {
    Fault::new(
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

fn unhex(text: &str) -> Option<Hash> {
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
            Source::None => "None",
            Source::Automatic(_) => "Automatic",
            Source::Trusted(_) => "Trusted",
        };
        f.debug_tuple("Documents").field(&name).finish()
    }
}

#[cfg(test)]
mod tests;
