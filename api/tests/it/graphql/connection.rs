//! Tests of connections: every page of a list equals the expected slice of the whole list.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::archive::{ALERTS, Archive, on_archives};

/// A list field with the arguments of every request, and a field that identifies a node.
struct List {
    field: &'static str,
    fixed: &'static str,
    node: &'static str,
}

const LISTS: [List; 4] = [
    List {
        field: "stocks",
        fixed: "",
        node: "symbol",
    },
    List {
        field: "history",
        fixed: r#"symbol: "AAPL", "#,
        node: "price",
    },
    List {
        field: "alerts",
        fixed: "",
        node: "message",
    },
    List {
        field: "alerts",
        fixed: r#"symbol: "AAPL", "#,
        node: "message",
    },
];

on_archives! {
    async fn every_page_equals_the_slice_that_its_arguments_select(archive) {
        for list in &LISTS {
            let whole = page(archive, list, "first: 500").await;
            let cursors = cursors(&whole);
            assert!(cursors.len() >= 3, "{whole}");
            for args in arguments(&cursors) {
                let actual = page(archive, list, &args.text).await;
                let expected = args.expected(&whole["edges"]);
                assert_eq!(actual["edges"], expected["edges"], "{}({})", list.field, args.text);
                assert_eq!(actual["pageInfo"], expected["pageInfo"], "{}({})", list.field, args.text);
            }
        }
    }

    async fn nodes_equal_the_nodes_of_edges_and_total_count_counts_the_whole_list(archive) {
        let data = archive.ask(r#"{
            stocks(first: 1) { totalCount nodes { symbol } edges { node { symbol } } }
            found: stocks(search: "ib") { totalCount nodes { symbol } }
            nothing: stocks(search: "%") { totalCount nodes { symbol } pageInfo { startCursor endCursor hasNextPage hasPreviousPage } }
            alerts(first: 2) { totalCount nodes { message } edges { node { message } } }
            of: alerts(symbol: "ibm") { totalCount nodes { symbol } }
            none: alerts(symbol: "MSFT") { totalCount nodes { symbol } }
            history(symbol: "AAPL", first: 3) { nodes { price } edges { node { price } } }
        }"#).await;
        for list in ["stocks", "alerts", "history"] {
            let edges = data[list]["edges"].as_array().expect("a list");
            let nodes: Vec<_> = edges.iter().map(|edge| edge["node"].clone()).collect();
            assert_eq!(data[list]["nodes"], json!(nodes));
        }
        assert_eq!(data["stocks"]["totalCount"], 3);
        assert_eq!(data["alerts"]["totalCount"], ALERTS.len());
        assert_eq!(data["found"], json!({"totalCount": 1, "nodes": [{"symbol": "IBM"}]}));
        assert_eq!(data["of"], json!({"totalCount": 1, "nodes": [{"symbol": "IBM"}]}));
        assert_eq!(data["none"], json!({"totalCount": 0, "nodes": []}));
        let empty = json!({"startCursor": null, "endCursor": null, "hasNextPage": false, "hasPreviousPage": false});
        assert_eq!(data["nothing"], json!({"totalCount": 0, "nodes": [], "pageInfo": empty}));
    }

    async fn a_page_has_fifty_items_by_default(archive) {
        let data = archive.ask(r#"{ history(symbol: "AAPL") { nodes { price } pageInfo { hasNextPage } } }"#).await;
        let all = archive.ask(r#"{ history(symbol: "AAPL", first: 50) { nodes { price } pageInfo { hasNextPage } } }"#).await;
        assert_eq!(data, all);
    }

    async fn the_lists_of_a_stock_equal_those_of_the_query_root(archive) {
        let data = archive.ask(r#"{
            stock(symbol: "AAPL") { history(last: 3) { nodes { cursor } } alerts(first: 2) { totalCount nodes { id } } }
            history(symbol: "AAPL", last: 3) { nodes { cursor } }
            alerts(symbol: "AAPL", first: 2) { totalCount nodes { id } }
        }"#).await;
        assert_eq!(data["stock"]["history"], data["history"]);
        assert_eq!(data["stock"]["alerts"], data["alerts"]);
    }

    async fn sizes_out_of_range_and_cursors_of_other_lists_are_rejected(archive) {
        let stocks = cursors(&page(archive, &LISTS[0], "first: 1").await).remove(0);
        let prices = cursors(&page(archive, &LISTS[1], "first: 1").await).remove(0);
        for list in &LISTS {
            let foreign = if list.field == "stocks" { &prices } else { &stocks };
            for (arguments, named) in [
                ("first: 501".to_owned(), "first"),
                ("first: -1".to_owned(), "first"),
                ("last: 501".to_owned(), "last"),
                ("last: -1".to_owned(), "last"),
                ("first: 1, last: 1".to_owned(), "last"),
                (r#"after: "x""#.to_owned(), "after"),
                (r#"before: """#.to_owned(), "before"),
                (format!(r#"after: "{foreign}""#), "after"),
                (format!(r#"before: "{foreign}""#), "before"),
            ] {
                let answer = archive.graphql(&query(list, &arguments), json!({})).await;
                assert_eq!(answer.code(), "BAD_USER_INPUT", "{arguments}: {}", answer.text);
                let error = answer.error();
                let message = error["message"].as_str().expect("a message");
                assert!(message.contains(named), "{arguments}: {message}");
                // A malformed cursor is rejected before execution.
                let malformed = [r#"after: "x""#, r#"before: """#].contains(&&*arguments);
                let path = if malformed { Value::Null } else { json!([list.field]) };
                assert_eq!(error["path"], path, "{error}");
                assert_eq!(answer.json().get("data").is_none(), malformed, "{error}");
            }
        }
    }

    async fn the_smallest_and_largest_sizes_are_allowed(archive) {
        for list in &LISTS {
            for arguments in ["first: 0", "first: 500", "last: 0", "last: 500"] {
                page(archive, list, arguments).await;
            }
        }
    }

    async fn from_and_to_limit_a_history_and_a_from_after_to_is_rejected(archive) {
        let all = archive.ask(r#"{ history(symbol: "AAPL") { nodes { price recordedAt } } }"#).await;
        let at = |index: usize| all["history"]["nodes"][index]["recordedAt"].as_str().expect("an instant");
        let span = format!(r#"from: "{}", to: "{}""#, at(6), at(2));
        let data = archive.ask(&format!(r#"{{ history(symbol: "AAPL", {span}) {{ nodes {{ price recordedAt }} }} }}"#)).await;
        let all = all["history"]["nodes"].as_array().expect("a list");
        assert_eq!(data["history"]["nodes"], json!(all[3..=6]));
        let span = r#"from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z""#;
        let rejected = archive.graphql(&format!(r#"{{ history(symbol: "AAPL", {span}) {{ nodes {{ price }} }} }}"#), json!({})).await;
        assert_eq!(rejected.code(), "BAD_USER_INPUT");
    }
}

fn query(list: &List, arguments: &str) -> String {
    let List { field, fixed, node } = list;
    format!(
        "{{ {field}({fixed}{arguments}) {{ edges {{ cursor node {{ {node} }} }} \
         pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    )
}

async fn page(archive: &Archive, list: &List, arguments: &str) -> Value {
    archive.ask(&query(list, arguments)).await[list.field].take()
}

fn cursors(page: &Value) -> Vec<String> {
    let edges = page["edges"].as_array().expect("a list");
    let cursor = |edge: &Value| edge["cursor"].as_str().expect("a cursor").to_owned();
    edges.iter().map(cursor).collect()
}

/// Arguments of a page, and the slice of the whole list that they select.
struct Arguments {
    text: String,
    /// The cursors, as indices of edges of the whole list.
    after: Option<usize>,
    before: Option<usize>,
    first: Option<usize>,
    last: Option<usize>,
}

fn arguments(cursors: &[String]) -> Vec<Arguments> {
    let end = cursors.len() - 1;
    let bounds = [
        (None, None),
        (Some(0), None),
        (Some(end), None),
        (None, Some(0)),
        (None, Some(end)),
        (Some(0), Some(end)),
        (Some(end), Some(0)),
        (Some(1), Some(1)),
    ];
    let sizes = [0, 1, 2, cursors.len() - 1, cursors.len(), cursors.len() + 1];
    let mut all = Vec::new();
    for (after, before) in bounds {
        for size in sizes {
            for (first, last) in [(Some(size), None), (None, Some(size))] {
                let mut text = String::new();
                for (name, at) in [("after", after), ("before", before)] {
                    if let Some(at) = at {
                        let _ = write!(text, r#"{name}: "{}", "#, cursors[at]);
                    }
                }
                for (name, size) in [("first", first), ("last", last)] {
                    if let Some(size) = size {
                        let _ = write!(text, "{name}: {size}");
                    }
                }
                all.push(Arguments {
                    text,
                    after,
                    before,
                    first,
                    last,
                });
            }
        }
    }
    all
}

impl Arguments {
    /// Returns the expected page: a slice of the list, and whether items exist before and after it.
    fn expected(&self, edges: &Value) -> Value {
        let edges = edges.as_array().expect("a list");
        let mut from = self.after.map_or(0, |at| at + 1);
        let mut to = self.before.unwrap_or(edges.len()).max(from);
        if let Some(first) = self.first {
            to = to.min(from + first);
        }
        if let Some(last) = self.last {
            from = from.max(to.saturating_sub(last));
        }
        // If `after` is not before `before`, the slice is empty and items exist on both sides.
        let overlap =
            matches!((self.after, self.before), (Some(after), Some(before)) if after >= before);
        let slice = &edges[from..to];
        let cursor = |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
        json!({
            "edges": slice,
            "pageInfo": {
                "hasNextPage": to < edges.len() || overlap,
                "hasPreviousPage": from > 0 || overlap,
                "startCursor": cursor(slice.first()),
                "endCursor": cursor(slice.last()),
            },
        })
    }
}
