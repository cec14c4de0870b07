//! Documents and values that are accepted and rejected, according to the specification.

use std::fmt::Write;

use async_graphql::parser::parse_query;
use serde_json::{Value, json};

use super::*;

const SDL: &str = r#"
scalar Even

enum Kind { CAT DOG }
enum Other { CAT }

input Filter { kind: Kind, text: String = "x", count: Int!, nested: [Filter!], even: Even }
input Open { count: Int! = 3, any: [Int] }
input OneOf @oneOf { a: Int, b: String }

interface Animal { id: ID!, name(upper: Boolean): String, friend: Animal, owner: Person }
interface Being { id: ID!, name(upper: Boolean): String }

type Cat implements Animal & Being {
  id: ID!, name(upper: Boolean): String, friend: Animal, owner: Person, lives: Int!, mood: String, size: Float
}
type Dog implements Animal & Being {
  id: ID!, name(upper: Boolean): String, friend: Animal, owner: Person, mood: Int, tricks: [String!], size: Float!
}
type Person { id: ID!, name: String, pets: [Animal!]!, cat: Cat }

union Any = Cat | Dog | Person

type Query {
  animal(id: ID): Animal
  any: Any
  cat(kind: Kind): Cat
  dog: Dog
  int(n: Int!): Int
  float(n: Float): Int
  text(s: String!): String
  flag(b: Boolean): Int
  kinds(in: [Kind!]): Int
  pairs(in: [[Int]]): Int
  filter(by: Filter, all: [Filter!]): Int
  open(by: Open, first: Int! = 5): Int
  one(of: OneOf): Int
  even(n: Even, list: [Even!]): Int
  id(id: ID!): Int
}

type Mutation { set(by: Filter!): Int }
"#;

/// Accepts even numbers only.
struct Evens;

impl Scalars for Evens {
    fn check(&self, scalar: &str, value: &async_graphql::Value) -> Result<(), String> {
        assert_eq!(scalar, "Even");
        match value {
            async_graphql::Value::Number(n) if n.as_i64().is_some_and(|n| n % 2 == 0) => Ok(()),
            _ => Err("expected an even number".to_owned()),
        }
    }
}

fn types() -> Types {
    let types = Types::from_sdl(SDL).expect("a schema");
    types.with_scalars(Evens)
}

/// The types and defaults of the variables after validation, or the errors.
fn validate(text: &str, variables: &Value) -> Result<Vec<String>, Vec<ServerError>> {
    let mut document = parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (_, chosen) = document.operations.iter().next().expect("an operation");
    let input = Input {
        text,
        document: &document,
        chosen,
        variables: &Variables::from_json(variables.clone()),
        steps: 50_000,
    };
    let rewrites = types().validate(&input)?;
    for rewrite in rewrites {
        rewrite.apply(&mut document);
    }
    let (_, chosen) = document.operations.iter().next().expect("an operation");
    let definitions = chosen.node.variable_definitions.iter();
    Ok(definitions
        .map(|definition| match &definition.node.default_value {
            Some(default) => format!("{} = {default}", definition.node.var_type),
            None => definition.node.var_type.to_string(),
        })
        .collect())
}

/// The code, locations and message of the first error.
fn first_error(text: &str, variables: &Value) -> String {
    let errors = validate(text, variables).expect_err(text);
    let error = &errors[0];
    let code = error.extensions.as_ref().and_then(|all| all.get("code"));
    let mut line = match code {
        Some(async_graphql::Value::String(code)) => code.clone(),
        other => panic!("{text}: {other:?}"),
    };
    for pos in &error.locations {
        write!(line, " {}:{}", pos.line, pos.column).expect("writing to a string");
    }
    write!(line, " {}", error.message).expect("writing to a string");
    line
}

fn assert_valid(texts: &[&str]) {
    for text in texts {
        if let Err(errors) = validate(text, &json!({})) {
            panic!("{text}: {errors:?}");
        }
    }
}

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
