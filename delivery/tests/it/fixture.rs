//! Settings, alerts and senders for the tests.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use delivery::{
    Advice, AlertToSend, Attempt, Failure, Lookup, Message, Outcome, Resolver, Sender, Target,
};
use entity::{Alert, AlertKind, Decimal, Direction, SecretText, Timestamp, WebhookFormat};
use runtime::{
    clock::{Clock, SystemClock},
    config::{DeliverySettings, Secret, SmtpSettings},
};

/// The key of the receivers.
pub(crate) const KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// The key before the last rotation.
pub(crate) const OLD_KEY: &str = "whsec_b2xka2V5";

/// Settings that allow private addresses or not.
pub(crate) fn settings(allow_private: bool) -> DeliverySettings {
    DeliverySettings {
        allow_private,
        max_concurrent: 64,
        smtp: None,
    }
}

/// Settings with a mail server.
pub(crate) fn mail_settings(url: &str) -> DeliverySettings {
    DeliverySettings {
        smtp: Some(SmtpSettings {
            url: Secret::new(url),
            from: "alerts@example.com".to_owned(),
        }),
        ..settings(false)
    }
}

/// A sender that may send to the receivers of the tests.
pub(crate) fn sender() -> Sender {
    Sender::new(&settings(true)).expect("a sender")
}

/// A target at a private address, whose keys sign.
pub(crate) fn target(format: WebhookFormat, url: &str) -> Target {
    let target = Target::parse(format, url, None, &settings(true)).expect(url);
    let keys = [KEY, OLD_KEY].map(|key| SecretText(key.to_owned()));
    target.signed_with(&keys).expect("keys")
}

/// The current time, which receivers compare with that of a signature.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A message with one alert.
pub(crate) fn message() -> Message {
    let alert = Alert {
        id: 7,
        stock_id: 1,
        symbol: "AAPL".parse().expect("a symbol"),
        seq: 9,
        rule_id: Some(3),
        kind: AlertKind::PercentChange,
        direction: Direction::Up,
        price: "196.10".parse().expect("a price"),
        reference_price: Some(Decimal::from_int(186)),
        change_percent: Some("5.4301".parse().expect("a percentage")),
        threshold: Decimal::from_int(5),
        trading_day: "2026-11-28".parse().expect("a date"),
        triggered_at: now(),
        acknowledged_at: None,
        fired_at: None,
        price_seq: None,
        rule_name: Some("Größe".to_owned()),
        touched: None,
    };
    Message::alerts(&[AlertToSend {
        alert,
        rule_threshold: Some(Decimal::from_int(5)),
    }])
}

/// The failure of an attempt.
pub(crate) fn failure(attempt: &Attempt) -> &Failure {
    match &attempt.outcome {
        Outcome::Failed(failure) => failure,
        Outcome::Delivered => panic!("delivered: {attempt:?}"),
    }
}

/// Checks a failed attempt without `Retry-After`.
pub(crate) fn assert_failed(attempt: &Attempt, status: Option<u16>, error: &str, advice: Advice) {
    assert_eq!(attempt.status, status, "{attempt:?}");
    let failed = Failure {
        error: error.to_owned(),
        advice,
        retry_after: None,
    };
    assert_eq!(failure(attempt), &failed);
}

/// Lets the timeout of an attempt pass once `is_waiting`.
pub(crate) async fn let_time_out(is_waiting: impl Fn() -> bool) {
    while !is_waiting() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(16)).await;
    tokio::time::resume();
}

/// Answers each look-up with the next list of addresses, and the last list again and again.
pub(crate) struct Answers {
    lists: Mutex<Vec<Vec<IpAddr>>>,
    pub(crate) lookups: AtomicUsize,
}

impl Answers {
    pub(crate) fn new(lists: &[&[&str]]) -> Arc<Self> {
        let parsed = |list: &&[&str]| {
            let addresses = list.iter().map(|text| text.parse().expect("an address"));
            addresses.collect()
        };
        Arc::new(Self {
            lists: Mutex::new(lists.iter().map(parsed).collect()),
            lookups: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Answers {
    fn lookup(&self, _: String) -> Lookup {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let mut lists = self.lists.lock().expect("a lock");
        let list = match lists.as_slice() {
            [] => Err(io::Error::other("S3CRET name server")),
            [last] => Ok(last.clone()),
            _ => Ok(lists.remove(0)),
        };
        Box::pin(async move { list })
    }
}
