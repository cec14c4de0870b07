//! The pages of the program: the console if it was built, otherwise the page that says how.

mod files;

use reqwest::Method;
use testkit::TestDatabaseUrl;

use crate::{
    answer::Answer,
    archive::on_archives,
    product::{Home, Product},
    rest::problem,
};

/// The `Accept` of a browser that opens an address.
const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const PAGES: [&str; 7] = [
    "/",
    "/stocks/AAPL",
    "/stocks/BTC%2FUSD",
    "/alerts",
    "/rules",
    "/webhooks",
    "/status",
];

/// Opens an address as a browser does.
async fn open(product: &Product, path: &str) -> Answer {
    Answer::to(product.request(Method::GET, path).header("accept", HTML)).await
}

/// The references in a page, as paths.
fn references(page: &Answer, path: &str) -> Vec<String> {
    let base: url::Url = format!("http://localhost{path}").parse().expect("a URL");
    let values = ["src=\"", "href=\""].into_iter();
    let values = values.flat_map(|attribute| page.text.split(attribute).skip(1));
    let values = values.map(|rest| rest.split('"').next().expect("an end"));
    let urls = values.map(|value| base.join(value).expect("a reference"));
    urls.map(|url| {
        assert_eq!(url.host_str(), Some("localhost"), "{url} leaves the origin");
        url.path().to_owned()
    })
    .collect()
}

on_archives! {
    async fn every_page_is_served_with_its_policy(archive) {
        for path in PAGES.into_iter().chain(["/graphiql", "/graphql"]) {
            let answer = open(archive, path).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
            assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; "), "{path}: {policy}");
            let is_graphiql = path.starts_with("/graph");
            assert_eq!(policy.contains("worker-src 'self'"), is_graphiql, "{path}: {policy}");
            let is_built = cfg!(console);
            assert_eq!(answer.text.contains("make console"), !is_built, "{path}: {}", answer.text);
        }
    }

    async fn every_asset_of_a_page_is_served(archive) {
        for path in PAGES.into_iter().chain(["/graphiql", "/graphql"]) {
            let page = open(archive, path).await;
            let references = references(&page, path);
            assert_eq!(references.is_empty(), !cfg!(console), "{path}: {references:?}");
            for reference in references {
                let answer = archive.get(&reference).await;
                assert_eq!(answer.status, 200, "{reference} of {path}");
                assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
                assert_eq!(answer.header("x-content-type-options"), "nosniff");
                assert_ne!(answer.header("content-type"), "application/octet-stream");
            }
        }
        problem(&archive.get("/assets/main-nope.js").await, 404);
    }

    async fn other_paths_and_methods_are_problems(archive) {
        for path in ["/stocks", "/stocks/", "/stocks/BTC/USD", "/index.html", "/rules/", "/favicon.ico"] {
            problem(&open(archive, path).await, 404);
        }
        for path in ["/", "/stocks/AAPL", "/graphiql"] {
            let answer = Answer::to(archive.request(Method::POST, path)).await;
            problem(&answer, 405);
            assert_eq!(answer.header("allow"), "GET,HEAD", "{path}");
        }
    }

    async fn a_top_level_navigation_to_a_page_is_allowed_from_any_site(archive) {
        for (path, status) in [
            ("/", 200),
            ("/stocks/BTC%2FUSD", 200),
            ("/graphiql", 200),
            ("/graphql", 200),
            ("/playground", 308),
            ("/api/v1/stocks", 403),
            ("/nope", 403),
        ] {
            let request = archive.request(Method::GET, path)
                .header("accept", HTML)
                .header("sec-fetch-site", "cross-site")
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-dest", "document");
            assert_eq!(Answer::to(request).await.status, status, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_can_be_switched_off() {
    let home = Home::new(TestDatabaseUrl::sqlite());
    let product = home
        .start(&[("CONSOLE", "false"), ("GRAPHIQL", "false")])
        .await;
    for path in PAGES.into_iter().chain(["/graphiql", "/playground"]) {
        problem(&open(&product, path).await, 404);
    }
    let answer = open(&product, "/graphql").await;
    assert_eq!((answer.status, &*answer.code()), (400, "BAD_USER_INPUT"));
    let addresses = product.api.out().join("\n");
    assert!(
        !addresses.contains("console  ") && !addresses.contains("GraphiQL"),
        "{addresses}"
    );
}
