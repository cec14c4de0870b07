//! The keys that sign.

use std::time::Duration;

use super::*;
use crate::sample::at;

fn webhook(secret: &str, previous: Option<(&str, Timestamp)>) -> Webhook {
    Webhook {
        id: 1,
        format: WebhookFormat::Standard,
        url: SecretText("https://hooks.example/".to_owned()),
        description: None,
        token: None,
        secret: SecretText(secret.to_owned()),
        previous_secret: previous.map(|(text, until)| (SecretText(text.to_owned()), until)),
        symbols: None,
        rules: None,
        enabled: true,
        disabled_reason: None,
        created_at: at("2026-11-28T15:00:00Z"),
        last_delivered_at: None,
        failing_since: None,
        paused_until: None,
    }
}

#[test]
fn the_previous_key_signs_until_its_end() {
    let now = at("2026-11-28T15:00:00Z");
    let until = now.after(Duration::from_secs(1));
    let webhook = webhook("whsec_bmV3", Some(("whsec_b2xk", until)));
    let keys = |now| {
        let target = Target::of_webhook(&webhook, now, &settings()).expect("a target");
        let keys = target.secrets().iter().map(|key| key.0.clone());
        keys.collect::<Vec<_>>()
    };
    assert_eq!(keys(now), ["whsec_bmV3", "whsec_b2xk"]);
    assert_eq!(keys(until), ["whsec_bmV3"]);
}

#[test]
fn a_key_has_a_prefix_and_is_base64() {
    let now = at("2026-11-28T15:00:00Z");
    for secret in ["", "S3CRET", "bmV3", "whsec_S3CRET!"] {
        let target = Target::of_webhook(&webhook(secret, None), now, &settings());
        let error = target.expect_err(secret);
        assert_eq!(error.field, "secret");
        assert!(!error.to_string().contains("S3CRET"), "{error}");
    }
    let (one, other) = (draw_secret(), draw_secret());
    assert_ne!(one, other);
    assert_eq!(one.0.len(), 50);
    let target = parse(WebhookFormat::Standard, "https://hooks.example/").expect("a target");
    assert!(target.signed_with([&one, &other]).is_ok());
}
