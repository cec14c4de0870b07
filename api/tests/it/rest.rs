//! REST: the shape of each response, pagination, and the OpenAPI description.

mod conditional;
mod fault;

use reqwest::Method;
use serde_json::{Value, json};

use url::Url;

use crate::{
    answer::{Answer, timeless},
    archive::{AAPL, ALERTS, Archive, DAYS, on_archives},
};

/// Every readable path, with a symbol as its parameter.
pub(crate) const PATHS: [&str; 8] = [
    "/api/v1/stocks",
    "/api/v1/stocks/AAPL",
    "/api/v1/stocks/AAPL/history",
    "/api/v1/stocks/AAPL/alerts",
    "/api/v1/alerts",
    "/api/v1/rules",
    "/api/v1/health",
    "/api/v1/openapi.json",
];

/// Paths in the description with text responses.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

on_archives! {
    async fn the_six_endpoints_have_their_exact_shape(archive) {
        let mut responses = Vec::new();
        for path in [
            "/api/v1/stocks",
            "/api/v1/stocks/AAPL",
            "/api/v1/stocks/AAPL/history?limit=2",
            "/api/v1/stocks/AAPL/alerts?limit=2",
            "/api/v1/alerts?limit=2",
            "/api/v1/health",
        ] {
            let answer = archive.get(path).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.header("content-type"), "application/json");
            responses.extend([path.to_owned(), timeless(&answer.text)]);
        }
        insta::allow_duplicates! {
            insta::assert_snapshot!(responses.join("\n"), @r#"
            /api/v1/stocks
            [{"id":1,"symbol":"AAPL","name":null,"currency":null,"exchange":null,"current_price":118.45,"previous_close":103.00000001,"change":15.44999999,"change_percent":15,"volume":1000,"last_updated":"[time]","stale":false,"freshness":"CURRENT"},{"id":2,"symbol":"IBM","name":null,"currency":null,"exchange":null,"current_price":48,"previous_close":51,"change":-3,"change_percent":-5.8824,"volume":1000,"last_updated":"[time]","stale":false,"freshness":"CURRENT"},{"id":3,"symbol":"MSFT","name":null,"currency":null,"exchange":null,"current_price":null,"previous_close":null,"change":null,"change_percent":null,"volume":null,"last_updated":null,"stale":false,"freshness":"NONE"}]
            /api/v1/stocks/AAPL
            {"id":1,"symbol":"AAPL","name":null,"currency":null,"exchange":null,"current_price":118.45,"previous_close":103.00000001,"change":15.44999999,"change_percent":15,"volume":1000,"last_updated":"[time]","stale":false,"freshness":"CURRENT"}
            /api/v1/stocks/AAPL/history?limit=2
            [{"symbol":"AAPL","price":118.45,"previous_close":103.00000001,"change":15.44999999,"change_percent":15,"volume":1000,"trading_day":"2008-01-17","market_time":"2008-01-17T21:00:00Z","recorded_at":"[time]","provider":"replay"},{"symbol":"AAPL","price":103.00000001,"previous_close":104,"change":-0.99999999,"change_percent":-0.9615,"volume":1000,"trading_day":"2008-01-16","market_time":"2008-01-16T21:00:00Z","recorded_at":"[time]","provider":"replay"}]
            /api/v1/stocks/AAPL/alerts?limit=2
            [{"id":4,"symbol":"AAPL","rule_id":1,"rule_name":null,"kind":"PERCENT_CHANGE","direction":"UP","price":118.45,"reference_price":103.00000001,"change_percent":15,"threshold":10,"message":"AAPL rose 15% to 118.45","trading_day":"2008-01-17","triggered_at":"[time]"},{"id":3,"symbol":"AAPL","rule_id":1,"rule_name":null,"kind":"PERCENT_CHANGE","direction":"UP","price":100.5,"reference_price":94.5,"change_percent":6.3492,"threshold":5,"message":"AAPL rose 6.35% to 100.5","trading_day":"2008-01-09","triggered_at":"[time]"}]
            /api/v1/alerts?limit=2
            [{"id":5,"symbol":"IBM","rule_id":1,"rule_name":null,"kind":"PERCENT_CHANGE","direction":"DOWN","price":48,"reference_price":51,"change_percent":-5.8824,"threshold":5,"message":"IBM fell 5.88% to 48","trading_day":"2008-01-17","triggered_at":"[time]"},{"id":4,"symbol":"AAPL","rule_id":1,"rule_name":null,"kind":"PERCENT_CHANGE","direction":"UP","price":118.45,"reference_price":103.00000001,"change_percent":15,"threshold":10,"message":"AAPL rose 15% to 118.45","trading_day":"2008-01-17","triggered_at":"[time]"}]
            /api/v1/health
            {"status":"ok","checks":{"database":"ok","provider replay":"ok","tracker":"ok"}}
            "#);
        }
    }

    async fn a_first_price_has_no_change(archive) {
        let answer = archive.get("/api/v1/stocks/AAPL/history?limit=1000").await;
        let prices = answer.json();
        let first = prices.as_array().and_then(|list| list.last()).expect("a price");
        for unknown in ["previous_close", "change", "change_percent"] {
            assert_eq!(first.get(unknown), Some(&Value::Null), "{first}");
        }
    }

    async fn symbols_match_in_any_case(archive) {
        for path in ["/api/v1/stocks/AAPL", "/api/v1/stocks/AAPL/history", "/api/v1/stocks/AAPL/alerts"] {
            let upper = archive.get(path).await;
            let lower = archive.get(&path.replace("AAPL", "aaPl")).await;
            assert_eq!((lower.status, lower.text), (200, upper.text));
        }
    }

    async fn the_links_of_a_list_lead_to_its_end(archive) {
        let all = every_page(archive, "/api/v1/stocks/AAPL/history?limit=5").await;
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 2]);
        let days: Vec<_> = all.concat().iter().map(|price| price["trading_day"].clone()).collect();
        assert_eq!(days, DAYS.iter().rev().copied().collect::<Vec<_>>());
        let alerts = every_page(archive, "/api/v1/alerts?limit=2").await;
        assert_eq!(alerts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        let messages: Vec<_> = alerts.concat().iter().map(|alert| alert["message"].clone()).collect();
        assert_eq!(messages, ALERTS.iter().rev().copied().collect::<Vec<_>>());
        let exact = every_page(archive, "/api/v1/stocks/AAPL/alerts?limit=4").await;
        assert_eq!(exact.len(), 1, "a full last page has no link");
        let whole = every_page(archive, "/api/v1/stocks/AAPL/history").await;
        assert_eq!(whole, [all.concat()]);
    }

    async fn from_is_inclusive_and_to_is_exclusive(archive) {
        let all = archive.get("/api/v1/stocks/AAPL/history").await.json();
        let recorded = |at: usize| all[at]["recorded_at"].as_str().expect("an instant").to_owned();
        let (newer, older) = (recorded(3), recorded(7));
        assert!(newer > older, "the days were not recorded at one instant");
        let path = format!("/api/v1/stocks/AAPL/history?from={older}&to={newer}&limit=3");
        let pages = every_page(archive, &path).await;
        assert_eq!(pages.concat(), all.as_array().expect("a list")[4..=7]);
        let none = archive.get("/api/v1/stocks/AAPL/history?to=2001-01-01").await;
        assert_eq!((none.status, none.text), (200, "[]".to_owned()));
        let every = archive.get("/api/v1/alerts?from=2001-01-01").await.json();
        assert_eq!(every.as_array().map(Vec::len), Some(ALERTS.len()));
    }

    async fn a_page_before_a_cursor_directly_precedes_it(archive) {
        let path = "/api/v1/stocks/AAPL/history?limit=5";
        let after = cursor(&archive.get(path).await).expect("a link");
        let earlier = archive.get(&format!("{path}&before={after}")).await.json();
        let first = archive.get("/api/v1/stocks/AAPL/history?limit=4").await.json();
        assert_eq!(earlier, first);
    }

    async fn head_is_get_without_the_body(archive) {
        for path in PATHS {
            let got = archive.get(path).await;
            let head = Answer::to(archive.request(Method::HEAD, path)).await;
            assert_eq!((head.status, &*head.text), (200, ""), "{path}");
            for name in ["content-type", "content-length", "link", "etag"] {
                assert_eq!(head.header(name), got.header(name), "{name} of {path}");
            }
        }
    }

    async fn a_link_works_below_any_path_prefix(archive) {
        for path in ["/api/v1/stocks/AAPL/history?limit=5", "/api/v1/stocks/AAPL/alerts?limit=1&from=2001-01-01", "/api/v1/alerts?limit=1"] {
            let link = next(&archive.get(path).await).expect("a link");
            let (path, _) = path.split_once('?').expect("a query");
            for prefix in ["http://localhost", "https://example.com/stocks", "https://example.com/a/b%2Fc"] {
                let asked: Url = format!("{prefix}{path}?limit=1").parse().expect("a URL");
                let followed = asked.join(&link).expect("a reference");
                let (before, query) = followed.as_str().split_once('?').expect("a query");
                assert_eq!(before, format!("{prefix}{path}"), "{link}");
                assert!(query.contains("limit=") && query.contains("after="), "{link}");
            }
        }
    }

    async fn the_description_covers_every_route(archive) {
        let document = archive.get("/api/v1/openapi.json").await.json();
        let version = document["openapi"].as_str().expect("a version");
        assert!(version.starts_with("3.1"), "{version}");
        let paths = || PATHS.iter().chain(&PROBES);
        for path in paths().filter(|path| !path.ends_with("openapi.json")) {
            let operation = &document["paths"][path.replace("AAPL", "{symbol}")]["get"];
            assert!(operation["responses"]["200"].is_object(), "{path} is not described");
        }
        let mut ids: Vec<_> = Vec::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for method in ["get", "head"] {
                ids.push(item[method]["operationId"].as_str().expect("an id").to_owned());
                assert!(item[method]["responses"]["421"].is_object(), "{method} {path}");
            }
        }
        let named = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), named), (2 * paths().count(), 2 * paths().count()));
        for (path, statuses) in [("/livez", &["200"][..]), ("/readyz", &["200", "503"])] {
            let answers = &document["paths"][path]["get"]["responses"];
            for status in statuses {
                assert!(answers[status]["content"]["text/plain"].is_object(), "{answers}");
            }
            assert!(answers["401"].is_null() && answers["429"].is_null(), "{answers}");
            assert!(archive.get(path).await.header("content-type").starts_with("text/plain"));
        }
        let server = document["servers"][0]["url"].as_str().expect("a URL");
        for prefix in ["http://localhost/", "https://example.com/stocks/"] {
            let description: Url = format!("{prefix}api/v1/openapi.json").parse().expect("a URL");
            assert_eq!(description.join(server).expect("a reference").as_str(), prefix);
        }
        // The description has exactly the fields of the responses.
        for (path, schema) in [("stocks", "Stock"), ("stocks/AAPL/history", "Price"), ("alerts", "Alert")] {
            let rows = archive.get(&format!("/api/v1/{path}")).await.json();
            let fields = rows[0].as_object().expect("an object").keys();
            let described = &document["components"]["schemas"][schema]["properties"];
            let described = described.as_object().expect("properties").keys();
            assert!(fields.eq(described), "{schema}");
        }
    }
}

