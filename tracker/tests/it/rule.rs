//! Tests of the rules of users: what fires, is stored and is published, on both databases.

use std::time::Duration;

use entity::{
    AlertKind, AlertRule, ChangeBase, Decimal, Direction, Event, PriceBasis, Ratio, Split,
    Timestamp, Trigger, table::alert,
};
use sea_orm::ConnectionTrait;
use store::{feed::FeedTransaction, rule, split};
use tracker::{
    ingest::{Ingest, QuoteBatch},
    quote::Quote,
};

use crate::fixture::{World, date, decimal, quote};

/// A rule that fires each time, of AAPL.
pub(crate) fn of_aapl(kind: AlertKind, threshold: &str) -> AlertRule {
    let start = Timestamp::default();
    AlertRule {
        id: 0,
        stock_id: Some(1),
        symbol: None,
        is_default: false,
        name: Some(format!("{} {threshold}", kind.name())),
        note: None,
        kind,
        threshold: decimal(threshold),
        base: None,
        basis: PriceBasis::Last,
        window_seconds: None,
        hold_seconds: 0,
        trigger: Trigger::EveryTime,
        rearm_percent: decimal("0"),
        cooldown_seconds: 0,
        enabled: true,
        expires_at: None,
        created_at: start,
        updated_at: None,
        set_threshold: Some(decimal(threshold)),
        level_day: Some(date("2026-11-20")),
        start_seq: 0,
        start_at: start,
        deleted: false,
    }
}

pub(crate) async fn create(world: &World, new: AlertRule) -> AlertRule {
    let mut feed = FeedTransaction::begin(&world.store).await.expect("begin");
    let created = rule::create(&mut feed, new).await.expect("create");
    feed.commit().await.expect("commit");
    created
}

/// Stores one quote a minute. Each is stored by a restarted tracker if `restarts`.
async fn store(world: &World, ingest: &Ingest, restarts: bool, quotes: Vec<Quote>) {
    for quote in quotes {
        world.clock.advance(Duration::from_mins(1));
        let batch = QuoteBatch {
            provider: "test",
            quotes: vec![quote],
            ..QuoteBatch::default()
        };
        let restarted = world.ingest();
        let ingest = if restarts { &restarted } else { ingest };
        ingest.ingest(batch).await.expect("store");
    }
}

/// The alerts of rules of users as (rule, price, message).
pub(crate) async fn fired(world: &World) -> Vec<(i64, String, String)> {
    let rows = world.alerts().await;
    let users: Vec<alert::Model> = rows
        .into_iter()
        .filter(|row| row.price_seq.is_some())
        .collect();
    let ids: Vec<i64> = users.iter().map(|row| row.id).collect();
    let mut alerts = store::alert::by_ids(world.store.database.read(), &ids)
        .await
        .expect("alerts");
    alerts.sort_by_key(|alert| alert.seq);
    alerts
        .iter()
        .map(|alert| {
            (
                alert.rule_id.unwrap_or_default(),
                alert.price.to_string(),
                alert.message(),
            )
        })
        .collect()
}

/// Records a split of AAPL.
async fn record(world: &World, day: &str, ratio: i128) {
    let mut feed = FeedTransaction::begin(&world.store).await.expect("begin");
    let split = Split {
        effective_on: date(day),
        ratio: Ratio::new(ratio, 1).expect("a ratio"),
    };
    let recorded = split::record(&mut feed, 1, &[split], "test").await;
    assert!(recorded.expect("record"));
    feed.commit().await.expect("commit");
}

/// The stored level of a rule.
async fn level(world: &World, id: i64) -> Decimal {
    let rules = rule::by_ids(world.store.database.read(), &[id]).await;
    rules.expect("rules")[0].threshold
}

fn prices(of: &str, prices: &[&str]) -> Vec<Quote> {
    prices.iter().map(|price| quote(of, price)).collect()
}

