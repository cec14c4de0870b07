//! The budget against documents that people send, and documents that nobody should.

use std::fmt::Write;

use async_graphql::{
    Variables,
    parser::{parse_query, types::DocumentOperations},
    value,
};

use super::{walk::Walk, *};

const INTROSPECTION: &str = include_str!("introspection.graphql");

fn judged(text: &str, variables: &Variables) -> Result<(), Refusal> {
    let budget = Budget {
        weigh: Arc::new(
            PageSizes::new(500)
                .with_list("list", 50)
                .with_long_list("long", 200, 1000)
                .with_length("byIds", "ids"),
        ),
        ..Budget::default()
    };
    budget.check_text(text)?;
    let document = parse_query(text).expect("a document");
    let (_, chosen) = document.operations.iter().next().expect("an operation");
    budget.check(&document, chosen, variables)
}

fn excess(text: &str) -> &'static str {
    match judged(text, &Variables::default()) {
        Err(Refusal::Excess(excess)) => excess.of,
        other => panic!("{other:?}"),
    }
}

/// Fragments that each spread the next twice.
fn bomb(levels: usize) -> String {
    let mut text = "{ ...F0 }".to_owned();
    for level in 0..levels {
        let next = level + 1;
        write!(text, "fragment F{level} on Q {{ ...F{next} ...F{next} }}").expect("written");
    }
    write!(text, "fragment F{levels} on Q {{ a }}").expect("written");
    text
}

#[test]
fn a_long_list_costs_what_it_has() {
    let within = |text: &str| judged(text, &Variables::default()).is_ok();
    // Each element is the field itself and what is selected of it: 100 000 are the most.
    assert!(within("{ list(first: 99) { long(first: 1000) { a } } }"));
    assert!(!within("{ list(first: 100) { long(first: 1000) { a } } }"));
    assert!(!within("{ list(first: 500) { long { a } } }"));
    assert!(within("{ list(first: 99) { long(first: 9000) { a } } }"));
}

#[test]
fn the_standard_introspection_query_passes() {
    assert_eq!(judged(INTROSPECTION, &Variables::default()), Ok(()));
}

#[test]
fn introspection_in_circles_is_refused() {
    let text = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }";
    assert_eq!(excess(text), "nested introspected lists");
    let wide = format!("{{ __schema {{ {} }} }}", "x ".repeat(1000));
    assert_eq!(excess(&wide), "introspected fields");
    let many = (0..11).fold(String::new(), |text, n| {
        format!("{text} a{n}: __schema {{ a }}")
    });
    assert_eq!(excess(&format!("{{ {many} }}")), "introspections");
}

#[test]
fn each_bound_holds_exactly() {
    let fields = |count: usize| format!("{{ x {{ {} }} }}", "a ".repeat(count));
    assert_eq!(judged(&fields(999), &Variables::default()), Ok(()));
    assert_eq!(excess(&fields(1000)), "fields");
    let deep = |depth: usize| format!("{}a{}", "{a".repeat(depth - 1) + "{", "}".repeat(depth));
    assert_eq!(judged(&deep(15), &Variables::default()), Ok(()));
    assert_eq!(excess(&deep(16)), "nested fields");
    let aliases = |count: usize| {
        let list = (0..count).fold(String::new(), |text, n| format!("{text} a{n}: a"));
        format!("{{ x {{ {list} }} }}")
    };
    assert_eq!(judged(&aliases(100), &Variables::default()), Ok(()));
    assert_eq!(excess(&aliases(101)), "aliases");
    let directives = |count: usize| format!("{{ a {} }}", "@d ".repeat(count));
    assert_eq!(judged(&directives(50), &Variables::default()), Ok(()));
    assert_eq!(excess(&directives(51)), "directives");
    let roots = |count: usize| format!("{{ {} }}", "a ".repeat(count));
    assert_eq!(judged(&roots(100), &Variables::default()), Ok(()));
    assert_eq!(excess(&roots(101)), "root fields");
    let tokens = |count: usize| format!("{{ a(b: [{}]) }}", "1,".repeat(count - 9));
    assert_eq!(judged(&tokens(5000), &Variables::default()), Ok(()));
    assert_eq!(excess(&tokens(5001)), "tokens");
}

#[test]
fn lists_multiply_what_is_in_them() {
    let passes = |text: &str| assert_eq!(judged(text, &Variables::default()), Ok(()), "{text}");
    passes("{ stocks(first: 500) { nodes { a b c d e f g h } } }");
    passes("{ s(first: 100) { nodes { h(first: 20) { edges { node { a b c d e f g } } } } } }");
    let large = "{ a(first: 500) { b(last: 500) { c } } }";
    assert_eq!(excess(large), "fields in its response");
    assert_eq!(
        excess("{ list { list { list { a } } } }"),
        "fields in its response"
    );
    passes("{ a(first: 99999999999) { b } }");
    passes("{ a(first: -1) { b(first: null) { c } } }");
    let ids = "1 ".repeat(300);
    assert_eq!(
        excess(&format!(
            "{{ byIds(ids: [{ids}]) {{ a(first: 500) {{ b }} }} }}"
        )),
        "fields in its response"
    );
}

