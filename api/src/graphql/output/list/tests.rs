//! Tests that lists with a list plan have the same bytes as those of async-graphql.

mod cost;
mod document;

use std::cell::Cell;

use async_graphql::{
    EmptyMutation, EmptySubscription, Error, Object, PathSegment, Request, Response, Result,
    Schema, Value, Variables, value,
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;
use testkit::{TestDatabase, sample_rows::Shape};

use crate::{
    auth::Viewer,
    graphql::{
        fixture::{Resolver, SampleSchema},
        object::{AlertObject, CandleObject, DeliveryObject, PriceObject, RuleObject, StockObject},
        output::{Row, Rows, columns, json},
    },
};
use document::{RandomDocument, TYPES, document, named};

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
    Request::new(query).variables(variables).data(Viewer::Admin)
}

/// The fields of a path. Rows are resolved concurrently: the first error may be that of any row.
fn fields(path: &[PathSegment]) -> Vec<&PathSegment> {
    let is_field = |segment: &&PathSegment| matches!(segment, PathSegment::Field(_));
    path.iter().filter(is_field).collect()
}

/// Whether a list of the response was written by a list plan.
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
fn random_documents_get_the_same_response_with_and_without_list_plans() {
    const CASES: u32 = 2_000;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (_database, sample) = runtime.block_on(sample());
    let (planned, failed) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config::with_cases(CASES));
    let outcome = runner.run(&document(), |RandomDocument(text)| {
        runtime.block_on(async {
            let mut response = sample.execute(request(&text), Resolver::ListPlan).await;
            let expected = sample.execute(request(&text), Resolver::Library).await;
            planned.set(planned.get() + u32::from(has_raw(&response.data)));
            failed.set(failed.get() + u32::from(!response.errors.is_empty()));
            // A list whose fields are all skipped always has a plan.
            prop_assert!(!has_raw(&expected.data) || text.contains('@'));
            // The path of async-graphql may end above the field that failed.
            prop_assert_eq!(response.errors.len(), expected.errors.len());
            for (error, expected) in response.errors.iter_mut().zip(&expected.errors) {
                // A document that is not executed proves nothing.
                let is_at_field = matches!(error.path.last(), Some(PathSegment::Field(_)));
                prop_assert!(is_at_field, "{:?}", error);
                let above = fields(&expected.path);
                prop_assert!(fields(&error.path).starts_with(&above), "{:?}", error);
                error.path.clone_from(&expected.path);
            }
            let body = json::response(&response);
            let expected = serde_json::to_vec(&expected).expect("serialized");
            prop_assert_eq!(
                String::from_utf8_lossy(&body),
                String::from_utf8_lossy(&expected)
            );
            Ok(())
        })
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    let (planned, failed) = (planned.get(), failed.get());
    assert!(planned > CASES / 3, "{planned} responses had a list plan");
    assert!(failed < CASES / 3, "{failed} responses had errors");
}

/// A number. Its lists have the numbers below it, as `Rows` and as the `Vec` of async-graphql.
#[derive(Clone)]
struct Number(i32);

#[Object]
impl Number {
    fn value(&self) -> i32 {
        self.0
    }

    async fn odd(&self) -> Result<i32> {
        if self.0 % 2 == 1 {
            Ok(self.0)
        } else {
            Err(Error::new(format!("{} is even", self.0)))
        }
    }

    async fn rows(&self) -> Rows<'static, Number> {
        (0..self.0).map(Number).collect()
    }

    async fn vec(&self) -> Vec<Number> {
        (0..self.0).map(Number).collect()
    }
}

columns!(Number { value });

#[tokio::test]
async fn a_list_without_a_plan_is_resolved_like_a_vec() {
    let schema = Schema::new(Number(4), EmptyMutation, EmptySubscription);
    for document in [
        "{ list: LIST { value } }",
        "{ list: LIST { value list: LIST { value } } }",
        "{ list: LIST { value } list: LIST { list: LIST { value } } }",
        "{ list: LIST { odd } }",
        "{ list: LIST { value } list: LIST { odd } }",
    ] {
        let [rows, vec] =
            ["rows", "vec"].map(|list| schema.execute(document.replace("LIST", list)));
        let (rows, vec) = (rows.await, vec.await);
        let messages = |response: &Response| -> Vec<String> {
            let errors = response.errors.iter();
            errors.map(|error| error.message.clone()).collect()
        };
        assert_eq!(messages(&rows), messages(&vec), "{document}");
        let data = serde_json::to_string(&vec.data).expect("serialized");
        let body = String::from_utf8(json::response(&Response::new(rows.data)).into());
        assert_eq!(
            body.expect("text"),
            format!("{{\"data\":{data}}}"),
            "{document}"
        );
    }
}

/// Whether a field of a row is a column, by the row's name in the schema.
fn columns_of(row: &str) -> fn(&str) -> bool {
    match row {
        "Stock" => |field| StockObject::column(field).is_some(),
        "Price" => |field| PriceObject::column(field).is_some(),
        "Alert" => |field| AlertObject::column(field).is_some(),
        "AlertRule" => |field| RuleObject::column(field).is_some(),
        "Candle" => |field| CandleObject::column(field).is_some(),
        "Delivery" => |field| DeliveryObject::column(field).is_some(),
        other => panic!("{other} is in lists; add its columns here"),
    }
}

#[test]
fn every_field_that_only_reads_a_row_is_a_column() {
    // They depend on the answers of providers, on the newest price and on the clock.
    const LOADED: [(&str, &str); 4] = [
        ("AlertRule", "expired"),
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
    assert_eq!(
        rows,
        ["Alert", "AlertRule", "Candle", "Delivery", "Price", "Stock"]
    );
    for row in rows {
        for field in &TYPES[row] {
            let name = &*field.name.node;
            let leaf = !TYPES.contains_key(named(&field.ty.node));
            let expected = leaf && field.arguments.is_empty() && !LOADED.contains(&(row, name));
            assert_eq!(columns_of(row)(name), expected, "{row}.{name}");
        }
    }
}

#[tokio::test]
async fn the_path_of_an_error_in_nested_lists_ends_at_its_field() {
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
        let response = sample.execute(request(document), Resolver::ListPlan).await;
        let body = serde_json::to_value(&response).expect("serialized");
        assert_eq!(body["errors"][0]["path"], path, "{body}");
    }
}
