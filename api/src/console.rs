//! The web console at `/` and GraphiQL at `/graphiql`: pages without data, and their assets.
//!
//! The files are built by npm in `web/console` and embedded when this program is built. No page
//! needs a token: the scripts on them send tokens to the API, which checks them. A strict
//! Content-Security-Policy forbids every request to other servers. A program that was built without
//! the console serves a page that describes how to build it.

mod accept_encoding;
mod files;
#[cfg(test)]
mod tests;

use axum::{
    Router,
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};
use runtime::config::PageSettings;

use self::files::Files;
use crate::rest;

/// The route of a stock's page.
const STOCK: &str = "/stocks/{symbol}";
/// The other routes of the console. Its script shows the page of the path.
const PAGES: [&str; 5] = ["/", "/alerts", "/rules", "/webhooks", "/status"];
/// The GraphiQL page.
const GRAPHIQL: &str = "/graphiql";
/// [`GRAPHIQL`] relative to [`PLAYGROUND`], so that a proxy may add a path prefix.
const RELATIVE_GRAPHIQL: &str = "graphiql";
/// The usual path of this page in other servers.
const PLAYGROUND: &str = "/playground";
/// The scripts, styles, fonts and images of all pages. A name contains a hash of the content.
const ASSETS: &str = "/assets/{name}";

/// The page of a program that was built without the console.
const NOT_BUILT: &str = include_str!("console/not_built.html");

/// The policy of the console: only its own scripts, styles and requests.
const CONSOLE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'";
/// The policy of GraphiQL, whose editor writes inline styles and starts workers.
const GRAPHIQL_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Headers of all pages and assets.
const PROTECTION: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];
/// Pages are requested again each time, so that they name the assets of the running program.
const REVALIDATE: &str = "no-cache";
/// An asset never changes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The built files; none if this program was built without the console.
#[derive(rust_embed::RustEmbed)]
#[folder = "../web/console/dist"]
struct Dist;

/// The pages that are served, and their files. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    files: Files,
    settings: PageSettings,
}

/// The routes of pages, which any website may link to.
pub(crate) fn pages() -> impl Iterator<Item = &'static str> {
    PAGES.into_iter().chain([STOCK, GRAPHIQL, PLAYGROUND])
}

impl Console {
    /// Serves the embedded files.
    pub(crate) fn new(settings: PageSettings) -> Self {
        Self::with_files(settings, Files::embedded::<Dist>())
    }

    fn with_files(settings: PageSettings, files: Files) -> Self {
        Self { files, settings }
    }

    /// Whether GraphiQL is served.
    pub(crate) fn has_graphiql(&self) -> bool {
        self.settings.graphiql
    }

    /// Builds the routes.
    pub(crate) fn router(&self) -> Router {
        let mut router = Router::new();
        if self.settings.console {
            let pages = PAGES.into_iter().map(|route| (route, self.page()));
            for (route, file) in pages.chain([(STOCK, self.stock_page())]) {
                let console = self.clone();
                let page =
                    async move |headers: HeaderMap| console.html(file, CONSOLE_POLICY, &headers);
                router = router.route(route, get(page));
            }
        }
        if self.settings.graphiql {
            let console = self.clone();
            let page = async move |headers: HeaderMap| console.graphiql(&headers);
            let redirect = async || Redirect::permanent(RELATIVE_GRAPHIQL);
            router = router
                .route(GRAPHIQL, get(page))
                .route(PLAYGROUND, get(redirect));
        }
        if self.settings.console || self.settings.graphiql {
            let files = self.files.clone();
            let asset =
                async move |uri: Uri, headers: HeaderMap| asset(&files, &uri, &headers).await;
            router = router.route(ASSETS, get(asset));
        }
        router
    }

    /// Responds with the GraphiQL page.
    pub(crate) fn graphiql(&self, request: &HeaderMap) -> Response {
        self.html("graphiql.html", GRAPHIQL_POLICY, request)
    }

    /// The file of the pages at the root. References in it are relative, so that a proxy may add a
    /// path prefix.
    fn page(&self) -> &'static str {
        if self.settings.graphiql {
            "index.html"
        } else {
            "index-without-graphiql.html"
        }
    }

    /// The same page for a path one level below the root.
    fn stock_page(&self) -> &'static str {
        if self.settings.graphiql {
            "stock.html"
        } else {
            "stock-without-graphiql.html"
        }
    }

    fn html(&self, name: &str, policy: &'static str, request: &HeaderMap) -> Response {
        let response = match self.files.get(name) {
            Some(file) => file.response(request),
            None => Html(NOT_BUILT).into_response(),
        };
        let mut response = protected(response, REVALIDATE);
        response.headers_mut().insert(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(policy),
        );
        response
    }
}

async fn asset(files: &Files, uri: &Uri, request: &HeaderMap) -> Response {
    // Names are never percent-encoded.
    match files.get(uri.path().trim_start_matches('/')) {
        Some(file) => protected(file.response(request), IMMUTABLE),
        None => rest::unknown_path().await.into_response(),
    }
}

fn protected(mut response: Response, cache_control: &'static str) -> Response {
    let headers = response.headers_mut();
    for (name, value) in PROTECTION {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let cache_control = HeaderValue::from_static(cache_control);
    headers.insert(header::CACHE_CONTROL, cache_control);
    response
}