#[test]
fn sizes_in_variables_count() {
    let text = "query Q($n: Int = 500) { a(first: $n) { b(first: 500) { c } } }";
    assert!(judged(text, &Variables::default()).is_err(), "the default");
    let few = Variables::from_value(value!({"n": 2}));
    assert_eq!(judged(text, &few), Ok(()));
    let nothing = Variables::from_value(value!({"n": null}));
    assert_eq!(judged(text, &nothing), Ok(()));
}

#[test]
fn what_a_fragment_holds_counts_at_each_spread() {
    let text = |spreads: usize| {
        format!(
            "{{ x {{ {} }} }} fragment F on X {{ {} }}",
            "...F ".repeat(spreads),
            "a ".repeat(111)
        )
    };
    assert_eq!(judged(&text(9), &Variables::default()), Ok(()));
    assert_eq!(excess(&text(10)), "fields");
}

#[test]
fn a_fragment_in_a_circle_is_refused() {
    let text = "{ ...A } fragment A on Q { ...B } fragment B on Q { a { ...A } }";
    let refused = judged(text, &Variables::default());
    assert!(matches!(refused, Err(Refusal::Cycle(_))), "{refused:?}");
}

#[test]
fn a_fragment_that_is_not_there_is_left_to_validation() {
    assert_eq!(judged("{ ...Nope }", &Variables::default()), Ok(()));
}

#[test]
fn what_no_operation_uses_is_bounded_too() {
    let unused = excess(&bomb(25).replacen("...F0", "a", 1));
    // Which of its fragments is measured first is up to a hash map.
    assert!(["fields", "selections"].contains(&unused), "{unused}");
    let text = format!(
        "query A {{ a }} query B {{ x {{ {} }} }}",
        "a ".repeat(1000)
    );
    let budget = Budget::default();
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
fn steps_grow_with_the_text_and_not_with_what_it_expands_to() {
    let steps = |levels: usize| {
        let budget = Budget {
            tokens: usize::MAX,
            bytes: usize::MAX,
            levels: u64::MAX,
            selections: u64::MAX,
            fields: u64::MAX,
            root_fields: u64::MAX,
            cost: u64::MAX,
            ..Budget::default()
        };
        let text = bomb(levels);
        let document = parse_query(&text).expect("a document");
        let (_, chosen) = document.operations.iter().next().expect("an operation");
        let variables = Variables::default();
        let mut walk = Walk::new(&budget, &document, &variables, &[]);
        walk.check_operation(chosen).expect("within");
        walk.steps
    };
    assert_eq!(steps(10), 22);
    assert_eq!(steps(20), 42);
    assert_eq!(steps(100), 202);
}

#[test]
fn no_stack_is_deep_enough_to_be_worth_trying() {
    let chain = (0..600).fold("{ ...F0 }".to_owned(), |text, n| {
        format!("{text} fragment F{n} on Q {{ ...F{} }}", n + 1)
    });
    assert_eq!(excess(&chain), "nested selections");
    for (open, close) in [("{a", "}"), ("[", "]"), ("{a:", "}")] {
        let deep = format!(
            "{{ a(b: {}{}) }}",
            open.repeat(50_000),
            close.repeat(50_000)
        );
        let refused = Budget {
            bytes: usize::MAX,
            ..Budget::default()
        }
        .check_text(&deep);
        assert_eq!(refused.expect_err("too deep").of, "nested brackets");
    }
}

#[test]
fn a_deepest_document_that_passes_is_parsed_on_a_small_stack() {
    let values = format!("{{ a(b: {}{}) }}", "[".repeat(62), "]".repeat(62));
    let objects = format!("{{ a(b: {}1{}) }}", "{a:".repeat(62), "}".repeat(62));
    let types = format!("query ($a: {}I{}) {{ a }}", "[".repeat(63), "]".repeat(63));
    let parse = move || {
        for text in [values, objects, types] {
            Budget::default().check_text(&text).expect("within");
            parse_query(&text).expect("a document");
        }
    };
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(parse)
        .expect("a thread")
        .join()
        .expect("enough of a stack");
}

#[test]
fn strings_and_comments_are_one_token_and_none() {
    let check = |text: &str, tokens: usize| {
        for (limit, fits) in [(tokens, true), (tokens - 1, false)] {
            let budget = Budget {
                tokens: limit,
                ..Budget::default()
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
        fn any_text_is_judged_without_a_panic(text in "[{}()\\[\\]@\"\\\\.:$!a-c0-2 \n#é-]{0,200}") {
            let budget = Budget::default();
            if budget.check_text(&text).is_ok()
                && let Ok(document) = parse_query(&text)
                && let Some((_, chosen)) = document.operations.iter().next()
            {
                let _ = budget.check(&document, chosen, &Variables::default());
            }
        }
    }
}
