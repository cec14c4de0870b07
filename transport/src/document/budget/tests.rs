//! Tests with documents within the budget and documents that exceed it.

use std::fmt::Write;

use async_graphql::{
    Variables,
    parser::{parse_query, types::DocumentOperations},
    value,
};

use super::{measure::Measurer, *};

const INTROSPECTION: &str = include_str!("introspection.graphql");

fn check(text: &str, variables: &Variables) -> Result<(), BudgetError> {
    let budget = QueryBudget {
        list_sizes: Arc::new(
            PageSizes::new(500)
                .with_list("list", 50)
                .with_long_list("long", 200, 1000)
                .with_length("byIds", "ids"),
        ),
        ..QueryBudget::default()
    };
    budget.check_text(text)?;
    let document = parse_query(text).expect("a document");
    let (_, chosen) = document.operations.iter().next().expect("an operation");
    budget.check(&document, chosen, variables).map(drop)
}

fn exceeded(text: &str) -> &'static str {
    match check(text, &Variables::default()) {
        Err(BudgetError::LimitExceeded(exceeded)) => exceeded.what,
        other => panic!("{other:?}"),
    }
}

/// Fragments that each spread the next one twice.
fn bomb(levels: usize) -> String {
    let mut text = "{ ...F0 }".to_owned();
    for level in 0..levels {
        let next = level + 1;
        write!(text, "fragment F{level} on Q {{ ...F{next} ...F{next} }}")
            .expect("writing to a string");
    }
    write!(text, "fragment F{levels} on Q {{ a }}").expect("writing to a string");
    text
}

#[test]
fn a_long_list_costs_its_own_length() {
    let within = |text: &str| check(text, &Variables::default()).is_ok();
    // An item costs one field plus its selections; the limit is 100 000.
    assert!(within("{ list(first: 99) { long(first: 1000) { a } } }"));
    assert!(!within("{ list(first: 100) { long(first: 1000) { a } } }"));
    assert!(!within("{ list(first: 500) { long { a } } }"));
    assert!(within("{ list(first: 99) { long(first: 9000) { a } } }"));
}

#[test]
fn the_standard_introspection_query_passes() {
    assert_eq!(check(INTROSPECTION, &Variables::default()), Ok(()));
}

#[test]
fn recursive_introspection_is_rejected() {
    let text = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    assert_eq!(exceeded(text), "nested introspection lists");
    let wide = format!("{{ __schema {{ {} }} }}", "x ".repeat(1000));
    assert_eq!(exceeded(&wide), "introspection fields");
    let many = (0..11).fold(String::new(), |text, n| {
        format!("{text} a{n}: __schema {{ a }}")
    });
    assert_eq!(
        exceeded(&format!("{{ {many} }}")),
        "introspection root fields"
    );
}

#[test]
fn each_limit_is_exact() {
    let fields = |count: usize| format!("{{ x {{ {} }} }}", "a ".repeat(count));
    assert_eq!(check(&fields(999), &Variables::default()), Ok(()));
    assert_eq!(exceeded(&fields(1000)), "fields");
    let deep = |depth: usize| format!("{}a{}", "{a".repeat(depth - 1) + "{", "}".repeat(depth));
    assert_eq!(check(&deep(15), &Variables::default()), Ok(()));
    assert_eq!(exceeded(&deep(16)), "nested fields");
    let aliases = |count: usize| {
        let list = (0..count).fold(String::new(), |text, n| format!("{text} a{n}: a"));
        format!("{{ x {{ {list} }} }}")
    };
    assert_eq!(check(&aliases(100), &Variables::default()), Ok(()));
    assert_eq!(exceeded(&aliases(101)), "aliases");
    let directives = |count: usize| format!("{{ a {} }}", "@d ".repeat(count));
    assert_eq!(check(&directives(50), &Variables::default()), Ok(()));
    assert_eq!(exceeded(&directives(51)), "directives");
    let roots = |count: usize| format!("{{ {} }}", "a ".repeat(count));
    assert_eq!(check(&roots(100), &Variables::default()), Ok(()));
    assert_eq!(exceeded(&roots(101)), "root fields");
    let tokens = |count: usize| format!("{{ a(b: [{}]) }}", "1,".repeat(count - 9));
    assert_eq!(check(&tokens(5000), &Variables::default()), Ok(()));
    assert_eq!(exceeded(&tokens(5001)), "tokens");
}

#[test]
fn lists_multiply_the_cost_of_their_selections() {
    let passes = |text: &str| assert_eq!(check(text, &Variables::default()), Ok(()), "{text}");
    passes("{ stocks(first: 500) { nodes { a b c d e f g h } } }");
    passes("{ s(first: 100) { nodes { h(first: 20) { edges { node { a b c d e f g } } } } } }");
    let large = "{ a(first: 500) { b(last: 500) { c } } }";
    assert_eq!(exceeded(large), "response fields");
    assert_eq!(
        exceeded("{ list { list { list { a } } } }"),
        "response fields"
    );
    passes("{ a(first: 99999999999) { b } }");
    passes("{ a(first: -1) { b(first: null) { c } } }");
    let ids = "1 ".repeat(300);
    assert_eq!(
        exceeded(&format!(
            "{{ byIds(ids: [{ids}]) {{ a(first: 500) {{ b }} }} }}"
        )),
        "response fields"
    );
}

#[test]
fn sizes_in_variables_count() {
    let text = "query Q($n: Int = 500) { a(first: $n) { b(first: 500) { c } } }";
    assert!(check(text, &Variables::default()).is_err(), "the default");
    let few = Variables::from_value(value!({"n": 2}));
    assert_eq!(check(text, &few), Ok(()));
    let nothing = Variables::from_value(value!({"n": null}));
    assert_eq!(check(text, &nothing), Ok(()));
}

