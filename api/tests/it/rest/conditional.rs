//! REST: conditional requests.

use reqwest::Method;

use super::PATHS;
use crate::{answer::Answer, archive::on_archives};

/// The paths with an `ETag`.
fn tagged() -> impl Iterator<Item = &'static str> {
    let untagged = ["/api/v1/health", "/api/v1/openapi.json"];
    PATHS
        .into_iter()
        .filter(move |path| !untagged.contains(path))
}

on_archives! {
    async fn a_response_that_the_client_has_is_not_sent_again(archive) {
        for path in tagged().chain(["/api/v1/alerts?limit=2"]) {
            let first = archive.get(path).await;
            let tag = first.header("etag").to_owned();
            assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "{path}: {tag}");
            for method in [Method::GET, Method::HEAD] {
                for known in [&*tag, "*", &*format!("W/{tag}"), &*format!("\"other\", W/\"more\",{tag}")] {
                    let request = archive.request(method.clone(), path).header("if-none-match", known);
                    let answer = Answer::to(request).await;
                    assert_eq!((answer.status, &*answer.text), (304, ""), "{method} {path} with {known}");
                    // It would be the length of the body that the client has.
                    assert_eq!(answer.headers.get("content-length"), None, "{method} {path}");
                    for name in ["etag", "link", "vary"] {
                        assert_eq!(answer.header(name), first.header(name), "{name} of {path}");
                    }
                    // If present, it is the length of the 200.
                    let length = answer.header("content-length");
                    assert!(["", first.header("content-length")].contains(&length), "{method} {path}: {length}");
                }
                for unknown in ["\"other\"", "", &*tag.replace('"', ""), &*tag.to_uppercase()] {
                    let request = archive.request(method.clone(), path).header("if-none-match", unknown);
                    assert_eq!(Answer::to(request).await.status, 200, "{method} {path} with {unknown}");
                }
            }
        }
    }

    async fn tags_differ_if_responses_differ(archive) {
        let mut tags = Vec::new();
        for path in tagged().chain(["/api/v1/alerts?limit=1", "/api/v1/stocks/IBM/history"]) {
            tags.push(archive.get(path).await.header("etag").to_owned());
        }
        let all = tags.len();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), all);
    }

    async fn an_error_never_matches_a_tag(archive) {
        for path in ["/api/v1/stocks/NOPE", "/api/v1/alerts?limit=0", "/nope"] {
            let request = archive.request(Method::GET, path).header("if-none-match", "*");
            let answer = Answer::to(request).await;
            assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
            assert_eq!(answer.header("etag"), "");
        }
    }
}
