//! Tests that plans write the same bytes as async-graphql.

use std::cell::Cell;

use async_graphql::{Variables, parser::parse_query};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{OperationPlan, Planned};
use crate::{
    graphql::{
        fixture::{
            document::{RandomDocument, TYPES, named, query, viewer},
            request, sample,
        },
        query::Query,
    },
    live::FeedEvent,
};

#[test]
fn random_documents_get_the_response_of_the_library() {
    const CASES: u32 = 2_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (_database, sample) = runtime.block_on(sample());
    let (planned, failed) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let outcome = runner.run(&(query(), viewer()), |(RandomDocument(text), viewer)| {
        runtime.block_on(async {
            let body = sample.execute_plan(&mut request(&text, viewer)).await;
            let expected = sample.execute(request(&text, viewer)).await;
            for error in &expected.errors {
                // A document that is not executed proves nothing.
                prop_assert!(!error.path.is_empty(), "{:?}", error);
            }
            failed.set(failed.get() + u32::from(!expected.errors.is_empty()));
            let Some(body) = body else {
                return Ok(());
            };
            planned.set(planned.get() + 1);
            let expected = serde_json::to_string(&expected).expect("serialized");
            prop_assert_eq!(body, expected);
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let (planned, failed) = (planned.get(), failed.get());
    assert!(planned > CASES / 3, "{planned} documents had a plan");
    assert!(failed < CASES / 3, "{failed} responses had errors");
}

/// Returns whether a plan whose root is written from `T` covers a document.
fn has_plan<T: Planned>(text: &str) -> bool {
    let document = parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (_, operation) = document.operations.iter().next().expect("an operation");
    OperationPlan::<T>::compile(&document, &operation.node, &Variables::default()).is_some()
}

/// The fields that plans leave to async-graphql: they read other tables, need a token, or return an
/// interface.
const UNPLANNED: [(&str, &str); 7] = [
    ("Alert", "deliveries"),
    ("Query", "node"),
    ("Query", "nodes"),
    ("Query", "searchSymbols"),
    ("Query", "status"),
    ("Query", "testAlertRule"),
    ("Query", "webhooks"),
];

#[test]
fn every_field_has_a_plan_or_is_listed() {
    let paths = [
        ("Query", "{ FIELD }"),
        ("Subscription", "subscription { FIELD }"),
        ("Stock", "{ stock(symbol: \"S1\") { FIELD } }"),
        (
            "Price",
            "{ stock(symbol: \"S1\") { latestPrice { FIELD } } }",
        ),
        ("Alert", "{ alerts { nodes { FIELD } } }"),
        ("AlertRule", "{ alertRules { FIELD } }"),
        (
            "Candle",
            "{ candles(symbol: \"S1\", interval: ONE_DAY) { FIELD } }",
        ),
        ("StockConnection", "{ stocks { FIELD } }"),
        ("PriceConnection", "{ history(symbol: \"S1\") { FIELD } }"),
        ("AlertConnection", "{ alerts { FIELD } }"),
        ("StockEdge", "{ stocks { edges { FIELD } } }"),
        (
            "PriceEdge",
            "{ history(symbol: \"S1\") { edges { FIELD } } }",
        ),
        ("AlertEdge", "{ alerts { edges { FIELD } } }"),
        ("PageInfo", "{ stocks { pageInfo { FIELD } } }"),
    ];
    for (on, path) in paths {
        for field in &TYPES[on] {
            let name = &*field.name.node;
            let arguments = match name {
                "searchSymbols" => "(query: \"S1\")",
                "stock" | "history" if on == "Query" => "(symbol: \"S1\")",
                "candles" if on == "Query" => "(symbol: \"S1\", interval: ONE_DAY)",
                "candles" => "(interval: ONE_DAY)",
                _ => "",
            };
            let leaf = !TYPES.contains_key(named(&field.ty.node));
            let selection = if leaf { "" } else { " { __typename }" };
            let text = path.replace("FIELD", &format!("{name}{arguments}{selection}"));
            let expected = !UNPLANNED.contains(&(on, name));
            let is_planned = if on == "Subscription" {
                has_plan::<FeedEvent>(&text)
            } else {
                has_plan::<Query>(&text)
            };
            assert_eq!(is_planned, expected, "{text}");
        }
    }
}

#[test]
fn what_plans_do_not_cover_is_left_to_the_library() {
    for text in [
        "mutation { alertRules { id } }",
        "subscription { alertRules { id } }",
        "{ __schema { types { name } } }",
        "{ stock(symbol: \"S1\") { symbol @unknown } }",
    ] {
        assert!(!has_plan::<Query>(text), "{text}");
    }
    assert!(has_plan::<Query>("{ alertRules { id } }"));
    assert!(!has_plan::<FeedEvent>("{ alertRules { id } }"));
}