#[test]
fn a_fragment_counts_at_each_spread() {
    let text = |spreads: usize| {
        format!(
            "{{ x {{ {} }} }} fragment F on X {{ {} }}",
            "...F ".repeat(spreads),
            "a ".repeat(111)
        )
    };
    assert_eq!(check(&text(9), &Variables::default()), Ok(()));
    assert_eq!(exceeded(&text(10)), "fields");
}

#[test]
fn a_fragment_cycle_is_rejected() {
    let text = "{ ...A } fragment A on Q { ...B } fragment B on Q { a { ...A } }";
    let refused = check(text, &Variables::default());
    assert!(
        matches!(refused, Err(BudgetError::FragmentCycle(_))),
        "{refused:?}"
    );
}

#[test]
fn an_undefined_fragment_is_left_to_validation() {
    assert_eq!(check("{ ...Nope }", &Variables::default()), Ok(()));
}

#[test]
fn unused_fragments_and_operations_are_limited_too() {
    let unused = exceeded(&bomb(25).replacen("...F0", "a", 1));
    // The fragment measured first depends on the order of a hash map.
    assert!(["fields", "selections"].contains(&unused), "{unused}");
    let text = format!(
        "query A {{ a }} query B {{ x {{ {} }} }}",
        "a ".repeat(1000)
    );
    let budget = QueryBudget::default();
    let document = parse_query(&text).expect("a document");
    let DocumentOperations::Multiple(operations) = &document.operations else {
        panic!("named operations");
    };
    let chosen = &operations["A"];
    assert!(
        budget
            .check(&document, chosen, &Variables::default())
            .is_err()
    );
}

#[test]
fn steps_are_linear_in_the_text_not_in_its_expansion() {
    let steps = |levels: usize| {
        let budget = QueryBudget {
            tokens: usize::MAX,
            bytes: usize::MAX,
            levels: u64::MAX,
            selections: u64::MAX,
            fields: u64::MAX,
            root_fields: u64::MAX,
            cost: u64::MAX,
            ..QueryBudget::default()
        };
        let text = bomb(levels);
        let document = parse_query(&text).expect("a document");
        let (_, chosen) = document.operations.iter().next().expect("an operation");
        let variables = Variables::default();
        let mut measurer = Measurer::new(&budget, &document, &variables, &[]);
        measurer.check_operation(chosen).expect("within the budget");
        measurer.steps
    };
    assert_eq!(steps(10), 22);
    assert_eq!(steps(20), 42);
    assert_eq!(steps(100), 202);
}

#[test]
fn deep_nesting_is_rejected_without_recursion() {
    let chain = (0..600).fold("{ ...F0 }".to_owned(), |text, n| {
        format!("{text} fragment F{n} on Q {{ ...F{} }}", n + 1)
    });
    assert_eq!(exceeded(&chain), "nested selections");
    for (open, close) in [("{a", "}"), ("[", "]"), ("{a:", "}")] {
        let deep = format!(
            "{{ a(b: {}{}) }}",
            open.repeat(50_000),
            close.repeat(50_000)
        );
        let refused = QueryBudget {
            bytes: usize::MAX,
            ..QueryBudget::default()
        }
        .check_text(&deep);
        assert_eq!(refused.expect_err("too deep").what, "nested brackets");
    }
}

#[test]
fn the_deepest_accepted_document_is_parsed_on_a_small_stack() {
    let values = format!("{{ a(b: {}{}) }}", "[".repeat(62), "]".repeat(62));
    let objects = format!("{{ a(b: {}1{}) }}", "{a:".repeat(62), "}".repeat(62));
    let types = format!("query ($a: {}I{}) {{ a }}", "[".repeat(63), "]".repeat(63));
    let parse = move || {
        for text in [values, objects, types] {
            QueryBudget::default()
                .check_text(&text)
                .expect("within the budget");
            parse_query(&text).expect("a document");
        }
    };
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(parse)
        .expect("spawn a thread")
        .join()
        .expect("the stack suffices");
}

#[test]
fn a_string_is_one_token_and_a_comment_is_none() {
    let check = |text: &str, tokens: usize| {
        for (limit, fits) in [(tokens, true), (tokens - 1, false)] {
            let budget = QueryBudget {
                tokens: limit,
                ..QueryBudget::default()
            };
            assert_eq!(budget.check_text(text).is_ok(), fits, "{text} has {tokens}");
        }
    };
    check("{ a }", 3);
    check("\u{feff}{ a # { b } \n ,, c }", 4);
    check(r#"{ a(b: "{ [ \" @ \\") }"#, 8);
    check(r#"{ a(b: """ " \""" { """) }"#, 8);
    check(r#"{ a(b: "") }"#, 8);
    check("{ ...F @d(a: -1.5e+3, b: $c) }", 15);
    check("\"never ends", 1);
    check("\"\"\"never ends \\", 1);
    check("\"a\nb", 2);
}

mod arbitrary {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_checked_without_a_panic(text in "[{}()\\[\\]@\"\\\\.:$!a-c0-2 \n#é-]{0,200}") {
            let budget = QueryBudget::default();
            if budget.check_text(&text).is_ok()
                && let Ok(document) = parse_query(&text)
                && let Some((_, chosen)) = document.operations.iter().next()
            {
                let _ = budget.check(&document, chosen, &Variables::default());
            }
        }
    }
}
