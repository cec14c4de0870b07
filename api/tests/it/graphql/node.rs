//! Tests of global IDs: the fields `node` and `nodes`.

use serde_json::{Value, json};

use crate::archive::on_archives;

on_archives! {
    async fn node_and_nodes_find_every_object_by_its_id(archive) {
        let data = archive.ask("{ stocks { nodes { id } } alerts { nodes { id } } alertRules { id } }").await;
        let mut ids = Vec::new();
        for list in [&data["stocks"]["nodes"], &data["alerts"]["nodes"], &data["alertRules"]] {
            let list = list.as_array().expect("a list");
            ids.extend(list.iter().map(|node| node["id"].clone()));
        }
        assert_eq!(ids.len(), 3 + 5 + 1);
        for id in &ids {
            let found = archive.graphql("query($id: ID!) { node(id: $id) { id __typename } }", json!({"id": id})).await;
            assert_eq!(found.data()["node"]["id"], *id);
        }
        let found = archive.graphql(NODES, json!({"ids": ids})).await.data();
        let kinds: Vec<_> = found["nodes"].as_array().expect("a list").iter().map(|it| it["__typename"].clone()).collect();
        assert_eq!(kinds, ["Stock", "Stock", "Stock", "Alert", "Alert", "Alert", "Alert", "Alert", "AlertRule"]);
        assert_eq!(found["nodes"][0]["symbol"], "AAPL");
        assert_eq!(found["nodes"][8]["threshold"], "5");
    }

    async fn an_unknown_id_is_null_and_nodes_keeps_the_order_of_ids(archive) {
        let stock = archive.ask(r#"{ stock(symbol: "IBM") { id } }"#).await["stock"]["id"].take();
        // Empty, malformed, `Stock:999`, `Stock:02`, `Nope:1`, `Stock:99999999999999999999`.
        for wrong in ["", "x", "U3RvY2s6OTk5", "U3RvY2s6MDI", "Tm9wZTox", "U3RvY2s6OTk5OTk5OTk5OTk5OTk5OTk5OTk"] {
            let found = archive.graphql("query($id: ID!) { node(id: $id) { id } }", json!({"id": wrong})).await;
            assert_eq!(found.data(), json!({"node": null}), "{wrong}");
        }
        let ids = json!({"ids": [stock, "x", stock]});
        let found = archive.graphql(NODES, ids).await.data();
        let ids: Vec<_> = found["nodes"].as_array().expect("a list").iter().map(|it| it.get("id").cloned()).collect();
        assert_eq!(ids, [Some(stock.clone()), None, Some(stock)]);
    }

    async fn nodes_rejects_more_than_100_ids(archive) {
        let many = |count: usize| json!({"ids": vec!["x"; count]});
        let found = archive.graphql(NODES, many(100)).await.data();
        assert_eq!(found["nodes"], json!(vec![Value::Null; 100]));
        assert_eq!(archive.graphql(NODES, many(101)).await.code(), "BAD_USER_INPUT");
    }
}

const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id
    ... on Stock { symbol } ... on AlertRule { threshold } } }";