/// Asserts that a response is a problem with this status. Returns its detail.
pub(crate) fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], "about:blank");
    assert!(problem["title"].is_string(), "{problem}");
    let detail = problem["detail"].as_str().expect("a detail");
    for secret in ["SELECT", "sqlite", "postgres:", ".rs", "/tmp"] {
        assert!(!detail.contains(secret), "{detail}");
    }
    assert_eq!(
        problem.as_object().map(serde_json::Map::len),
        Some(4),
        "{problem}"
    );
    detail.to_owned()
}

/// The URL of the next page, from the `Link` header.
fn next(answer: &Answer) -> Option<String> {
    let link = answer.header("link");
    if link.is_empty() {
        return None;
    }
    let reference = link
        .strip_prefix('<')
        .and_then(|it| it.strip_suffix(">; rel=\"next\""));
    Some(reference.unwrap_or_else(|| panic!("{link}")).to_owned())
}

/// The cursor of the next page, from the `Link` header.
fn cursor(answer: &Answer) -> Option<String> {
    let link = next(answer)?;
    let (_, rest) = link.split_once("after=")?;
    Some(rest.split('&').next()?.to_owned())
}

/// Returns the rows of every page by following the links.
async fn every_page(archive: &Archive, first: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut url: Url = archive.url(first).parse().expect("a URL");
    loop {
        let path = &url[url::Position::BeforePath..];
        let answer = archive.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        pages.push(answer.json().as_array().expect("a list").clone());
        assert!(pages.len() <= AAPL.len(), "the links lead in a circle");
        let Some(link) = next(&answer) else {
            return pages;
        };
        url = url.join(&link).expect("a reference");
        assert_ne!(json!(pages.last()), json!([]), "no link leads to nothing");
    }
}
