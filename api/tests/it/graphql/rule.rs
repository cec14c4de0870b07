//! Alert rules: mutations, dry runs, the subscription, and their alerts.

use serde_json::{Value, json};

use crate::{client::Client, databases::on_both, exchange::Exchange, product::Product};

const CREATE: &str = "mutation($input: CreateAlertRuleInput!) { createAlertRule(input: $input) {
    alertRule { id symbol name kind threshold base basis windowSeconds holdSeconds trigger rearmPercent
        cooldownSeconds enabled expired deleted } } }";
const UPDATE: &str = "mutation($input: UpdateAlertRuleInput!) { updateAlertRule(input: $input) {
    alertRule { id name threshold trigger enabled expiresAt } } }";
const DELETE: &str = "mutation($id: ID!) { deleteAlertRule(input: {id: $id}) { deletedId } }";
const TEST: &str = "query($input: CreateAlertRuleInput!) { testAlertRule(input: $input) {
    count pricesSeen candlesSeen notFired
    fired { symbol direction price referencePrice changePercent threshold recordedAt splitFactor } } }";
const RULES: &str = "{ alertRules { id kind enabled alerts { totalCount nodes { message } } } }";

async fn create(product: &Product, input: Value) -> Value {
    let created = product.admin(CREATE, json!({ "input": input })).await;
    created.data()["createAlertRule"]["alertRule"].clone()
}

async fn priced(product: &Product, price: &str) {
    let query = r#"{ stock(symbol: "AAPL") { latestPrice { price } } }"#;
    let is_stored = |data: &Value| (data["stock"]["latestPrice"]["price"] == *price).then_some(());
    product
        .until_data("the price is stored", query, is_stored)
        .await;
}

