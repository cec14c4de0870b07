//! Tests of the validation of variables: their values, positions and default values.

use serde_json::json;

use super::{assert_valid, first_error, validate};

#[test]
fn variables_of_the_expected_type_are_accepted() {
    for (text, variables) in [
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": 1, "more": []}),
        ),
        ("query($n: Int = 3) { int(n: $n) }", json!({})),
        (
            "query($k: Kind) { cat(kind: $k) { id } }",
            json!({"k": "CAT"}),
        ),
        (
            "query($k: Kind) { cat(kind: $k) { id } }",
            json!({"k": null}),
        ),
        ("query($k: Kind) { cat(kind: $k) { id } }", json!({})),
        ("query($k: [Kind!]) { kinds(in: $k) }", json!({"k": "DOG"})),
        (
            "query($k: [Kind!]) { kinds(in: $k) }",
            json!({"k": ["DOG", "CAT"]}),
        ),
        (
            "query($p: [[Int]]) { pairs(in: $p) }",
            json!({"p": [1, [2, null]]}),
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": {"count": 1, "kind": "CAT", "nested": [{"count": 2}]}}),
        ),
        ("query($o: OneOf) { one(of: $o) }", json!({"o": {"b": "x"}})),
        ("query($i: ID!) { id(id: $i) }", json!({"i": 7})),
        ("query($n: Float) { float(n: $n) }", json!({"n": 7})),
    ] {
        validate(text, &variables).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    }
}

/// The document is valid because the definition has a default value.
#[test]
fn null_variables_in_non_null_positions_are_bad_input() {
    for (text, variables, expected) in [
        (
            "query($i: ID = \"a\") { id(id: $i) }",
            json!({"i": null}),
            "Variable \"$i\" used in position expecting type \"ID!\" must not be null.",
        ),
        (
            "query($k: Kind = CAT) { kinds(in: [$k]) }",
            json!({"k": null}),
            "Variable \"$k\" used in position expecting type \"Kind!\" must not be null.",
        ),
        (
            "query($b: Boolean = true) { ...f } fragment f on Query { __typename @include(if: $b) }",
            json!({"b": null}),
            "Variable \"$b\" used in position expecting type \"Boolean!\" must not be null.",
        ),
    ] {
        let error = first_error(text, &variables);
        assert_eq!(error, format!("BAD_USER_INPUT 1:7 {expected}"), "{text}");
        validate(text, &json!({})).expect("the default applies");
    }
}

#[test]
fn variables_of_another_type_are_bad_input() {
    for (text, variables, expected) in [
        (
            "query($n: Int!) { int(n: $n) }",
            json!({}),
            "Variable \"$n\" of required type \"Int!\" was not provided.",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": null}),
            "Variable \"$n\" got invalid value; Expected value of type \"Int!\", found null",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": "1"}),
            "Variable \"$n\" got invalid value; Expected value of type \"Int\", found \"1\".",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": 1.5}),
            "Variable \"$n\" got invalid value;",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": 3_000_000_000_u64}),
            "Variable \"$n\" got invalid value;",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": [1]}),
            "Variable \"$n\" got invalid value;",
        ),
        (
            "query($s: String!) { text(s: $s) }",
            json!({"s": 1}),
            "Variable \"$s\" got invalid value;",
        ),
        (
            "query($b: Boolean) { flag(b: $b) }",
            json!({"b": "true"}),
            "Variable \"$b\" got invalid value;",
        ),
        (
            "query($i: ID!) { id(id: $i) }",
            json!({"i": true}),
            "Variable \"$i\" got invalid value;",
        ),
        (
            "query($k: Kind) { cat(kind: $k) { id } }",
            json!({"k": "COW"}),
            "Variable \"$k\" got invalid value;",
        ),
        (
            "query($k: [Kind!]) { kinds(in: $k) }",
            json!({"k": ["CAT", null]}),
            "Variable \"$k[1]\" got invalid value;",
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": "x"}),
            "Variable \"$f\" got invalid value;",
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": {"kind": "CAT"}}),
            "Variable \"$f\" got invalid value; Field \"count\" of required type",
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": {"count": 1, "x": 1}}),
            "Variable \"$f\" got invalid value; Field \"x\" is not defined by type \"Filter\".",
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": {"count": 1, "nested": [{"count": 1}, {"count": null}]}}),
            "Variable \"$f.nested[1].count\" got invalid value; Expected value of type \"Int!\", found null",
        ),
        (
            "query($o: OneOf) { one(of: $o) }",
            json!({"o": {"a": 1, "b": "x"}}),
            "Variable \"$o\" got invalid value;",
        ),
    ] {
        let error = first_error(text, &variables);
        let expected = format!("BAD_USER_INPUT 1:7 {expected}");
        assert!(error.starts_with(&expected), "{text}: {error}");
    }
}

