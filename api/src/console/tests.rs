//! Tests over HTTP, with a small build of the console.

use std::net::SocketAddr;

use axum::{Router, body::Bytes, http::StatusCode};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use runtime::config::Program;
use testkit::settings;
use tokio::net::TcpListener;

use super::*;

#[derive(rust_embed::RustEmbed)]
#[folder = "tests/fixtures/console"]
struct Fixture;

/// All addresses of the console.
const ADDRESSES: [&str; 7] = [
    "/",
    "/stocks/AAPL",
    "/stocks/BTC%2FUSD",
    "/alerts",
    "/rules",
    "/webhooks",
    "/status",
];
const SCRIPT: &str = "/assets/main-Ab3dE6gH.js";

/// A server with only the console.
struct Server {
    address: SocketAddr,
    client: reqwest::Client,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Server {
    async fn start(variables: &[(&str, &str)]) -> Self {
        Self::with_files(variables, Files::embedded::<Fixture>()).await
    }

    async fn with_files(variables: &[(&str, &str)], files: Files) -> Self {
        let settings = settings(Program::Api, variables).access.pages;
        let console = Console::with_files(settings, files);
        let router: Router = console
            .router()
            .fallback(rest::unknown_path)
            .method_not_allowed_fallback(rest::unknown_method);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        // Each test sets Accept-Encoding itself.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_gzip()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let client = client.build().expect("a client");
        Self { address, client }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.client.request(method, url)
    }

    async fn get(&self, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        let mut request = self.request(Method::GET, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::to(request).await
    }
}

impl Answer {
    async fn to(request: RequestBuilder) -> Self {
        let response = request.send().await.expect("a response");
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await.expect("a body"),
        }
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("ASCII"))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("UTF-8")
    }
}

/// Returns the directives of a policy.
fn directives(answer: &Answer) -> Vec<&str> {
    answer
        .header("content-security-policy")
        .split("; ")
        .collect()
}

#[tokio::test]
async fn every_address_of_the_console_is_a_page() {
    let server = Server::start(&[]).await;
    for path in ADDRESSES {
        for accept in ["text/html", "application/json", "*/*"] {
            let answer = server.get(path, &[("accept", accept)]).await;
            assert_eq!(answer.status, 200, "{path}");
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert!(answer.text().contains("Console of the tests"), "{path}");
        }
        // Assets are relative to the page.
        let url = format!("http://localhost/below{path}");
        let url: url::Url = url.parse().expect("a URL");
        let answer = server.get(path, &[]).await;
        let (_, rest) = answer.text().split_once("src=\"").expect("a script");
        let script = url
            .join(rest.split('"').next().expect("an end"))
            .expect("a reference");
        assert_eq!(script.path(), format!("/below{SCRIPT}"), "{path}");
    }
    for path in [
        "/stocks",
        "/stocks/",
        "/stocks/BTC/USD",
        "/index.html",
        "/alerts/",
        "/graphiql/",
        "/graphiql.html",
        "/assets",
        "/assets/",
        "/.vite/manifest.json",
        "/assets/..%2findex.html",
        "/assets/%ff",
    ] {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("cache-control"), "", "{path}");
    }
}

#[tokio::test]
async fn pages_and_assets_have_their_headers() {
    let server = Server::start(&[]).await;
    let asset = "public, max-age=31536000, immutable";
    for (path, media_type, caching) in [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/stocks/AAPL", "text/html; charset=utf-8", "no-cache"),
        ("/graphiql", "text/html; charset=utf-8", "no-cache"),
        (SCRIPT, "text/javascript; charset=utf-8", asset),
        (
            "/assets/main-Bb3dE6gH.css",
            "text/css; charset=utf-8",
            asset,
        ),
        ("/assets/icon-Cc3dE6gH.svg", "image/svg+xml", asset),
    ] {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        for (name, value) in [
            ("content-type", media_type),
            ("cache-control", caching),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("vary", "accept-encoding"),
        ] {
            assert_eq!(answer.header(name), value, "{name} of {path}");
        }
        let head = Answer::to(server.request(Method::HEAD, path)).await;
        assert_eq!(
            (head.status, head.body.len()),
            (StatusCode::OK, 0),
            "{path}"
        );
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.header(name), answer.header(name), "{name} of {path}");
        }
        let length = answer.body.len().to_string();
        assert_eq!(head.header("content-length"), length, "{path}");
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            let answer = Answer::to(server.request(method, path)).await;
            assert_eq!(answer.status, 405, "{path}");
            assert_eq!(answer.header("allow"), "GET,HEAD", "{path}");
        }
    }
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
    for path in ADDRESSES {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.header("content-security-policy"), policy, "{path}");
    }
    let answer = server.get("/graphiql", &[]).await;
    let graphiql = directives(&answer);
    let expected = policy
        .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
        .replace("font-src 'self'", "font-src 'self' data:");
    let mut expected: Vec<_> = expected.split("; ").collect();
    expected.retain(|it| !it.starts_with("require-trusted-types-for"));
    expected.push("worker-src 'self'");
    assert_eq!(graphiql.len(), expected.len());
    for directive in expected {
        assert!(graphiql.contains(&directive), "{directive}: {graphiql:?}");
    }
}