async fn rules_fire(world: &World, restarts: bool) {
    let ingest = world.ingest();
    store(world, &ingest, restarts, prices("AAPL", &["100"])).await;
    let above = create(world, of_aapl(AlertKind::PriceAbove, "103"))
        .await
        .id;
    let once = AlertRule {
        trigger: Trigger::Once,
        ..of_aapl(AlertKind::CrossesBelow, "101.5")
    };
    let once = create(world, once).await.id;
    let everywhere = AlertRule {
        stock_id: None,
        base: Some(ChangeBase::LastAlert),
        ..of_aapl(AlertKind::PercentChange, "2")
    };
    let everywhere = create(world, everywhere).await.id;
    let window = AlertRule {
        window_seconds: Some(300),
        trigger: Trigger::OncePerDay,
        ..of_aapl(AlertKind::ChangeInWindow, "3.5")
    };
    let window = create(world, window).await.id;
    let held = AlertRule {
        hold_seconds: 120,
        ..of_aapl(AlertKind::PriceBelow, "102")
    };
    let held = create(world, held).await.id;
    let quotes = prices(
        "AAPL",
        &["102", "103", "104", "101", "103", "101", "101.4", "101.3"],
    );
    store(world, &ingest, restarts, quotes).await;
    store(
        world,
        &ingest,
        restarts,
        prices("IBM", &["50", "51", "50.5"]),
    )
    .await;
    let expected = [
        (above, "103", "AAPL is at 103, at or above 103"),
        // 104 is 1.96 percent above 102, the first price after its creation.
        (window, "104", "AAPL rose 4% to 104"),
        (once, "101", "AAPL crossed below 101.5, now 101"),
        (above, "103", "AAPL is at 103, at or above 103"),
        // The previous alert of this rule is none: 102 is its reference.
        (held, "101.3", "AAPL is at 101.3, at or below 102"),
        (everywhere, "51", "IBM rose 2% to 51"),
    ];
    let expected: Vec<_> = expected
        .map(|(rule, price, message)| (rule, price.to_owned(), message.to_owned()))
        .into();
    assert_eq!(fired(world).await, expected);
    let rules = rule::list(world.store.database.read(), None)
        .await
        .expect("rules");
    let enabled: Vec<(i64, bool)> = rules.iter().map(|rule| (rule.id, rule.enabled)).collect();
    assert!(enabled.contains(&(once, false)) && enabled.contains(&(above, true)));
    let counts: i64 = world
        .stock("AAPL")
        .await
        .map_or(0, |stock| stock.alert_count);
    assert_eq!(counts, 5, "the alerts are counted");
}

