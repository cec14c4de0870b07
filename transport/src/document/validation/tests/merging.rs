//! Tests of the validation of field merging, and of its step limit.

use std::fmt::Write;

use async_graphql::parser::parse_query;
use serde_json::json;

use super::{super::*, assert_valid, first_error, types};

#[test]
fn equal_or_mutually_exclusive_fields_are_merged() {
    assert_valid(&[
        "{ cat { id id x: name(upper: true) x: name(upper: true) } cat { id lives } }",
        "{ a: text(s: \"x\") ...F } fragment F on Query { a: text(s: \"x\") }",
        // Different fields of different objects, with the same type.
        "{ animal { ... on Cat { x: id } ... on Dog { x: id } } }",
        "{ animal { ... on Cat { x: name } ... on Dog { x: name(upper: true) } } }",
        "{ animal { ... on Cat { ... { x: owner { id } } } ... on Dog { ... { x: owner { y: id } } } } }",
        // Below objects that exclude each other, only the types must match.
        "{ animal { ... on Cat { o: owner { x: id } } ... on Dog { o: friend { x: id } } } }",
        "{ any { ... on Cat { owner { n: name } } ... on Dog { owner { n: name } } } }",
        "{ animal { friend { id } ... on Cat { friend { name } } ... on Dog { friend { owner { id } } } } }",
        "{ __typename ...F } fragment F on Query { __typename }",
        "{ __schema { types { name } } __type(name: \"Cat\") { kind fields { name } } }",
        "query($f: Kind) { cat(kind: $f) { id } cat(kind: $f) { name } }",
    ]);
}

#[test]
fn conflicting_fields_are_rejected_with_both_locations() {
    let at = "GRAPHQL_VALIDATION_FAILED 1:";
    for (text, locations) in [
        ("{ x: int(n: 1) x: int(n: 2) }", "3 1:16"),
        ("{ x: dog { id } x: cat { id } }", "3 1:17"),
        ("{ x: flag x: flag(b: true) }", "3 1:11"),
        // Not detected by async-graphql: nested, across type conditions, and through fragments.
        ("{ cat { x: id } cat { x: name } }", "9 1:23"),
        ("{ x: dog { id } ... on Query { x: cat { id } } }", "3 1:32"),
        (
            "{ x: flag ...F } fragment F on Query { x: float }",
            "3 1:40",
        ),
        (
            "{ cat { x: lives } ...F } fragment F on Query { ... { cat { x: size } } }",
            "9 1:61",
        ),
        ("{ animal { x: id ... on Cat { x: name } } }", "12 1:31"),
        (
            "{ animal { ... on Animal { x: id } ... on Being { x: name } } }",
            "28 1:51",
        ),
        (
            "{ animal { name ... on Cat { name(upper: true) } } }",
            "12 1:30",
        ),
        // The field of an interface is compared with the field of an object, and so are their
        // subfields.
        (
            "{ animal { friend { x: id } ... on Cat { friend { x: name } } } }",
            "21 1:51",
        ),
        (
            "{ animal { friend { ... on Dog { x: id } } ... on Cat { friend { x: name } } } }",
            "34 1:66",
        ),
        // Different types conflict, even on objects that exclude each other.
        (
            "{ animal { ... on Cat { mood } ... on Dog { mood } } }",
            "25 1:45",
        ),
        (
            "{ animal { ... on Cat { size } ... on Dog { size } } }",
            "25 1:45",
        ),
        (
            "{ animal { ... on Cat { x: mood } ... on Dog { x: tricks } } }",
            "25 1:48",
        ),
        (
            "{ animal { ... on Cat { x: owner { id } } ... on Dog { x: id } } }",
            "25 1:56",
        ),
        (
            "{ animal { ... on Cat { o: owner { x: id } } ... on Dog { o: owner { x: name } } } }",
            "36 1:70",
        ),
    ] {
        let error = first_error(text, &json!({}));
        assert!(
            error.starts_with(&format!("{at}{locations} ")),
            "{text}: {error}"
        );
    }
}

#[test]
fn an_operation_that_is_not_executed_is_validated_too() {
    let error = first_error("query A { flag } query B { x: flag x: float }", &json!({}));
    assert!(
        error.starts_with("GRAPHQL_VALIDATION_FAILED 1:28 1:36"),
        "{error}"
    );
}

/// The number of steps taken by the comparison.
fn steps(text: &str) -> Result<u64, StepLimitExceeded> {
    let (types, document) = (types(), parse_query(text).expect("a document"));
    let mut merger = FieldMerger::new(&types, &document, 50_000);
    for (_, operation) in document.operations.iter() {
        merger.check(&operation.node.selection_set.node, "Query")?;
    }
    assert_eq!(merger.conflicts, []);
    Ok(merger.steps)
}

#[test]
fn comparison_takes_steps_linear_in_the_document() {
    let flat = |n: usize| {
        steps(&format!("{{ {} }}", "cat { id name } ".repeat(n))).expect("within the step limit")
    };
    assert_eq!(flat(400), 2 * flat(200));
    // Each level spreads the next twice: 2^40 fields if they were expanded.
    let mut bomb = "{ animal { ...F0 } }".to_owned();
    for level in 0..40 {
        let next = level + 1;
        write!(
            bomb,
            "fragment F{level} on Animal {{ ...F{next} ...F{next} }}"
        )
        .expect("writing to a string");
    }
    bomb.push_str("fragment F40 on Animal { id }");
    assert!(steps(&bomb).expect("within the step limit") < 200);
    // The field of an interface beside the field of an object at every level, so that all paths are
    // compared: few levels are within the limit, many are not.
    let nested = |levels: usize| {
        let fields = (0..levels).fold("id".to_owned(), |below, _| {
            format!("friend {{ {below} }} ... on Cat {{ friend {{ {below} }} }}")
        });
        steps(&format!("{{ animal {{ {fields} }} }}"))
    };
    assert!(nested(5).is_ok_and(|steps| steps < 4_000));
    assert_eq!(nested(9), Err(StepLimitExceeded));
}

#[test]
fn operations_that_take_too_many_steps_together_are_rejected() {
    let fields = "cat { id } ".repeat(300);
    let mut text = format!("fragment F on Query {{ {fields} }}");
    for n in 0..200 {
        write!(text, "query Q{n} {{ ...F }}").expect("writing to a string");
    }
    let error = first_error(&text, &json!({}));
    assert!(error.starts_with("QUERY_TOO_COMPLEX"), "{error}");
}
