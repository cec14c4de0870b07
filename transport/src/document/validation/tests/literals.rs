//! Tests of the validation of literals: values that are written in the document.

use serde_json::json;

use super::{assert_valid, first_error, validate};

#[test]
fn literals_of_the_expected_type_are_accepted() {
    assert_valid(&[
        "{ int(n: -2147483648) float(n: 1) flag(b: null) cat(kind: CAT) { id } }",
        "{ kinds(in: DOG) x: kinds(in: [CAT, DOG]) y: kinds }",
        "{ pairs(in: 1) x: pairs(in: [[1, null], null]) y: pairs(in: [1]) }",
        "{ filter(by: {count: 1, kind: CAT, nested: {count: 2}}) }",
        "{ filter(all: {count: 1}) open(by: {}) x: open(first: 1) }",
        "{ one(of: {a: 1}) even(n: 2, list: [4]) x: even(list: 2) y: even(n: null) }",
        "{ id(id: 5) x: id(id: \"5\") }",
        "query($f: Filter = {count: 1, kind: CAT}, $k: [Kind!] = CAT) { filter(by: $f) kinds(in: $k) }",
        "{ flag @skip(if: true) }",
        "{ text(s: \"{a: 1, a: 2} ( \\\" {\") x: text(s: \"\"\"{a: 1 \\\"\"\" a: 2}\"\"\") }",
    ]);
}

#[test]
fn literals_of_another_type_are_rejected_with_their_location() {
    for (text, at) in [
        (
            "{ cat(kind: \"CAT\") { id } }",
            "1:13 Argument \"kind\" has invalid value; Expected value of type \"Kind\"",
        ),
        ("{ cat(kind: COW) { id } }", "1:13 Argument \"kind\" has"),
        ("{ kinds(in: [CAT, \"DOG\"]) }", "1:13 Argument \"in[1]\""),
        (
            "{ kinds(in: [null]) }",
            "1:13 Argument \"in[0]\" has invalid value; Expected value of type \"Kind!\", found null",
        ),
        ("{ int(n: 1.5) }", "1:10"),
        ("{ int(n: 2147483648) }", "1:10"),
        ("{ int(n: null) }", "1:10"),
        ("{ int(n: \"1\") }", "1:10"),
        ("{ int(n: [1]) }", "1:10"),
        ("{ float(n: \"1\") }", "1:12"),
        ("{ text(s: 1) }", "1:11"),
        ("{ text(s: CAT) }", "1:11"),
        ("{ flag(b: 1) }", "1:11"),
        ("{ id(id: 1.5) }", "1:10"),
        ("{ flag @skip(if: \"true\") }", "1:18"),
        (
            "{ filter(by: 5) }",
            "1:14 Argument \"by\" has invalid value; Expected value of type \"Filter\"",
        ),
        (
            "{ filter(by: {count: 1, more: 2}) }",
            "1:14 Argument \"by\" has invalid value; Field \"more\" is not defined by type \"Filter\"",
        ),
        (
            "{ filter(by: {kind: CAT}) }",
            "1:14 Argument \"by\" has invalid value; Field \"count\" of required type \"Int!\"",
        ),
        (
            "{ filter(by: {count: 1, nested: [{count: 1}, {count: \"x\"}]}) }",
            "1:14 Argument \"by.nested[1].count\"",
        ),
        (
            "{ filter(by: {count: 1, count: 2}) }",
            "1:25 There can be only one input field named \"count\".",
        ),
        ("{ open(by: {count: null}) }", "1:12"),
        ("{ one(of: {}) }", "1:11"),
        ("{ one(of: {a: 1, b: \"x\"}) }", "1:11"),
        ("{ one(of: {a: null}) }", "1:11"),
        // One part is a variable, another part is invalid.
        (
            "query($n: Int!) { filter(by: {count: $n, kind: \"CAT\"}) }",
            "1:30",
        ),
        (
            "query($k: Kind = \"CAT\") { cat(kind: $k) { id } }",
            "1:18 Variable \"$k\" has invalid default value;",
        ),
        (
            "query($f: [Filter] = [{count: 1, x: 2}]) { filter(all: $f) }",
            "1:22",
        ),
        (
            "query($x: [Nope] = [1]) { pairs(in: $x) }",
            "1:7 Unknown type \"Nope\".",
        ),
        ("{ flag ...F } fragment F on Query { int(n: 1.5) }", "1:44"),
    ] {
        let error = first_error(text, &json!({}));
        let expected = format!("GRAPHQL_VALIDATION_FAILED {at}");
        assert!(error.starts_with(&expected), "{text}: {error}");
    }
}

#[test]
fn custom_scalars_are_checked_by_the_application() {
    let error = first_error("{ even(n: 3) }", &json!({}));
    assert_eq!(
        error,
        "BAD_USER_INPUT 1:11 Argument \"n\" has invalid value; expected an even number"
    );
    let error = first_error("{ filter(by: {count: 1, even: \"2\"}) }", &json!({}));
    assert!(
        error.starts_with("BAD_USER_INPUT 1:14 Argument \"by.even\" has invalid value;"),
        "{error}"
    );
    let query = "query($n: [Even!]) { even(list: $n) }";
    let error = first_error(query, &json!({"n": [2, 3]}));
    assert_eq!(
        error,
        "BAD_USER_INPUT 1:7 Variable \"$n[1]\" got invalid value; expected an even number"
    );
    validate(query, &json!({"n": [2, 4]})).expect("valid numbers");
    // Errors of the document come first.
    let error = first_error("{ even(n: 3) int(n: 1.5) }", &json!({}));
    assert!(error.starts_with("GRAPHQL_VALIDATION_FAILED"), "{error}");
}
