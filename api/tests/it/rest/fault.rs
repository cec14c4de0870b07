//! REST: errors of parameters, symbols, paths, methods and content negotiation.

use reqwest::Method;

use super::{PATHS, cursor, problem};
use crate::{answer::Answer, archive::on_archives};

on_archives! {
    async fn invalid_parameters_are_problems_that_name_them(archive) {
        let stocks = archive.ask("{ stocks(first: 1) { edges { cursor } } }").await;
        let foreign = stocks["stocks"]["edges"][0]["cursor"].as_str().expect("a cursor").to_owned();
        for (query, named) in [
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("limit=", "limit"),
            ("limit=%2B5", "limit"),
            ("limit=5.0", "limit"),
            ("limit=%FF", "limit"),
            ("limit=99999999999999999999999", "limit"),
            ("limit=5&limit=5", "limit"),
            ("from=", "from"),
            ("from=2026-01-01T00:00:00", "from"),
            ("from=2026-01-01&from=2026-01-01", "from"),
            ("to=%C3%28", "to"),
            ("after=", "after"),
            ("before=%00", "before"),
            ("after=a&after=b", "after"),
            ("from=yesterday", "from"),
            ("to=2026-13-01", "to"),
            ("from=2026-01-02&to=2026-01-01", "from"),
            ("after=x", "after"),
            ("before=AAAA", "before"),
            (&*format!("after={foreign}"), "after"),
            (&*format!("before={}", "A".repeat(5000)), "before"),
        ] {
            for path in ["stocks/AAPL/history", "stocks/AAPL/alerts", "alerts"] {
                let answer = archive.get(&format!("/api/v1/{path}?{query}")).await;
                let problem = problem(&answer, 400);
                assert!(problem.starts_with(named), "{query}: {problem}");
            }
        }
        for ignored in ["colour=red", "colour=red&colour=blue", "%FF=%FF", "Limit=0", "&&=", "limit[]=0"] {
            let answer = archive.get(&format!("/api/v1/alerts?{ignored}")).await;
            assert_eq!(answer.status, 200, "{ignored}: {}", answer.text);
        }
    }

    async fn a_list_accepts_only_the_cursors_of_its_own_links(archive) {
        const LISTS: [&str; 4] = ["stocks/AAPL/history", "stocks/IBM/history", "stocks/AAPL/alerts", "alerts"];
        let data = archive.ask(
            r#"{ history(symbol: "AAPL", first: 1) { edges { cursor } } alerts(first: 1) { edges { cursor } }
                status { feed { position } } }"#,
        ).await;
        let foreign = [&data["history"]["edges"][0]["cursor"], &data["alerts"]["edges"][0]["cursor"], &data["status"]["feed"]["position"]];
        for list in LISTS {
            let own = cursor(&archive.get(&format!("/api/v1/{list}?limit=1")).await).expect("a link");
            for name in ["after", "before"] {
                let takes = async |list: &str, cursor: &str| archive.get(&format!("/api/v1/{list}?{name}={cursor}")).await;
                assert_eq!(takes(list, &own).await.status, 200, "{list}");
                assert_eq!(takes(&list.to_lowercase(), &own).await.status, 200, "{list}");
                for other in LISTS.into_iter().filter(|other| *other != list) {
                    let problem = problem(&takes(other, &own).await, 400);
                    assert!(problem.starts_with(name), "{list} {other}: {problem}");
                }
                for foreign in foreign {
                    let problem = problem(&takes(list, foreign.as_str().expect("a cursor")).await, 400);
                    assert!(problem.starts_with(name), "{list}: {problem}");
                }
            }
            let query = "query($after: Cursor) { alerts(after: $after) { totalCount } }";
            let answer = archive.graphql(query, serde_json::json!({"after": own})).await;
            assert_eq!(answer.code(), "BAD_USER_INPUT", "{}", answer.text);
        }
    }

    async fn impossible_and_unknown_symbols_have_different_errors(archive) {
        for (symbol, status) in [
            ("%20", 400), ("A!B", 400), (&*"A".repeat(33), 400), ("A+B", 400), ("A%2525B", 400), ("%FF", 400), ("%00", 400), ("\u{c4}", 400),
            (&*"A".repeat(5000), 400), ("NOPE", 404), ("NO%2FPE", 404), ("NO&PE", 404), ("NO%26PE", 404), ("NO:PE_X", 404), ("NO%3APE", 404),
            (&*"N".repeat(32), 404),
        ] {
            for path in ["", "/history", "/alerts"] {
                let answer = archive.get(&format!("/api/v1/stocks/{symbol}{path}")).await;
                let problem = problem(&answer, status);
                let named = if status == 400 { "symbol ".to_owned() } else {
                    symbol.replace("%2F", "/").replace("%26", "&").replace("%3A", ":")
                };
                assert!(problem.starts_with(&named), "{symbol}{path}: {problem}");
            }
        }
        for list in ["history", "alerts"] {
            let none = archive.get(&format!("/api/v1/stocks//{list}")).await;
            assert!(problem(&none, 400).starts_with("symbol "), "{}", none.text);
        }
    }

    async fn unknown_paths_and_methods_are_problems(archive) {
        for path in [
            "/nope", "/api/v1", "/api/v1/", "/api/v1/nope", "/api/v1/stocks/", "/api/v1/stocks/AAPL/",
            "/api/v1/stocks/AAPL/nope", "/api/v2/stocks", "/API/v1/stocks", "/%FF",
        ] {
            problem(&archive.get(path).await, 404);
            problem(&Answer::to(archive.request(Method::POST, path)).await, 404);
        }
        for path in PATHS.iter().chain(&["/ws", "/livez", "/readyz"]) {
            let invented = Method::from_bytes(b"BREW").expect("a method");
            for method in [Method::POST, Method::DELETE, Method::PUT, Method::PATCH, Method::OPTIONS, Method::TRACE, invented] {
                let answer = Answer::to(archive.request(method, path)).await;
                problem(&answer, 405);
                assert_eq!(answer.header("allow"), "GET,HEAD", "{path}");
            }
        }
    }

    async fn a_client_that_does_not_accept_json_gets_406(archive) {
        for path in PATHS.iter().filter(|path| !path.ends_with("/health")) {
            for (accept, status) in [
                ("text/html", 406), ("application/json;q=0", 406), ("application/xml, text/*", 406),
                ("*/*", 200), ("application/*", 200), ("text/html, application/json;q=0.1", 200), ("", 200),
            ] {
                let request = archive.request(Method::GET, path).header("accept", accept);
                let answer = Answer::to(request).await;
                assert_eq!(answer.status, status, "{path} for {accept}");
                if status == 406 {
                    problem(&answer, 406);
                }
            }
        }
    }

    async fn an_error_has_no_body_for_head(archive) {
        for (path, status) in [
            ("/nope", 404), ("/api/v1/stocks/NOPE", 404), ("/api/v1/stocks/A!B", 400), ("/api/v1/alerts?limit=0", 400),
        ] {
            let got = archive.get(path).await;
            let head = Answer::to(archive.request(Method::HEAD, path)).await;
            assert_eq!((head.status, &*head.text), (status, ""), "{path}");
            for name in ["content-type", "content-length"] {
                assert_eq!(head.header(name), got.header(name), "{name} of {path}");
            }
        }
    }
}
