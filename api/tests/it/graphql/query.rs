//! Queries besides lists, and the codes of errors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{answer::Answer, archive::on_archives};

on_archives! {
    async fn the_default_rule_comes_first(archive) {
        let data = archive.ask(r#"{ alertRules { symbol kind threshold base trigger cooldownSeconds enabled expiresAt }
            of: alertRules(symbol: "aapl") { kind } stock(symbol: "AAPL") { alertRules { kind } }
            alerts(first: 1) { nodes { rule { kind threshold } } } }"#).await;
        assert_eq!(data["alertRules"], json!([{
            "symbol": null, "kind": "PERCENT_CHANGE", "threshold": "5", "base": "PREVIOUS_CLOSE",
            "trigger": "ONCE_PER_DAY", "cooldownSeconds": 0, "enabled": true, "expiresAt": null,
        }]));
        assert_eq!(data["of"], json!([{"kind": "PERCENT_CHANGE"}]));
        assert_eq!(data["stock"]["alertRules"], data["of"]);
        assert_eq!(data["alerts"]["nodes"][0]["rule"], json!({"kind": "PERCENT_CHANGE", "threshold": "5"}));
    }

    async fn the_status_describes_the_replay_and_the_end_of_the_feed(archive) {
        let query = "{ status { version database { kind up } feed { position lagSeconds }
            providers { name state effectiveInterval budgets { limit } note } market { open } }
            alerts(first: 1) { nodes { cursor } } }";
        let note = "replay of historical prices, ended 2008-01-17";
        // The status is at most a second old.
        let has_ended = |data: &Value| {
            let providers = &data["status"]["providers"];
            (providers[0]["note"] == note).then(|| data.clone())
        };
        let data = archive.until_data("the replay has ended", query, has_ended).await;
        let status = &data["status"];
        assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
        let kind = if archive.tracker.is_some() { "POSTGRESQL" } else { "SQLITE" };
        assert_eq!(status["database"], json!({"kind": kind, "up": true}));
        assert_eq!(status["feed"]["position"], data["alerts"]["nodes"][0]["cursor"]);
        assert_eq!(
            status["providers"],
            json!([{
                "name": "replay", "state": "OK", "effectiveInterval": null, "budgets": [],
                "note": note,
            }])
        );
    }

    async fn an_unknown_stock_is_null_and_its_lists_are_not_found(archive) {
        let data = archive.ask(r#"{ stock(symbol: "NOPE") { symbol } }"#).await;
        assert_eq!(data, json!({"stock": null}));
        for field in ["history", "alerts"] {
            let answer = archive.graphql(&format!(r#"{{ {field}(symbol: "NOPE") {{ nodes {{ symbol }} }} }}"#), json!({})).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.code(), "NOT_FOUND");
            assert_eq!(answer.error()["path"], json!([field]));
        }
        let answer = archive.graphql(r#"{ alertRules(symbol: "NOPE") { kind } }"#, json!({})).await;
        assert_eq!(answer.code(), "NOT_FOUND");
    }

    async fn nothing_is_stale_once_a_replay_has_ended(archive) {
        let data = archive
            .ask("{ stocks(last: 3) { nodes { symbol stale freshness note latestPrice { price } } } }")
            .await;
        let stock = |symbol: &str, freshness: &str, price: Value| json!({
            "symbol": symbol, "stale": false, "freshness": freshness, "note": null, "latestPrice": price,
        });
        assert_eq!(
            data["stocks"]["nodes"],
            json!([
                stock("AAPL", "CURRENT", json!({"price": "118.45"})),
                stock("IBM", "CURRENT", json!({"price": "48"})),
                stock("MSFT", "NONE", Value::Null),
            ])
        );
    }

    async fn invalid_values_are_client_errors_in_variables_and_literals(archive) {
        let history = "query($symbol: Symbol!, $after: Cursor, $from: DateTime, $first: Int) {
            history(symbol: $symbol, after: $after, from: $from, first: $first) { nodes { price } } }";
        for (variables, code) in [
            (json!({"symbol": "no symbol"}), "BAD_USER_INPUT"),
            (json!({"symbol": 5}), "BAD_USER_INPUT"),
            (json!({"symbol": "AAPL", "from": "yesterday"}), "BAD_USER_INPUT"),
        ] {
            let answer = archive.graphql(history, variables.clone()).await;
            assert_eq!(answer.code(), code, "{variables}");
            assert!(answer.json()["data"].is_null(), "{}", answer.text);
        }
        for (literal, code) in [
            (r#"symbol: "no symbol""#, "BAD_USER_INPUT"),
            (r#"symbol: "AAPL", from: "yesterday""#, "BAD_USER_INPUT"),
            (r#"symbol: "AAPL", first: "ten""#, "GRAPHQL_VALIDATION_FAILED"),
            (r#"symbol: "AAPL", colour: "red""#, "GRAPHQL_VALIDATION_FAILED"),
        ] {
            let query = format!("{{ history({literal}) {{ nodes {{ price }} }} }}");
            let answer = archive.graphql(&query, json!({})).await;
            assert_eq!(answer.code(), code, "{literal}");
            assert!(answer.json()["data"].is_null(), "{}", answer.text);
        }
    }

    async fn unparsable_invalid_and_too_complex_documents_have_their_own_codes(archive) {
        let aliases: Vec<String> = (0..101).map(|at| format!("a{at}: __typename")).collect();
        let aliases = aliases.join(" ");
        for (query, code) in [
            ("{".to_owned(), "GRAPHQL_PARSE_FAILED"),
            ("{ nope }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
            ("query A { __typename } query B { __typename }".to_owned(), "GRAPHQL_VALIDATION_FAILED"),
            (format!("{{ {aliases} }}"), "QUERY_TOO_COMPLEX"),
        ] {
            let answer = archive.graphql(&query, json!({})).await;
            assert_eq!(answer.code(), code, "{}", answer.text);
            for secret in ["SELECT", "sqlite", "postgres:", ".rs:"] {
                assert!(!answer.text.contains(secret), "{}", answer.text);
            }
        }
    }

    async fn large_but_sensible_queries_pass(archive) {
        let price = "symbol price previousClose open high low change changePercent volume tradingDay marketTime recordedAt provider cursor";
        for query in [
            format!(r#"{{ history(symbol: "AAPL", first: 500) {{ edges {{ cursor node {{ {price} }} }} pageInfo {{ hasNextPage }} }} }}"#),
            "{ stocks(first: 10) { nodes { symbol history(first: 30) { nodes { price } } } } }".to_owned(),
            "{ stocks(first: 100) { nodes { symbol history(first: 20) { nodes { price } } alerts(first: 5) { nodes { message } } } } }".to_owned(),
        ] {
            archive.ask(&query).await;
        }
    }

    async fn get_executes_only_queries(archive) {
        let get = |query: &str| archive.request(Method::GET, "/graphql").query(&[("query", query)]);
        let read = Answer::to(get("{ __typename }")).await;
        assert_eq!(read.data(), json!({"__typename": "Query"}));
        let with = Answer::to(get("query($s: Symbol!) { stock(symbol: $s) { symbol } }").query(&[("variables", r#"{"s":"ibm"}"#)])).await;
        assert_eq!(with.data()["stock"]["symbol"], "IBM");
        let batch = archive.request(Method::POST, "/graphql").json(&json!([{"query": "{ __typename }"}]));
        let batch = Answer::to(batch).await;
        assert_eq!((batch.status, &*batch.code()), (400, "BAD_USER_INPUT"));
    }

    async fn a_client_can_introspect_the_schema(archive) {
        let data = archive.ask("{ __schema { types { name specifiedByURL } subscriptionType { fields { name } } } }").await;
        let types = data["__schema"]["types"].as_array().expect("a list");
        let decimal = types.iter().find(|it| it["name"] == "Decimal").expect("present");
        assert!(decimal["specifiedByURL"].is_string(), "{decimal}");
        let fields: Vec<Value> = data["__schema"]["subscriptionType"]["fields"].as_array().expect("a list").clone();
        let named = ["priceUpdates", "alerts", "alertRules"].map(|name| json!({"name": name}));
        assert_eq!(fields, named);
    }
}