#[test]
fn undefined_names_are_left_to_the_library() {
    for text in [
        "query($n: Int!) { nope(n: $n) }",
        "query($n: Int!) { int(n: $n) ...F }",
        "query($n: Int!) { int(n: $m) }",
        "query($n: Int!) { int(m: $n) }",
        "query($n: Int!) { int(n: 1) @nope(n: $n) }",
        "subscription { int }",
    ] {
        let result = validate(text, &json!({}));
        let spread = text.contains("...F");
        assert!(result.is_ok() || spread, "{text}: {result:?}");
    }
}

#[test]
fn a_variable_in_an_incompatible_position_is_rejected() {
    for (text, locations) in [
        ("query($n: Int) { int(n: $n) }", "7 1:25"),
        ("query($n: Int = null) { int(n: $n) }", "7 1:32"),
        ("query($n: Float) { int(n: $n) }", "7 1:27"),
        ("query($n: Int) { one(of: {a: $n}) }", "7 1:26"),
        ("query($k: Other) { cat(kind: $k) { id } }", "7 1:30"),
        ("query($k: Kind!) { kinds(in: $k) }", "7 1:30"),
        ("query($k: [Kind]) { kinds(in: $k) }", "7 1:31"),
        ("query($n: String!) { filter(all: {count: $n}) }", "7 1:34"),
        (
            "query($n: Int) { ...F } fragment F on Query { int(n: $n) }",
            "7 1:54",
        ),
        ("query($b: Boolean) { flag @skip(if: $b) }", "7 1:37"),
    ] {
        let error = first_error(text, &json!({}));
        let expected = format!("GRAPHQL_VALIDATION_FAILED 1:{locations} Variable \"$");
        assert!(error.starts_with(&expected), "{text}: {error}");
    }
}

#[test]
fn a_missing_variable_takes_the_default_of_its_position() {
    for (text, types) in [
        ("query($n: Int) { open(first: $n) }", "Int = 5"),
        (
            "query($n: Int) { open(first: $n) ...F } fragment F on Query { x: open(first: $n) }",
            "Int = 5",
        ),
        ("query($n: Int) { open(by: {count: $n}) }", "Int = 3"),
        // With a default, in a position without a default, and in positions with different
        // defaults.
        ("query($n: Int = 4) { open(first: $n) }", "Int = 4"),
        ("query($n: Int) { float(n: 1) pairs(in: [[$n]]) }", "Int"),
        ("query($n: Int) { open(first: $n, by: {count: $n}) }", "Int"),
    ] {
        let defaults =
            validate(text, &json!({})).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        assert_eq!(defaults.join(" "), types, "{text}");
    }
}

#[test]
fn a_variable_type_may_be_stricter_than_its_position() {
    assert_valid(&[
        "query($k: [Kind!]! = []) { kinds(in: $k) }",
        "query($p: [[Int!]!]! = []) { pairs(in: $p) }",
        "query($n: Int! = 1) { one(of: {a: $n}) float(n: 1) }",
    ]);
}