on_both! {
    async fn a_rule_fires_and_is_changed_and_deleted(home) {
        let exchange = Exchange::open().await;
        exchange.quote("AAPL", "100", "100");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
        priced(&product, "100").await;
        let mut client = Client::graphql(&product, json!({})).await;
        let changes = "subscription { alertRules { id enabled deleted threshold } }";
        client.subscribe("r", changes, json!({})).await;

        let rule = create(&product, json!({"symbol": "aapl", "name": "breakout", "kind": "PRICE_ABOVE", "threshold": "103", "trigger": "ONCE"})).await;
        let id = &rule["id"];
        let expected = json!({
            "id": id, "symbol": "AAPL", "name": "breakout", "kind": "PRICE_ABOVE", "threshold": "103", "base": null,
            "basis": "LAST", "windowSeconds": null, "holdSeconds": 0, "trigger": "ONCE", "rearmPercent": "0",
            "cooldownSeconds": 0, "enabled": true, "expired": false, "deleted": false,
        });
        assert_eq!(rule, expected);
        let created = &client.next("r").await["data"]["alertRules"];
        assert_eq!(created, &json!({"id": id, "enabled": true, "deleted": false, "threshold": "103"}));

        exchange.quote("AAPL", "104", "100");
        // It fires once, and is disabled in the same transaction.
        let fired = |data: &Value| {
            let rule = &data["alertRules"][1];
            // The count and the nodes are read one after the other.
            let is_complete = rule["alerts"]["totalCount"] == 1 && rule["alerts"]["nodes"] != json!([]);
            (rule["enabled"] == false && is_complete).then(|| rule.clone())
        };
        let fired = product.until_data("it fires", RULES, fired).await;
        assert_eq!(fired["alerts"]["nodes"], json!([{"message": "AAPL is at 104, at or above 103"}]));
        let disabled = &client.next("r").await["data"]["alertRules"];
        assert_eq!(disabled["enabled"], false, "{disabled}");
        let listed = product.get("/api/v1/rules").await.json();
        assert_eq!((&listed[1]["name"], &listed[1]["enabled"]), (&json!("breakout"), &json!(false)));
        let alerts = product.get("/api/v1/alerts").await.json();
        assert_eq!(alerts[0]["rule_name"], "breakout");

        let input = json!({"id": id, "threshold": "103.5", "trigger": "EVERY_TIME", "enabled": true, "name": null});
        let updated = product.admin(UPDATE, json!({ "input": input })).await.data();
        let expected = json!({"id": id, "name": null, "threshold": "103.5", "trigger": "EVERY_TIME", "enabled": true, "expiresAt": null});
        assert_eq!(updated["updateAlertRule"]["alertRule"], expected);
        assert_eq!(client.next("r").await["data"]["alertRules"]["threshold"], "103.5");

        // An update without a change is no event: the next one is the deletion.
        let same = json!({"id": id, "threshold": "103.5"});
        let same = product.admin(UPDATE, json!({ "input": same })).await.data();
        assert_eq!(same["updateAlertRule"]["alertRule"], expected);

        let test = product.graphql(TEST, json!({"input": {"symbol": "AAPL", "kind": "PRICE_ABOVE", "threshold": "103"}})).await.data();
        let test = &test["testAlertRule"];
        assert_eq!((&test["count"], &test["pricesSeen"], &test["notFired"]), (&json!(1), &json!(2), &Value::Null));
        assert_eq!(test["fired"][0]["price"], "104");
        let test = product.graphql(TEST, json!({"input": {"kind": "CHANGE_IN_WINDOW", "windowSeconds": 300, "threshold": "50"}})).await.data();
        assert_eq!(test["testAlertRule"]["notFired"], "NEVER_TRUE");

        let deleted = product.admin(DELETE, json!({ "id": id })).await.data();
        assert_eq!(deleted["deleteAlertRule"]["deletedId"], *id);
        let deleted = &client.next("r").await["data"]["alertRules"];
        assert_eq!((&deleted["id"], &deleted["deleted"]), (id, &json!(true)));
        let left = product.ask("{ alertRules { id } alerts { nodes { rule { id } } } }").await;
        assert_eq!(left["alertRules"].as_array().map(Vec::len), Some(1));
        assert_eq!(left["alerts"]["nodes"][0]["rule"], Value::Null);
        assert_eq!(product.admin(DELETE, json!({ "id": id })).await.code(), "NOT_FOUND");
    }

    async fn a_recorded_split_adjusts_the_level_of_a_rule_and_fires_nothing(home) {
        let exchange = Exchange::open().await;
        exchange.quote("AAPL", "100", "100");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL"), ("ALERT_MAX_AGE", "any")]).await;
        priced(&product, "100").await;
        let today = product.ask(r#"{ stock(symbol: "AAPL") { latestPrice { tradingDay } } }"#).await;
        let day = &today["stock"]["latestPrice"]["tradingDay"];
        create(&product, json!({"symbol": "AAPL", "kind": "PRICE_ABOVE", "threshold": "120"})).await;
        let record = async |ratio: &str| {
            let split = "mutation($day: Date!, $ratio: Decimal!) {
                recordSplit(input: {symbol: \"AAPL\", effectiveOn: $day, ratio: $ratio}) { stock { symbol } } }";
            product.admin(split, json!({"day": day, "ratio": ratio})).await
        };
        assert_eq!(record("0").await.code(), "BAD_USER_INPUT");
        // The level is in the shares of the day already: a split of that day does not change it.
        assert_eq!(record("2").await.data()["recordSplit"]["stock"]["symbol"], "AAPL");
        exchange.quote("AAPL", "101", "100");
        priced(&product, "101").await;
        let rules = product.ask("{ alertRules { threshold alerts { totalCount } } }").await;
        assert_eq!(rules["alertRules"][1], json!({"threshold": "120", "alerts": {"totalCount": 0}}));
        // A ratio of 1 removes it.
        assert_eq!(record("1").await.data()["recordSplit"]["stock"]["symbol"], "AAPL");
    }

    async fn a_wrong_field_of_a_rule_is_named(home) {
        let exchange = Exchange::open().await;
        exchange.quote("AAPL", "100", "100");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL"), ("LIMIT_RULES", "1")]).await;
        let above = json!({"symbol": "AAPL", "kind": "PRICE_ABOVE", "threshold": "103"});
        let with = |fields: Value| {
            let mut input = above.clone();
            for (name, value) in fields.as_object().expect("fields") {
                input[name] = value.clone();
            }
            input
        };
        for (fields, named) in [
            (json!({"symbol": null}), "symbol"),
            (json!({"threshold": "0"}), "threshold"),
            (json!({"threshold": "-1"}), "threshold"),
            (json!({"base": "OPEN"}), "base"),
            (json!({"kind": "CROSSES_ABOVE", "basis": "RANGE"}), "basis"),
            (json!({"windowSeconds": 300}), "windowSeconds"),
            (json!({"kind": "CHANGE_IN_WINDOW"}), "windowSeconds"),
            (json!({"kind": "CHANGE_IN_WINDOW", "windowSeconds": 60}), "windowSeconds"),
            (json!({"holdSeconds": -1}), "holdSeconds"),
            (json!({"holdSeconds": 86_401}), "holdSeconds"),
            (json!({"holdSeconds": 1, "basis": "RANGE"}), "holdSeconds"),
            (json!({"holdSeconds": 1, "kind": "CROSSES_BELOW"}), "holdSeconds"),
            (json!({"rearmPercent": "50.1"}), "rearmPercent"),
            (json!({"rearmPercent": "1", "kind": "VOLUME_SPIKE"}), "rearmPercent"),
            (json!({"cooldownSeconds": 604_801}), "cooldownSeconds"),
            (json!({"expiresAt": "2020-01-01T00:00:00Z"}), "expiresAt"),
            (json!({"name": ""}), "name"),
            (json!({"name": "a\nb"}), "name"),
            (json!({"name": "x".repeat(121)}), "name"),
            (json!({"note": "x".repeat(2001)}), "note"),
        ] {
            let refused = product.admin(CREATE, json!({"input": with(fields.clone())})).await;
            assert_eq!(refused.code(), "BAD_USER_INPUT", "{fields}: {}", refused.text);
            let message = refused.error()["message"].as_str().unwrap_or_default().to_owned();
            assert!(message.starts_with(&format!("{named}: ")), "{fields}: {message}");
        }
        // Defaults of other kinds are accepted.
        create(&product, with(json!({"base": "PREVIOUS_CLOSE", "basis": "LAST", "holdSeconds": 0, "windowSeconds": null}))).await;
        let limited = product.admin(CREATE, json!({ "input": above })).await;
        assert_eq!(limited.code(), "BAD_USER_INPUT");
        assert!(limited.text.contains("LIMIT_RULES"), "{}", limited.text);
        let unknown = product.admin(CREATE, json!({"input": with(json!({"symbol": "NOPE"}))})).await;
        assert_eq!(unknown.code(), "NOT_FOUND");
        let default = product.ask("{ alertRules { id } }").await["alertRules"][0]["id"].take();
        assert_eq!(product.admin(DELETE, json!({"id": default})).await.code(), "FORBIDDEN");
        assert_eq!(product.admin(UPDATE, json!({"input": {"id": default, "enabled": false}})).await.code(), "FORBIDDEN");
        assert_eq!(product.graphql(CREATE, json!({ "input": above })).await.code(), "UNAUTHENTICATED");
    }
}
