//! Trusted documents: an allow-list that is loaded from a directory.
//!
//! Loaded once at startup. Leading and trailing white space of a document is ignored.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::Path,
    sync::Arc,
};

use super::{Hash, hash_of, hex};

/// The trusted documents.
#[derive(Default)]
pub(super) struct Directory {
    by_text: HashMap<Hash, Arc<str>>,
    by_name: HashMap<String, Arc<str>>,
}

impl Directory {
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut directory = Self::default();
        for entry in fs::read_dir(path)? {
            let path = entry?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("graphql") => {
                    let text = fs::read_to_string(&path)?;
                    directory.add(name, &text);
                }
                Some("json") => {
                    let text = fs::read_to_string(&path)?;
                    let texts: BTreeMap<String, String> =
                        serde_json::from_str(&text).map_err(|error| {
                            let message = format!("{}: {error}", path.display());
                            io::Error::new(io::ErrorKind::InvalidData, message)
                        })?;
                    for (name, text) in &texts {
                        directory.add(Some(name), text);
                    }
                }
                _ => {}
            }
        }
        Ok(directory)
    }

    fn add(&mut self, name: Option<&str>, raw: &str) {
        let text: Arc<str> = raw.trim().into();
        let hash = hash_of(&text);
        let names = [
            Some(hex(&hash)),
            Some(hex(&hash_of(raw))),
            name.map(str::to_owned),
        ];
        for name in names.into_iter().flatten() {
            self.by_name.insert(name, Arc::clone(&text));
        }
        self.by_text.insert(hash, text);
    }

    pub(super) fn by_text(&self, text: &str) -> Option<&str> {
        self.by_text.get(&hash_of(text.trim())).map(AsRef::as_ref)
    }

    /// Finds a document by name or by hash, with or without the prefix `sha256:`.
    pub(super) fn by_name(&self, name: &str) -> Option<&str> {
        let name = name.strip_prefix("sha256:").unwrap_or(name);
        self.by_name.get(name).map(AsRef::as_ref)
    }
}