#[tokio::test]
async fn the_compressed_files_are_sent_to_clients_that_accept_them() {
    let server = Server::start(&[]).await;
    for (path, file) in [
        ("/", "index.html"),
        ("/rules", "index.html"),
        ("/stocks/AAPL", "stock.html"),
        ("/graphiql", "graphiql.html"),
        (SCRIPT, SCRIPT.trim_start_matches('/')),
    ] {
        let mut tags = Vec::new();
        for (accepted, encoding, extension) in [
            ("gzip, deflate, br, zstd", "br", ".br"),
            ("gzip", "gzip", ".gz"),
            ("gzip, br;q=0.5", "gzip", ".gz"),
            ("identity", "", ""),
            ("zstd, br;q=0", "", ""),
        ] {
            let accepts = ("accept-encoding", accepted);
            let answer = server.get(path, &[accepts]).await;
            let stored = Fixture::get(&format!("{file}{extension}")).expect("a file");
            assert_eq!(answer.body, *stored.data, "{path} as {accepted}");
            assert_eq!(answer.header("content-encoding"), encoding, "{path}");
            assert_eq!(answer.header("vary"), "accept-encoding", "{path}");
            let tag = answer.header("etag").to_owned();
            let known = server
                .get(
                    path,
                    &[accepts, ("if-none-match", &format!("W/\"x\", {tag}"))],
                )
                .await;
            assert_eq!(
                (known.status.as_u16(), known.body.len()),
                (304, 0),
                "{path}"
            );
            for name in ["etag", "vary", "cache-control", "content-security-policy"] {
                assert_eq!(known.header(name), answer.header(name), "{name} of {path}");
            }
            assert!(!known.headers.contains_key("content-length"), "{path}");
            tags.push(tag);
        }
        // One tag for each encoding, because they are different bytes.
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "{path}: {tags:?}");
    }
}

#[tokio::test]
async fn the_playground_redirects_to_graphiql() {
    let answer = Server::start(&[]).await.get("/playground", &[]).await;
    assert_eq!(answer.status, 308);
    // Works below any path prefix.
    assert_eq!(answer.header("location"), "graphiql");
}

#[tokio::test]
async fn without_graphiql_the_page_says_so() {
    let server = Server::start(&[("GRAPHIQL", "false")]).await;
    for path in ["/graphiql", "/playground"] {
        assert_eq!(server.get(path, &[]).await.status, 404, "{path}");
    }
    for path in ADDRESSES {
        let answer = server.get(path, &[]).await;
        let off = r#"<meta name="graphiql" content="off">"#;
        assert!(answer.text().contains(off), "{path}: {}", answer.text());
    }
    assert_eq!(server.get(SCRIPT, &[]).await.status, 200);
}

#[tokio::test]
async fn without_the_console_graphiql_remains() {
    let server = Server::start(&[("CONSOLE", "false")]).await;
    for path in ADDRESSES {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert!(
        server
            .get("/graphiql", &[])
            .await
            .text()
            .contains("GraphiQL of the tests")
    );
    assert_eq!(
        server.get("/assets/graphiql-Dd3dE6gH.js", &[]).await.status,
        200
    );
    let off = [("CONSOLE", "false"), ("GRAPHIQL", "false")];
    let server = Server::start(&off).await;
    assert_eq!(server.get(SCRIPT, &[]).await.status, 404);
}

#[tokio::test]
async fn a_program_without_the_files_describes_how_to_build_them() {
    let server = Server::with_files(&[], Files::default()).await;
    for path in ADDRESSES.into_iter().chain(["/graphiql"]) {
        let answer = server.get(path, &[]).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert!(answer.text().contains("make console"), "{}", answer.text());
        assert!(directives(&answer).contains(&"script-src 'self'"), "{path}");
    }
    assert_eq!(server.get(SCRIPT, &[]).await.status, 404);
}

/// With `nosniff`, browsers ignore scripts and styles of another media type.
#[test]
fn the_media_type_of_every_file_is_known() {
    for files in [Files::embedded::<Fixture>(), Files::embedded::<Dist>()] {
        for name in files.names().filter(|name| !name.starts_with('.')) {
            let response = files.get(name).expect("a file").response(&HeaderMap::new());
            let media_type = &response.headers()["content-type"];
            assert_ne!(media_type, "application/octet-stream", "{name}");
        }
    }
}