testkit::on_both_databases! {
    async fn the_rules_of_users_fire(database) {
        let world = World::new(database, &["AAPL", "IBM"]).await;
        rules_fire(&world, false).await;
        // The rule that fired once is published as disabled, after its alert.
        let events: Vec<Event> = world.feed().await.into_iter().flat_map(|batch| batch.events).collect();
        let disabled = events.iter().filter(|event| matches!(event, Event::RuleChanged { rule, .. } if !rule.enabled));
        assert_eq!(disabled.count(), 1);
    }

    async fn the_rules_of_users_fire_alike_if_the_tracker_restarts_after_each_price(database) {
        let world = World::new(database, &["AAPL", "IBM"]).await;
        rules_fire(&world, true).await;
    }

    async fn a_split_adjusts_levels_before_the_first_price_of_its_day(database) {
        let world = World::new(database, &["AAPL"]).await;
        let ingest = world.ingest();
        store(&world, &ingest, false, prices("AAPL", &["100"])).await;
        let id = create(&world, of_aapl(AlertKind::PriceBelow, "30")).await.id;
        let mut feed = FeedTransaction::begin(&world.store).await.expect("begin");
        let known = Split { effective_on: date("2026-11-23"), ratio: Ratio::new(4, 1).expect("a ratio") };
        assert!(split::record(&mut feed, 1, &[known], "test").await.expect("record"));
        feed.commit().await.expect("commit");
        let monday = |price: &str| Quote { trading_day: date("2026-11-23"), ..quote("AAPL", price) };
        store(&world, &ingest, false, vec![monday("25"), monday("7.6"), monday("7.5")]).await;
        let rules = rule::by_ids(world.store.database.read(), &[id]).await.expect("rules");
        assert_eq!(rules[0].threshold, decimal("7.5"));
        assert_eq!(rules[0].set_threshold, Some(decimal("30")));
        let expected = vec![(id, "7.5".to_owned(), "AAPL is at 7.5, at or below 7.5".to_owned())];
        assert_eq!(fired(&world).await, expected);
    }

    async fn the_rules_of_a_feed_with_another_epoch_are_loaded_again(database) {
        let world = World::new(database, &["AAPL"]).await;
        let ingest = world.ingest();
        create(&world, of_aapl(AlertKind::PriceAbove, "103")).await;
        store(&world, &ingest, false, prices("AAPL", &["100"])).await;
        // Another database, in which the rule is disabled.
        for change in [
            "UPDATE alert_rules SET enabled = FALSE WHERE kind = 'PRICE_ABOVE'",
            "UPDATE feed_head SET epoch = epoch + 1",
        ] {
            let changed = world.database.write().execute_unprepared(change).await;
            assert_eq!(changed.expect("changed").rows_affected(), 1, "{change}");
        }
        store(&world, &ingest, false, prices("AAPL", &["104"])).await;
        assert_eq!(fired(&world).await, []);
    }

    async fn a_deleted_rule_fires_no_more_and_keeps_its_alerts(database) {
        let world = World::new(database, &["AAPL"]).await;
        let ingest = world.ingest();
        let created = create(&world, of_aapl(AlertKind::PriceAbove, "103")).await;
        store(&world, &ingest, false, prices("AAPL", &["103", "102"])).await;
        let mut feed = FeedTransaction::begin(&world.store).await.expect("begin");
        rule::delete(&mut feed, &created).await.expect("delete");
        feed.commit().await.expect("commit");
        store(&world, &ingest, false, prices("AAPL", &["104"])).await;
        let rows = world.alerts().await;
        let users: Vec<&alert::Model> = rows.iter().filter(|row| row.price_seq.is_some()).collect();
        assert_eq!(users.len(), 1);
        assert_eq!((users[0].rule_id, users[0].direction), (None, Direction::Up));
        assert_eq!(users[0].rule_name.as_deref(), Some("PRICE_ABOVE 103"));
    }

    async fn a_tracker_that_takes_over_knows_what_the_other_one_fired(database) {
        let world = World::new(database, &["AAPL"]).await;
        let (first, second) = (world.ingest(), world.ingest());
        store(&world, &first, false, prices("AAPL", &["100"])).await;
        store(&world, &second, false, prices("AAPL", &["101"])).await;
        let id = create(&world, of_aapl(AlertKind::PriceAbove, "103")).await.id;
        for (ingest, price) in [(&first, "102"), (&second, "103"), (&first, "104"), (&second, "102"), (&first, "105")] {
            store(&world, ingest, false, prices("AAPL", &[price])).await;
        }
        let at: Vec<_> = fired(&world).await.into_iter().map(|(rule, price, _)| (rule, price)).collect();
        assert_eq!(at, [(id, "103".to_owned()), (id, "105".to_owned())]);
    }

    async fn a_split_that_no_tracker_saw_moves_levels_and_fires_nothing(database) {
        let world = World::new(database, &["AAPL"]).await;
        store(&world, &world.ingest(), false, prices("AAPL", &["100"])).await;
        let id = create(&world, of_aapl(AlertKind::PriceAbove, "180")).await.id;
        let monday = |price: &str| Quote { trading_day: date("2026-11-23"), ..quote("AAPL", price) };
        store(&world, &world.ingest(), false, vec![monday("101")]).await;
        record(&world, "2026-11-23", 2).await;
        store(&world, &world.ingest(), false, vec![monday("102")]).await;
        assert_eq!(level(&world, id).await, decimal("90"));
        assert_eq!(fired(&world).await, []);
        store(&world, &world.ingest(), false, vec![monday("89"), monday("90")]).await;
        assert_eq!(fired(&world).await.len(), 1);
    }

    async fn a_level_that_is_set_after_a_split_stays(database) {
        let world = World::new(database, &["AAPL"]).await;
        let ingest = world.ingest();
        store(&world, &ingest, false, prices("AAPL", &["100"])).await;
        let created = create(&world, of_aapl(AlertKind::PriceAbove, "180")).await;
        let deleted = create(&world, of_aapl(AlertKind::PriceAbove, "190")).await;
        let monday = |price: &str| Quote { trading_day: date("2026-11-23"), ..quote("AAPL", price) };
        store(&world, &ingest, false, vec![monday("101")]).await;
        record(&world, "2026-11-23", 2).await;
        let (new, level_day) = (decimal("102"), Some(date("2026-11-23")));
        let changed = AlertRule { threshold: new, set_threshold: Some(new), level_day, ..created };
        let mut feed = FeedTransaction::begin(&world.store).await.expect("begin");
        let changed = rule::update(&mut feed, changed, true).await.expect("update");
        rule::delete(&mut feed, &deleted).await.expect("delete");
        feed.commit().await.expect("commit");
        store(&world, &ingest, false, vec![monday("101.5")]).await;
        assert_eq!(level(&world, changed.id).await, new);
        store(&world, &world.ingest(), false, vec![monday("103")]).await;
        assert_eq!(fired(&world).await.len(), 1);
    }

    async fn volumes_before_a_split_that_a_quote_reports_count_in_its_shares(database) {
        let world = World::new(database, &["AAPL"]).await;
        let ingest = world.ingest();
        create(&world, of_aapl(AlertKind::VolumeSpike, "1.5")).await;
        let on = |day: &str, volume| Quote { trading_day: date(day), volume: Some(volume), ..quote("AAPL", "100") };
        let days = ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"];
        store(&world, &ingest, false, days.map(|day| on(day, 1_000)).into()).await;
        let split = Quote { split: Ratio::new(2, 1), ..on("2026-11-23", 2_900) };
        store(&world, &ingest, false, vec![split]).await;
        assert_eq!(fired(&world).await, []);
        store(&world, &ingest, false, vec![on("2026-11-23", 3_000)]).await;
        assert_eq!(fired(&world).await.len(), 1);
    }

    async fn held_prices_of_one_multiple_fire_the_default_rule_once(database) {
        let world = World::new(database, &["AAPL"]).await;
        let ingest = world.ingest();
        for price in ["130", "131"] {
            let batch = QuoteBatch { provider: "test", quotes: prices("AAPL", &[price]), reports_splits: true, ..QuoteBatch::default() };
            assert_eq!(ingest.ingest(batch).await.expect("store").held, 1);
        }
        assert_eq!(ingest.release(1, None).await.expect("release"), 1);
    }
}
