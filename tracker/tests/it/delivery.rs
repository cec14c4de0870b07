//! Alerts are sent to webhooks: retries, order, bursts, and the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use entity::{
    DeliveryState, SecretText, Timestamp, Webhook, WebhookFormat,
    table::{delivery, delivery_attempt},
};
use sea_orm::{EntityTrait, QueryOrder};
use store::webhook::Selection;
use testkit::on_both_databases;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

use crate::fixture::{World, quote};

/// A receiver that answers with one status, which a test can change.
struct Receiver {
    server: MockServer,
    status: Arc<AtomicU16>,
}

struct Answer(Arc<AtomicU16>);

impl Respond for Answer {
    fn respond(&self, _request: &Request) -> ResponseTemplate {
        ResponseTemplate::new(self.0.load(Ordering::SeqCst))
    }
}

impl Receiver {
    async fn answering(status: u16) -> Self {
        let server = MockServer::start().await;
        let status = Arc::new(AtomicU16::new(status));
        let answer = Mock::given(any()).respond_with(Answer(Arc::clone(&status)));
        answer.mount(&server).await;
        Self { server, status }
    }

    async fn bodies(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.expect("recorded");
        let body = |request: &Request| String::from_utf8_lossy(&request.body).into_owned();
        requests.iter().map(body).collect()
    }

    /// Creates a webhook that sends to it.
    async fn webhook(&self, world: &World, format: WebhookFormat, selection: Selection) -> Webhook {
        let webhook = Webhook {
            id: 0,
            format,
            url: SecretText(format!("{}/secret", self.server.uri())),
            description: None,
            token: None,
            secret: SecretText("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz".to_owned()),
            previous_secret: None,
            symbols: None,
            rules: None,
            enabled: true,
            disabled_reason: None,
            created_at: Timestamp::default(),
            last_delivered_at: None,
            failing_since: None,
            paused_until: None,
        };
        let created = store::webhook::create(&world.store, webhook, selection);
        created.await.expect("it is created")
    }
}

impl World {
    async fn deliveries(&self) -> Vec<delivery::Model> {
        let rows = delivery::Entity::find().order_by_asc(delivery::Column::Id);
        rows.all(self.database.read()).await.expect("deliveries")
    }

    async fn attempts(&self) -> Vec<delivery_attempt::Model> {
        let rows = delivery_attempt::Entity::find().order_by_asc(delivery_attempt::Column::Id);
        rows.all(self.database.read()).await.expect("attempts")
    }

    /// Waits for this number of attempts.
    async fn attempted(&self, count: usize) {
        let attempted = async || self.attempts().await.len() >= count;
        self.until("attempts are made", attempted).await;
    }
}

/// The number of symbols that fire at once: more than are sent one by one to a chat.
const SYMBOLS: usize = 25;

