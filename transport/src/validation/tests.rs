//! Documents and values that are taken and refused, each with what the specification says of it.

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

/// Takes even numbers only.
struct Evens;

impl Scalars for Evens {
    fn check(&self, scalar: &str, value: &async_graphql::Value) -> Result<(), String> {
        assert_eq!(scalar, "Even");
        match value {
            async_graphql::Value::Number(n) if n.as_i64().is_some_and(|n| n % 2 == 0) => Ok(()),
            _ => Err("an even number is wanted".to_owned()),
        }
    }
}

fn types() -> Types {
    let types = Types::from_sdl(SDL).expect("a schema");
    types.with_scalars(Evens)
}

/// The types that the library will read, or the errors.
fn judge(text: &str, variables: &Value) -> Result<Vec<String>, Vec<ServerError>> {
    let mut document = parse_query(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let (_, chosen) = document.operations.iter().next().expect("an operation");
    let subject = Subject {
        text,
        document: &document,
        chosen,
        variables: &Variables::from_json(variables.clone()),
        steps: 50_000,
    };
    let rewrites = types().validate(&subject)?;
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

/// Code, places and message of the first error.
fn refused(text: &str, variables: &Value) -> String {
    let errors = judge(text, variables).expect_err(text);
    let error = &errors[0];
    let code = error.extensions.as_ref().and_then(|all| all.get("code"));
    let mut line = match code {
        Some(async_graphql::Value::String(code)) => code.clone(),
        other => panic!("{text}: {other:?}"),
    };
    for pos in &error.locations {
        write!(line, " {}:{}", pos.line, pos.column).expect("written");
    }
    write!(line, " {}", error.message).expect("written");
    line
}

fn taken(texts: &[&str]) {
    for text in texts {
        if let Err(errors) = judge(text, &json!({})) {
            panic!("{text}: {errors:?}");
        }
    }
}

#[test]
fn fields_that_are_one_or_cannot_meet_are_merged() {
    taken(&[
        "{ cat { id id x: name(upper: true) x: name(upper: true) } cat { id lives } }",
        "{ a: text(s: \"x\") ...F } fragment F on Query { a: text(s: \"x\") }",
        // Different fields of different objects, of one type.
        "{ animal { ... on Cat { x: id } ... on Dog { x: id } } }",
        "{ animal { ... on Cat { x: name } ... on Dog { x: name(upper: true) } } }",
        "{ animal { ... on Cat { ... { x: owner { id } } } ... on Dog { ... { x: owner { y: id } } } } }",
        // Below objects that exclude each other, everything may differ but in its type.
        "{ animal { ... on Cat { o: owner { x: id } } ... on Dog { o: friend { x: id } } } }",
        "{ any { ... on Cat { owner { n: name } } ... on Dog { owner { n: name } } } }",
        "{ animal { friend { id } ... on Cat { friend { name } } ... on Dog { friend { owner { id } } } } }",
        "{ __typename ...F } fragment F on Query { __typename }",
        "{ __schema { types { name } } __type(name: \"Cat\") { kind fields { name } } }",
        "query($f: Kind) { cat(kind: $f) { id } cat(kind: $f) { name } }",
    ]);
}

#[test]
fn fields_that_differ_under_one_name_are_refused_with_both_places() {
    let at = "GRAPHQL_VALIDATION_FAILED 1:";
    for (text, places) in [
        ("{ x: int(n: 1) x: int(n: 2) }", "3 1:16"),
        ("{ x: dog { id } x: cat { id } }", "3 1:17"),
        ("{ x: flag x: flag(b: true) }", "3 1:11"),
        // What the library misses: below, across conditions, and through fragments.
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
        // An interface's field meets an object's, and what is below them meets, too.
        (
            "{ animal { friend { x: id } ... on Cat { friend { x: name } } } }",
            "21 1:51",
        ),
        (
            "{ animal { friend { ... on Dog { x: id } } ... on Cat { friend { x: name } } } }",
            "34 1:66",
        ),
        // Different types, whoever they are of.
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
        let told = refused(text, &json!({}));
        assert!(
            told.starts_with(&format!("{at}{places} ")),
            "{text}: {told}"
        );
    }
}

#[test]
fn an_operation_that_does_not_run_is_judged_as_well() {
    let told = refused("query A { flag } query B { x: flag x: float }", &json!({}));
    assert!(
        told.starts_with("GRAPHQL_VALIDATION_FAILED 1:28 1:36"),
        "{told}"
    );
}

#[test]
fn literals_of_their_types_are_taken() {
    taken(&[
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
fn literals_of_other_types_are_refused_with_their_place() {
    for (text, at) in [
        (
            "{ cat(kind: \"CAT\") { id } }",
            "1:13 argument `kind`: a value of `Kind`",
        ),
        ("{ cat(kind: COW) { id } }", "1:13 argument `kind`"),
        ("{ kinds(in: [CAT, \"DOG\"]) }", "1:13 argument `in[1]`"),
        (
            "{ kinds(in: [null]) }",
            "1:13 argument `in[0]`: `Kind!` cannot be null",
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
            "1:14 argument `by`: a value of `Filter`",
        ),
        (
            "{ filter(by: {count: 1, more: 2}) }",
            "1:14 argument `by`: `Filter` has no field",
        ),
        (
            "{ filter(by: {kind: CAT}) }",
            "1:14 argument `by`: the field `count` of type `Int!`",
        ),
        (
            "{ filter(by: {count: 1, nested: [{count: 1}, {count: \"x\"}]}) }",
            "1:14 argument `by.nested[1].count`",
        ),
        (
            "{ filter(by: {count: 1, count: 2}) }",
            "1:25 the field `count` is given twice",
        ),
        ("{ open(by: {count: null}) }", "1:12"),
        ("{ one(of: {}) }", "1:11"),
        ("{ one(of: {a: 1, b: \"x\"}) }", "1:11"),
        ("{ one(of: {a: null}) }", "1:11"),
        // One part is a variable, the other is wrong.
        (
            "query($n: Int!) { filter(by: {count: $n, kind: \"CAT\"}) }",
            "1:30",
        ),
        (
            "query($k: Kind = \"CAT\") { cat(kind: $k) { id } }",
            "1:18 default of variable `$k`",
        ),
        (
            "query($f: [Filter] = [{count: 1, x: 2}]) { filter(all: $f) }",
            "1:22",
        ),
        (
            "query($x: [Nope] = [1]) { pairs(in: $x) }",
            "1:7 the type `Nope`",
        ),
        ("{ flag ...F } fragment F on Query { int(n: 1.5) }", "1:44"),
    ] {
        let told = refused(text, &json!({}));
        let wanted = format!("GRAPHQL_VALIDATION_FAILED {at}");
        assert!(told.starts_with(&wanted), "{text}: {told}");
    }
}

#[test]
fn the_application_judges_its_own_scalars() {
    let told = refused("{ even(n: 3) }", &json!({}));
    assert_eq!(
        told,
        "BAD_USER_INPUT 1:11 argument `n`: an even number is wanted"
    );
    let told = refused("{ filter(by: {count: 1, even: \"2\"}) }", &json!({}));
    assert!(
        told.starts_with("BAD_USER_INPUT 1:14 argument `by.even`:"),
        "{told}"
    );
    let query = "query($n: [Even!]) { even(list: $n) }";
    let told = refused(query, &json!({"n": [2, 3]}));
    assert_eq!(
        told,
        "BAD_USER_INPUT 1:7 variable `$n[1]`: an even number is wanted"
    );
    judge(query, &json!({"n": [2, 4]})).expect("even numbers");
    // What is wrong with the document is said first.
    let told = refused("{ even(n: 3) int(n: 1.5) }", &json!({}));
    assert!(told.starts_with("GRAPHQL_VALIDATION_FAILED"), "{told}");
}

#[test]
fn variables_of_their_types_are_taken() {
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
        judge(text, &variables).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    }
}

/// Which their definition's default lets the document be valid without.
#[test]
fn variables_that_are_null_where_nothing_can_be_are_bad_input() {
    for (text, variables, wanted) in [
        (
            "query($i: ID = \"a\") { id(id: $i) }",
            json!({"i": null}),
            "variable `$i` is null where `ID!` is wanted",
        ),
        (
            "query($k: Kind = CAT) { kinds(in: [$k]) }",
            json!({"k": null}),
            "variable `$k` is null where `Kind!` is wanted",
        ),
        (
            "query($b: Boolean = true) { ...f } fragment f on Query { __typename @include(if: $b) }",
            json!({"b": null}),
            "variable `$b` is null where `Boolean!` is wanted",
        ),
    ] {
        let told = refused(text, &variables);
        assert_eq!(told, format!("BAD_USER_INPUT 1:7 {wanted}"), "{text}");
        judge(text, &json!({})).expect("the default is good");
    }
}

#[test]
fn variables_of_other_types_are_bad_input_and_are_named() {
    for (text, variables, wanted) in [
        (
            "query($n: Int!) { int(n: $n) }",
            json!({}),
            "variable `$n` of type `Int!` is missing",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": null}),
            "variable `$n`: `Int!` cannot be null",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": "1"}),
            "variable `$n`: a value of `Int` is wanted, not the string \"1\"",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": 1.5}),
            "variable `$n`:",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": 3_000_000_000_u64}),
            "variable `$n`:",
        ),
        (
            "query($n: Int!) { int(n: $n) }",
            json!({"n": [1]}),
            "variable `$n`:",
        ),
        (
            "query($s: String!) { text(s: $s) }",
            json!({"s": 1}),
            "variable `$s`:",
        ),
        (
            "query($b: Boolean) { flag(b: $b) }",
            json!({"b": "true"}),
            "variable `$b`:",
        ),
        (
            "query($i: ID!) { id(id: $i) }",
            json!({"i": true}),
            "variable `$i`:",
        ),
        (
            "query($k: Kind) { cat(kind: $k) { id } }",
            json!({"k": "COW"}),
            "variable `$k`:",
        ),
        (
            "query($k: [Kind!]) { kinds(in: $k) }",
            json!({"k": ["CAT", null]}),
            "variable `$k[1]`:",
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": "x"}),
            "variable `$f`:",
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": {"kind": "CAT"}}),
            "variable `$f`: the field `count`",
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": {"count": 1, "x": 1}}),
            "variable `$f`: `Filter` has no field `x`",
        ),
        (
            "query($f: Filter) { filter(by: $f) }",
            json!({"f": {"count": 1, "nested": [{"count": 1}, {"count": null}]}}),
            "variable `$f.nested[1].count`: `Int!` cannot be null",
        ),
        (
            "query($o: OneOf) { one(of: $o) }",
            json!({"o": {"a": 1, "b": "x"}}),
            "variable `$o`:",
        ),
    ] {
        let told = refused(text, &variables);
        let wanted = format!("BAD_USER_INPUT 1:7 {wanted}");
        assert!(told.starts_with(&wanted), "{text}: {told}");
    }
}

#[test]
fn what_is_not_defined_is_left_to_the_library() {
    for text in [
        "query($n: Int!) { nope(n: $n) }",
        "query($n: Int!) { int(n: $n) ...F }",
        "query($n: Int!) { int(n: $m) }",
        "query($n: Int!) { int(m: $n) }",
        "query($n: Int!) { int(n: 1) @nope(n: $n) }",
        "subscription { int }",
    ] {
        let taken = judge(text, &json!({}));
        let spread = text.contains("...F");
        assert!(taken.is_ok() || spread, "{text}: {taken:?}");
    }
}

#[test]
fn a_variable_is_used_where_its_values_fit() {
    for (text, places) in [
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
        let told = refused(text, &json!({}));
        let wanted = format!("GRAPHQL_VALIDATION_FAILED 1:{places} variable `$");
        assert!(told.starts_with(&wanted), "{text}: {told}");
    }
}

#[test]
fn a_variable_that_is_not_given_leaves_its_place_to_the_places_default() {
    for (text, types) in [
        ("query($n: Int) { open(first: $n) }", "Int = 5"),
        (
            "query($n: Int) { open(first: $n) ...F } fragment F on Query { x: open(first: $n) }",
            "Int = 5",
        ),
        ("query($n: Int) { open(by: {count: $n}) }", "Int = 3"),
        // What has its own, and what has none, or several.
        ("query($n: Int = 4) { open(first: $n) }", "Int = 4"),
        ("query($n: Int) { float(n: 1) pairs(in: [[$n]]) }", "Int"),
        ("query($n: Int) { open(first: $n, by: {count: $n}) }", "Int"),
    ] {
        let taken = judge(text, &json!({})).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        assert_eq!(taken.join(" "), types, "{text}");
    }
}

#[test]
fn a_variable_may_be_narrower_than_its_place() {
    taken(&[
        "query($k: [Kind!]! = []) { kinds(in: $k) }",
        "query($p: [[Int!]!]! = []) { pairs(in: $p) }",
        "query($n: Int! = 1) { one(of: {a: $n}) float(n: 1) }",
    ]);
}

/// Steps of the comparison.
fn steps(text: &str) -> Result<u64, Exhausted> {
    let (types, document) = (types(), parse_query(text).expect("a document"));
    let mut merge = Merge::new(&types, &document, 50_000);
    for (_, operation) in document.operations.iter() {
        merge.check(&operation.node.selection_set.node, "Query")?;
    }
    assert_eq!(merge.conflicts, []);
    Ok(merge.steps)
}

#[test]
fn comparing_takes_steps_in_proportion_to_the_document() {
    let flat = |n: usize| steps(&format!("{{ {} }}", "cat { id name } ".repeat(n))).expect("few");
    assert_eq!(flat(400), 2 * flat(200));
    // Each level twice by a fragment: 2^40 fields, if they were expanded.
    let mut bomb = "{ animal { ...F0 } }".to_owned();
    for level in 0..40 {
        let next = level + 1;
        write!(
            bomb,
            "fragment F{level} on Animal {{ ...F{next} ...F{next} }}"
        )
        .expect("written");
    }
    bomb.push_str("fragment F40 on Animal { id }");
    assert!(steps(&bomb).expect("few") < 200);
    // An interface's field beside an object's at every level, so that all ways meet: small ones
    // are compared, large ones are not.
    let nested = |levels: usize| {
        let fields = (0..levels).fold("id".to_owned(), |below, _| {
            format!("friend {{ {below} }} ... on Cat {{ friend {{ {below} }} }}")
        });
        steps(&format!("{{ animal {{ {fields} }} }}"))
    };
    assert!(nested(5).is_ok_and(|taken| taken < 4_000));
    assert_eq!(nested(9), Err(Exhausted));
}

#[test]
fn operations_that_take_too_many_steps_together_are_refused() {
    let fields = "cat { id } ".repeat(300);
    let mut text = format!("fragment F on Query {{ {fields} }}");
    for n in 0..200 {
        write!(text, "query Q{n} {{ ...F }}").expect("written");
    }
    let told = refused(&text, &json!({}));
    assert!(told.starts_with("QUERY_TOO_COMPLEX"), "{told}");
}
