//! The built files of the console, in memory, in each encoding.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::accept_encoding::{Encoding, accepted};
use crate::etag;

/// Files by name, such as `assets/main-Ab3dE6gH.js`. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(Arc<HashMap<String, File>>);

/// A file in the encodings that it is stored in.
#[derive(Clone, Debug)]
pub(crate) struct File {
    media_type: &'static str,
    variants: Vec<Variant>,
}

#[derive(Clone, Debug)]
struct Variant {
    encoding: Encoding,
    content: Bytes,
    tag: HeaderValue,
}

impl Files {
    /// Collects the files of a directory that was embedded: each with its `.br` and `.gz`, which
    /// are not files of their own.
    pub(crate) fn embedded<E: RustEmbed>() -> Self {
        let names = E::iter().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz"));
        let files = names.map(|name| {
            let variants = [
                (Encoding::Brotli, E::get(&format!("{name}.br"))),
                (Encoding::Gzip, E::get(&format!("{name}.gz"))),
                (Encoding::Identity, E::get(&name)),
            ];
            let variants = variants
                .into_iter()
                .filter_map(|(encoding, file)| Some(Variant::new(encoding, file?)));
            let file = File {
                media_type: media_type(&name),
                variants: variants.collect(),
            };
            (name.into_owned(), file)
        });
        Self(Arc::new(files.collect()))
    }

    /// Returns the file with this name.
    pub(crate) fn get(&self, name: &str) -> Option<&File> {
        self.0.get(name)
    }

    /// The names of all files.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Variant {
    fn new(encoding: Encoding, file: EmbeddedFile) -> Self {
        let content = match file.data {
            Cow::Borrowed(content) => Bytes::from_static(content),
            Cow::Owned(content) => Bytes::from(content),
        };
        Self {
            encoding,
            content,
            tag: etag::of_digest(&file.metadata.sha256_hash()),
        }
    }
}

impl File {
    /// Responds with the file in the best encoding that the client accepts, or with 304 if the
    /// client has it.
    pub(crate) fn response(&self, request: &HeaderMap) -> Response {
        let encodings = accepted(request);
        let stored = |encoding: &Encoding| self.variants.iter().find(|it| it.encoding == *encoding);
        // The identity is always stored.
        let Some(variant) = encodings
            .iter()
            .find_map(stored)
            .or_else(|| self.variants.last())
        else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.media_type),
        );
        headers.insert(header::ETAG, variant.tag.clone());
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if etag::is_known(request, &variant.tag) {
            return etag::not_modified(headers);
        }
        if variant.encoding != Encoding::Identity {
            let name = HeaderValue::from_static(variant.encoding.name());
            headers.insert(header::CONTENT_ENCODING, name);
        }
        (headers, Body::from(variant.content.clone())).into_response()
    }
}

/// Returns the media type of a file by the end of its name. With `X-Content-Type-Options: nosniff`,
/// browsers run scripts and apply styles only if it is right.
fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
