//! Compares the list writer with async-graphql on random documents, byte for byte.

mod document;

use std::cell::Cell;

use async_graphql::{PathSegment, Request, Value, Variables, value};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use testkit::TestDatabase;

use crate::graphql::{
    object::{AlertObject, CandleObject, PriceObject, RuleObject, StockObject},
    output::{Row, json},
    sample::{Resolver, SampleSchema, Shape},
};
use document::{Document, TYPES, document, named};

const SHAPE: Shape = Shape {
    stocks: 4,
    prices: 5,
    alerts: 4,
    candles: 3,
};

async fn sample() -> (TestDatabase, SampleSchema) {
    let database = TestDatabase::sqlite().await;
    let sample = SampleSchema::fill((*database).clone(), SHAPE).await;
    (database, sample)
}

fn request(query: &str) -> Request {
    let variables = Variables::from_value(value!({"yes": true, "no": false}));
    Request::new(query).variables(variables)
}

/// Whether a part of the response was written in one pass.
fn has_raw(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            fields.contains_key(async_graphql_value::RAW_VALUE_TOKEN)
                || fields.values().any(has_raw)
        }
        Value::List(values) => values.iter().any(has_raw),
        _ => false,
    }
}

#[test]
fn random_documents_have_the_same_responses_as_with_the_library() {
    const CASES: u32 = 2_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (_database, sample) = runtime.block_on(sample());
    let (passes, failures) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let outcome = runner.run(&document(), |Document(text)| {
        runtime.block_on(async {
            let mut told = sample.respond(request(&text), Resolver::OnePass).await;
            let expected = sample.respond(request(&text), Resolver::Library).await;
            passes.set(passes.get() + u32::from(has_raw(&told.data)));
            failures.set(failures.get() + u32::from(!told.errors.is_empty()));
            // A document that fails validation compares nothing.
            prop_assert!(
                told.errors.iter().all(|error| !error.path.is_empty()),
                "{:?}",
                told.errors
            );
            // The path of async-graphql ends at the row of the outermost list.
            prop_assert_eq!(told.errors.len(), expected.errors.len());
            for (told, expected) in told.errors.iter_mut().zip(&expected.errors) {
                prop_assert!(told.path.starts_with(&expected.path), "{:?}", told);
                prop_assert!(matches!(told.path.last(), Some(PathSegment::Field(_))));
                told.path.clone_from(&expected.path);
            }
            let told = json::response(&told);
            let expected = serde_json::to_vec(&expected).expect("it is written");
            let (told, expected) = (
                String::from_utf8_lossy(&told),
                String::from_utf8_lossy(&expected),
            );
            prop_assert_eq!(told, expected);
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let (passes, failures) = (passes.get(), failures.get());
    assert!(
        passes > CASES / 3,
        "{passes} answers had a list told in one pass"
    );
    assert!(failures < CASES / 3, "{failures} answers had errors");
}

/// Whether a field of a row is a column, by the row's name in the schema.
fn columns_of(row: &str) -> fn(&str) -> bool {
    match row {
        "Stock" => |field| StockObject::column(field).is_some(),
        "Price" => |field| PriceObject::column(field).is_some(),
        "Alert" => |field| AlertObject::column(field).is_some(),
        "AlertRule" => |field| RuleObject::column(field).is_some(),
        "Candle" => |field| CandleObject::column(field).is_some(),
        other => panic!("{other} is in lists; name its columns here"),
    }
}

#[test]
fn every_field_that_only_reads_a_row_is_a_column() {
    // These depend on the polling hours and on the newest price.
    const ASKS: [(&str, &str); 3] = [
        ("Stock", "stale"),
        ("Stock", "freshness"),
        ("Stock", "note"),
    ];
    let connections = TYPES
        .iter()
        .filter(|(name, _)| name.ends_with("Connection"));
    let nodes = connections.map(|(name, fields)| {
        let nodes = fields.iter().find(|field| field.name.node == "nodes");
        named(&nodes.unwrap_or_else(|| panic!("{name} has nodes")).ty.node)
    });
    let mut rows: Vec<&str> = nodes.chain(["AlertRule", "Candle"]).collect();
    rows.sort_unstable();
    assert_eq!(rows, ["Alert", "AlertRule", "Candle", "Price", "Stock"]);
    for row in rows {
        for field in &TYPES[row] {
            let name = &*field.name.node;
            let leaf = !TYPES.contains_key(named(&field.ty.node));
            let expected = leaf && field.arguments.is_empty() && !ASKS.contains(&(row, name));
            assert_eq!(columns_of(row)(name), expected, "{row}.{name}");
        }
    }
}

#[tokio::test]
async fn an_error_within_lists_has_the_path_of_its_field() {
    let (_database, sample) = sample().await;
    for (document, path) in [
        (
            "{ stocks { nodes { symbol history(first: 501) { nodes { price } } } } }",
            json!(["stocks", "nodes", 0, "history"]),
        ),
        (
            "{ stocks(first: 2) { edges { node { id its: alerts(last: -1) { totalCount } } } } }",
            json!(["stocks", "edges", 0, "node", "its"]),
        ),
        (
            "{ history(symbol: \"S1\", first: 2) { nodes { stock { history(first: -1) { nodes { price } } } } } }",
            json!(["history", "nodes", 0, "stock", "history"]),
        ),
        (
            "{ all: alerts { nodes { stock { price: history(first: 1) { nodes {
               stock { candles(interval: ONE_DAY, first: 1001) { close } } } } } } } }",
            json!([
                "all", "nodes", 0, "stock", "price", "nodes", 0, "stock", "candles"
            ]),
        ),
    ] {
        let told = sample.respond(request(document), Resolver::OnePass).await;
        let body: serde_json::Value = serde_json::to_value(&told).expect("it is written");
        assert_eq!(body["errors"][0]["path"], path, "{body}");
    }
}
