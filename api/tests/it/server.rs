//! What else the listeners serve: probes and pages.

use reqwest::Method;

use crate::{answer::Answer, archive::on_archives};

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

on_archives! {
    async fn both_listeners_tell_that_it_lives_and_is_ready(archive) {
        let client = crate::answer::browser();
        for listener in [archive.address, archive.metrics, archive.tracking_metrics] {
            for (path, text) in [("livez", "ok\n"), ("readyz", "ready\n")] {
                let answer = Answer::to(client.get(format!("http://{listener}/{path}"))).await;
                assert_eq!((answer.status, &*answer.text), (200, text), "{listener}");
            }
            // Those who watch go by any name there.
            let watched = client.get(format!("http://{listener}/livez")).header("host", "prometheus.example");
            let expected = if listener == archive.address { 421 } else { 200 };
            assert_eq!(Answer::to(watched).await.status, expected);
        }
    }

    async fn a_browser_that_asks_for_a_page_gets_one(archive) {
        for path in ["/graphiql", "/graphql"] {
            let answer = Answer::to(archive.request(Method::GET, path).header("accept", HTML)).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.header("content-type").starts_with("text/html"), "{path}");
            assert!(answer.text.contains("graphiql"), "{path}: {}", answer.text);
            // It asks `graphql` beside itself, wherever a proxy has put both.
            for part in ["new URL(endpoint, window.location.href)", "createUrl('graphql')", "subscriptionUrl: createUrl('graphql')"] {
                assert!(answer.text.contains(part), "{path} lacks {part}: {}", answer.text);
            }
            assert_eq!(answer.header("content-security-policy"), "frame-ancestors 'none'");
        }
        let answer = archive.get("/playground").await;
        assert!((300..400).contains(&answer.status), "{}", answer.status);
        // Right below any path of a proxy.
        assert_eq!(answer.header("location"), "graphiql");
    }

    async fn a_top_level_navigation_to_a_page_is_let_in_from_anywhere(archive) {
        for (path, status) in [("/graphiql", 200), ("/graphql", 200), ("/playground", 308), ("/api/v1/stocks", 403)] {
            let request = archive.request(Method::GET, path)
                .header("accept", HTML)
                .header("sec-fetch-site", "cross-site")
                .header("sec-fetch-mode", "navigate")
                .header("sec-fetch-dest", "document");
            assert_eq!(Answer::to(request).await.status, status, "{path}");
        }
    }

    async fn nobody_who_asks_for_data_gets_a_page(archive) {
        for accept in ["application/json", "*/*", "application/graphql-response+json"] {
            let answer = Answer::to(archive.request(Method::GET, "/graphql").header("accept", accept)).await;
            assert_eq!((answer.status, &*answer.code()), (400, "BAD_USER_INPUT"), "{accept}");
        }
    }
}