on_both_databases! {
    async fn a_burst_is_one_message_for_a_chat_and_never_for_a_server(database) {
        let symbols: Vec<String> = (0..SYMBOLS).map(|at| format!("S{at}")).collect();
        let names: Vec<&str> = symbols.iter().map(String::as_str).collect();
        let world = World::new(database, &names).await;
        let (chat, server) = (Receiver::answering(200).await, Receiver::answering(200).await);
        chat.webhook(&world, WebhookFormat::Slack, Selection::default()).await;
        server.webhook(&world, WebhookFormat::Standard, Selection::default()).await;
        world.store(names.iter().map(|of| quote(of, "110")).collect()).await;
        // They were not running when the alerts fired.
        let running = world.deliver();
        world.attempted(2 * SYMBOLS).await;
        let states: Vec<DeliveryState> = world.deliveries().await.iter().map(|it| it.state).collect();
        assert_eq!(states, [DeliveryState::Delivered; 2 * SYMBOLS]);
        let chats = chat.bodies().await;
        assert_eq!(chats.len(), 1, "{chats:?}");
        assert!(symbols.iter().all(|of| chats[0].contains(&format!("{of} rose 10% to 110"))), "{chats:?}");
        let bodies = server.bodies().await;
        let order: Vec<bool> = symbols.iter().zip(&bodies).map(|(of, body)| body.contains(&format!("\"{of}\""))).collect();
        assert_eq!(order, [true; SYMBOLS], "one request each, in the order of the feed");
        running.stop().await;
    }

    async fn the_rest_of_a_burst_is_merged_too(database) {
        let symbols: Vec<String> = (0..105).map(|at| format!("S{at}")).collect();
        let names: Vec<&str> = symbols.iter().map(String::as_str).collect();
        let world = World::new(database, &names).await;
        let chat = Receiver::answering(200).await;
        chat.webhook(&world, WebhookFormat::Discord, Selection::default()).await;
        world.store(names.iter().map(|of| quote(of, "110")).collect()).await;
        let running = world.deliver();
        world.attempted(symbols.len()).await;
        // A message of Discord has at most 2,000 characters.
        let bodies = chat.bodies().await;
        assert_eq!(bodies.len(), 2, "{bodies:?}");
        let texts = bodies.concat();
        assert!(symbols.iter().all(|of| texts.contains(&format!("{of} rose 10% to 110"))), "{bodies:?}");
        running.stop().await;
    }

    async fn a_failing_receiver_is_retried_for_a_day_and_others_do_not_wait(database) {
        let world = World::new(database, &["AAPL", "IBM"]).await;
        let (broken, works) = (Receiver::answering(500).await, Receiver::answering(200).await);
        let failing = broken.webhook(&world, WebhookFormat::Standard, Selection::default()).await;
        works.webhook(&world, WebhookFormat::Standard, Selection::default()).await;
        let running = world.deliver();
        world.store(vec![quote("AAPL", "110")]).await;
        world.attempted(2).await;
        let next = async || world.deliveries().await[0].next_attempt_at;
        let mut delays = Vec::new();
        for attempts in 3..7 {
            let at = next().await;
            let last = world.attempts().await.iter().rfind(|it| it.delivery_id == 1).expect("an attempt").at;
            delays.push(at.since(last).as_secs_f64());
            world.clock.set(at);
            world.attempted(attempts).await;
        }
        for (delay, planned) in delays.iter().zip([5.0, 30.0, 120.0, 600.0]) {
            assert!((planned * 0.8..planned * 1.2 + 1.0).contains(delay), "{delays:?}");
        }
        // Another alert waits until half an hour after the first failure, and then goes first.
        world.store(vec![quote("IBM", "110")]).await;
        world.attempted(7).await;
        let waiting = world.deliveries().await;
        assert_eq!((waiting[2].webhook_id, waiting[2].failures), (failing.id, 0), "{waiting:?}");
        assert_eq!((works.bodies().await.len(), broken.bodies().await.len()), (2, 5));
        world.clock.advance(Duration::from_mins(31));
        let ibm = async || world.deliveries().await[2].failures > 0;
        world.until("the second alert is attempted", ibm).await;

        // After a day both are attempted once more.
        world.clock.advance(Duration::from_hours(24));
        let ended = async || world.deliveries().await.iter().all(|it| it.state != DeliveryState::Pending);
        world.until("both have failed", ended).await;
        let states: Vec<DeliveryState> = world.deliveries().await.iter().map(|it| it.state).collect();
        assert_eq!(states, [DeliveryState::Failed, DeliveryState::Delivered, DeliveryState::Failed, DeliveryState::Delivered]);
        let hooks = store::webhook::list(world.database.read()).await.expect("webhooks");
        assert!(hooks[0].failing_since.is_some() && hooks[1].failing_since.is_none());

        broken.status.store(200, Ordering::SeqCst);
        let alert = store::alert::by_ids(world.database.read(), &[1]).await.expect("alerts").remove(0);
        store::delivery::redeliver(&world.store, failing.id, &alert).await.expect("stored").expect("a webhook");
        let delivered = async || world.deliveries().await[0].state == DeliveryState::Delivered;
        world.until("it is delivered after all", delivered).await;
        running.stop().await;
    }

    async fn a_webhook_gets_what_it_selects_and_the_log_expires(database) {
        let world = World::new(database, &["AAPL", "IBM"]).await;
        let receiver = Receiver::answering(200).await;
        let stock = |ids: &[i64]| Selection { stocks: Some(ids.to_vec()), rules: None };
        let rule = |ids: &[i64]| Selection { stocks: None, rules: Some(ids.to_vec()) };
        let both = Selection { stocks: Some(vec![2]), rules: Some(vec![1]) };
        for selection in [stock(&[1]), stock(&[2]), rule(&[1]), rule(&[]), both] {
            receiver.webhook(&world, WebhookFormat::Standard, selection).await;
        }
        let disabled = receiver.webhook(&world, WebhookFormat::Standard, Selection::default()).await;
        let off = store::webhook::WebhookUpdate { enabled: Some(false), ..Default::default() };
        store::webhook::update(&world.store, disabled.id, off).await.expect("stored");
        world.store(vec![quote("AAPL", "110"), quote("IBM", "100")]).await;
        let selected: Vec<i64> = world.deliveries().await.iter().map(|it| it.webhook_id).collect();
        assert_eq!(selected, [1, 3]);

        let running = world.deliver();
        world.attempted(2).await;
        running.stop().await;
        let day = Duration::from_hours(24);
        world.clock.advance(day * 31);
        assert!(!store::delivery::prune(&world.store, day * 30).await.expect("deleted"));
        assert_eq!((world.deliveries().await.len(), world.attempts().await.len()), (0, 0));
    }
}
