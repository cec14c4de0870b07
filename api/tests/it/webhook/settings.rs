//! The settings of webhooks: what is accepted, what is refused and why, and what is never shown.

use serde_json::{Value, json};

use super::{CREATE, LOG, UPDATE, create};
use crate::{databases::on_both, exchange::Exchange, product::Product, receiver::Receiver};

/// Returns the code and message of a refused webhook.
async fn refusal(product: &Product, input: &Value) -> (String, String) {
    let answer = product.admin(CREATE, json!({ "input": input })).await;
    let error = answer.error();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&error["extensions"]["code"]), text(&error["message"]))
}

on_both! {
    async fn a_wrong_setting_is_named(home) {
        let exchange = Exchange::open().await;
        exchange.quote("AAPL", "100", "104");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL")]).await;
        for (input, field) in [
            (json!({"url": "ftp://example.com/x"}), "url"),
            (json!({"url": "example.com"}), "url"),
            (json!({"url": "https://user:hunter2@example.com/x"}), "url"),
            (json!({"url": "http://127.0.0.1/x"}), "url"),
            (json!({"url": "http://0x7f.1/x"}), "url"),
            (json!({"url": "http://2130706433/x"}), "url"),
            (json!({"url": "http://[::ffff:10.0.0.1]/x"}), "url"),
            (json!({"url": "http://[64:ff9b::a00:1]/x"}), "url"),
            (json!({"url": "http://169.254.169.254/latest/meta-data"}), "url"),
            (json!({"url": "http://localhost/x"}), "url"),
            (json!({"url": "https://example.com/***"}), "url"),
            (json!({"url": "mailto:a@example.com", "format": "EMAIL"}), "url"),
            (json!({"url": "https://example.com/", "format": "TELEGRAM"}), "url"),
            (json!({"url": "https://ntfy.sh/", "format": "NTFY"}), "url"),
            (json!({"url": "https://example.com/x", "token": "t"}), "token"),
            (json!({"url": "https://example.com/x", "symbols": []}), "symbols"),
            (json!({"url": "https://example.com/x", "rules": []}), "rules"),
            (json!({"url": "https://example.com/x", "description": "x".repeat(2_001)}), "description"),
        ] {
            let (code, message) = refusal(&product, &input).await;
            assert_eq!(code, "BAD_USER_INPUT", "{input} {message}");
            assert!(message.starts_with(&format!("{field}: ")), "{input} {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        for input in [
            json!({"url": "https://example.com/x", "symbols": ["NEVER"]}),
            json!({"url": "https://example.com/x", "rules": ["QWxlcnRSdWxlOjk5"]}),
        ] {
            assert_eq!(refusal(&product, &input).await.0, "NOT_FOUND", "{input}");
        }
    }

    async fn secrets_are_shown_once_and_to_nobody_else(home) {
        let (exchange, receiver) = (Exchange::open().await, Receiver::open().await);
        exchange.quote("AAPL", "100", "104");
        let product = home.track(&exchange, &[("DEFAULT_SYMBOLS", "AAPL"), super::LOCAL]).await;
        let (id, secret) = create(&product, json!({"url": receiver.url})).await;
        let (ntfy, _) = create(&product, json!({"url": "https://ntfy.sh/secret-path", "format": "NTFY", "token": "secret-token"})).await;
        let shown = product.admin("{ webhooks { id url format enabled symbols rules { id } } }", json!({})).await;
        let origin = receiver.url.split("/hooks").next().expect("an origin");
        let expected = json!([
            {"id": id, "url": format!("{origin}/***"), "format": "STANDARD", "enabled": true, "symbols": null, "rules": null},
            {"id": ntfy, "url": "https://ntfy.sh/***", "format": "NTFY", "enabled": true, "symbols": null, "rules": null},
        ]);
        assert_eq!(shown.data()["webhooks"], expected);
        // What is shown cannot be sent back.
        let back = product.admin(UPDATE, json!({"input": {"id": id, "url": format!("{origin}/***")}})).await;
        assert_eq!(back.code(), "BAD_USER_INPUT");
        for query in ["{ webhooks { id } }".to_owned(), format!("{{ node(id: \"{id}\") {{ id }} }}")] {
            let refused = product.graphql(&query, json!({})).await;
            assert_eq!(refused.code(), "UNAUTHENTICATED", "{query}");
        }

        let tested = product.admin("mutation($id: ID!) { testWebhook(input: {id: $id}) { delivered status error } }", json!({"id": id})).await;
        assert_eq!(tested.data()["testWebhook"], json!({"delivered": true, "status": 204, "error": null}));
        let test = receiver.received().remove(0);
        test.assert_signed_with(&secret);
        assert_eq!(test.json()["type"], "alert.test");
        let nothing_listens = json!({"input": {"id": id, "url": "http://127.0.0.1:1/secret-path"}});
        product.admin(UPDATE, nothing_listens).await.data();
        let failed = product.admin("mutation($id: ID!) { testWebhook(input: {id: $id}) { delivered status error } }", json!({"id": id})).await;
        let failed = failed.data()["testWebhook"].take();
        assert_eq!((&failed["delivered"], &failed["status"]), (&json!(false), &Value::Null));
        assert!(failed["error"].as_str().is_some_and(|error| !error.contains("secret")), "{failed}");

        let deleted = product.admin("mutation($id: ID!) { deleteWebhook(input: {id: $id}) { deletedId } }", json!({"id": ntfy})).await;
        assert_eq!(deleted.data()["deleteWebhook"]["deletedId"], json!(ntfy));
        assert_eq!(product.admin(LOG, json!({})).await.data()["webhooks"].as_array().map(Vec::len), Some(1));
        let lines = product.lines().join("\n");
        for secret in [secret.as_str(), "secret-path", "secret-query", "secret-token"] {
            assert!(!lines.contains(secret), "{secret} is logged");
        }
    }
}
