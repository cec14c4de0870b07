//! The guard, with servers at loopback addresses that must not be reached.

use std::sync::{Arc, atomic::Ordering};

use delivery::{Advice, Outcome, Sender};
use entity::WebhookFormat;

use crate::{
    fixture::{Answers, assert_failed, message, now, settings, target},
    receiver::{Answer, Receiver},
};

const REFUSED: &str =
    "the address is not globally reachable; only WEBHOOK_ALLOW_PRIVATE=true allows it";

fn sender(allow_private: bool, answers: &Arc<Answers>) -> Sender {
    Sender::with_resolver(&settings(allow_private), answers.clone()).expect("a sender")
}

#[tokio::test]
async fn a_literal_private_address_is_not_connected_to() {
    let receiver = Receiver::start(Answer::status(200, ""));
    let port = receiver.address.port();
    let answers = Answers::new(&[]);
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ] {
        let target = target(WebhookFormat::Standard, &format!("http://{host}:{port}/"));
        let attempt = sender(false, &answers)
            .send(&target, &message(), now())
            .await;
        assert_failed(&attempt, None, REFUSED, Advice::Retry);
    }
    assert_eq!(receiver.connections(), 0);
    assert_eq!(answers.lookups.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_with_a_private_address_is_not_connected_to() {
    let receiver = Receiver::start(Answer::status(200, ""));
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    let target = target(WebhookFormat::Standard, &url);
    for addresses in [
        &["127.0.0.1"][..],
        &["8.8.8.8", "127.0.0.1"],
        &["127.0.0.1", "8.8.8.8"],
        &["::ffff:127.0.0.1"],
        &["::1", "fd00::1"],
    ] {
        let answers = Answers::new(&[addresses]);
        let attempt = sender(false, &answers)
            .send(&target, &message(), now())
            .await;
        assert_failed(&attempt, None, REFUSED, Advice::Retry);
        assert_eq!(answers.lookups.load(Ordering::SeqCst), 1);
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn the_system_resolver_does_not_lead_to_the_machine() {
    let receiver = Receiver::start(Answer::status(200, ""));
    let url = format!("http://localhost:{}/", receiver.address.port());
    let target = target(WebhookFormat::Standard, &url);
    let guarded = Sender::new(&settings(false)).expect("a sender");
    let attempt = guarded.send(&target, &message(), now()).await;
    assert_failed(&attempt, None, REFUSED, Advice::Retry);
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_connection_goes_to_the_address_of_its_only_lookup() {
    let first = Receiver::start(Answer::Close);
    let port = first.address.port();
    let second = Receiver::start_at(&format!("127.0.0.2:{port}"), Answer::status(200, ""));
    let answers = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let sender = sender(true, &answers);
    let target = target(
        WebhookFormat::Standard,
        &format!("http://hooks.example:{port}/"),
    );
    let attempt = sender.send(&target, &message(), now()).await;
    assert_eq!(attempt.status, None);
    assert_eq!((first.connections(), second.connections()), (1, 0));
    let attempt = sender.send(&target, &message(), now()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    assert_eq!((first.connections(), second.connections()), (1, 1));
    assert_eq!(answers.lookups.load(Ordering::SeqCst), 2);
    let request = &second.requests()[0];
    assert_eq!(
        request.headers["host"],
        format!("hooks.example:{port}").as_str()
    );
}

#[tokio::test]
async fn a_name_without_an_address_is_retried() {
    let target = target(WebhookFormat::Standard, "https://hooks.example/");
    for answers in [Answers::new(&[]), Answers::new(&[&[]])] {
        for allow_private in [true, false] {
            let attempt = sender(allow_private, &answers)
                .send(&target, &message(), now())
                .await;
            let error = "the name of the host cannot be resolved";
            assert_failed(&attempt, None, error, Advice::Retry);
        }
    }
}
