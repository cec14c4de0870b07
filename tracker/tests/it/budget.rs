//! Charging requests, on both databases.

use std::time::Duration;

use entity::{ProviderState, Timestamp, table::provider};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use tracker::{
    budget::{Charge, Granted, Purpose, charge, settle, spend_day},
    lease::Lease,
    provider::{Budget, DayZone},
};

use crate::fixture::{World, at};

const SECOND: Duration = Duration::from_secs(1);

/// A provider's budget and the right to spend it.
struct Account {
    world: World,
    lease: Lease,
    budget: Budget,
}

impl Account {
    async fn open(world: World, per_minute: Option<u32>, per_day: Option<u32>) -> Self {
        let row = provider::ActiveModel {
            name: Set("live".to_owned()),
            state: Set(ProviderState::Ok),
            day_used: Set(0),
            updated_at: Set(world.store.clock.now()),
            ..Default::default()
        };
        row.insert(world.database.write()).await.expect("a row");
        let lease = Lease::take(&world.database).await.expect("it is free");
        let day = DayZone::NewYork;
        let budget = Budget {
            per_minute,
            per_day,
            day,
        };
        Self {
            world,
            lease,
            budget,
        }
    }

    fn now(&self) -> Timestamp {
        self.world.store.clock.now()
    }

    async fn charge(&self, purpose: Purpose) -> Charge {
        let charged = charge(&self.lease, "live", self.budget, purpose, &[], self.now());
        charged.await.expect("an answer")
    }

    async fn granted(&self) -> Granted {
        match self.charge(Purpose::Requested).await {
            Charge::Granted(granted) => granted,
            refused => panic!("{refused:?}"),
        }
    }
}

testkit::on_both_databases! {
    async fn a_minutes_requests_are_free_again_one_by_one(database) {
        let account = Account::open(World::new(database, &[]).await, Some(2), None).await;
        let clock = &account.world.clock;
        let begun = account.now();
        assert_eq!(account.granted().await.minute_left, Some(1));
        clock.advance(SECOND * 20);
        assert_eq!(account.granted().await.minute_left, Some(0));
        for purpose in [Purpose::Scheduled, Purpose::Requested] {
            let Charge::MinuteSpent(again) = account.charge(purpose).await else { panic!() };
            assert!(again >= begun.after(SECOND * 60) && again <= begun.after(SECOND * 62), "{again}");
            clock.set(again.before(Duration::from_micros(1)));
            assert!(matches!(account.charge(purpose).await, Charge::MinuteSpent(_)));
            clock.set(begun.after(SECOND * 20));
        }
        clock.set(begun.after(SECOND * 62));
        assert_eq!(account.granted().await.minute_left, Some(0));
        assert!(matches!(account.charge(Purpose::Requested).await, Charge::MinuteSpent(_)));
    }

    async fn a_slow_request_counts_from_its_end(database) {
        let account = Account::open(World::new(database, &[]).await, Some(1), None).await;
        let granted = account.granted().await;
        account.world.clock.advance(SECOND * 9);
        settle(&account.lease, granted, SECOND * 9, account.now()).await.expect("it is settled");
        account.world.clock.advance(SECOND * 59);
        assert!(matches!(account.charge(Purpose::Requested).await, Charge::MinuteSpent(_)));
        account.world.clock.advance(SECOND * 3);
        account.granted().await;
    }

    async fn a_clock_that_steps_back_gives_no_budget_away_and_holds_none_for_ever(database) {
        let account = Account::open(World::new(database, &[]).await, Some(1), Some(3)).await;
        let clock = &account.world.clock;
        clock.set(at("2026-11-21T05:10:00Z"));
        account.granted().await;
        // Into the day before, as New York counts.
        clock.set(at("2026-11-21T04:40:00Z"));
        let Charge::MinuteSpent(again) = account.charge(Purpose::Requested).await else { panic!() };
        assert!(again.since(account.now()) <= SECOND * 62, "{again}");
        clock.set(again);
        assert_eq!(account.granted().await.day_left, Some(1), "it is the later day's");
    }

    async fn the_days_reserve_is_for_requests_and_a_day_ends_at_its_midnight(database) {
        let account = Account::open(World::new(database, &[]).await, None, Some(11)).await;
        let midnight = at("2026-11-21T05:00:00Z");
        for left in (2..11).rev() {
            let Charge::Granted(granted) = account.charge(Purpose::Scheduled).await else { panic!() };
            assert_eq!(granted.day_left, Some(left));
        }
        assert_eq!(account.charge(Purpose::Scheduled).await, Charge::DayReserved(midnight));
        assert_eq!(account.granted().await.day_left, Some(1));
        assert_eq!(account.granted().await.day_left, Some(0));
        assert_eq!(account.charge(Purpose::Requested).await, Charge::DaySpent(midnight));
        account.world.clock.set(midnight);
        assert_eq!(account.granted().await.day_left, Some(10));

        let spent = spend_day(&account.lease, "live", account.budget, account.now()).await;
        let next = at("2026-11-22T05:00:00Z");
        assert_eq!(spent, Ok(next));
        assert_eq!(account.charge(Purpose::Requested).await, Charge::DaySpent(next));
    }

    async fn racing_requests_never_overspend(database) {
        let account = Account::open(World::new(database, &[]).await, Some(5), None).await;
        let charges = (0..20).map(|_| account.charge(Purpose::Requested));
        let charged = futures_util::future::join_all(charges).await;
        let granted = charged.iter().filter(|it| matches!(it, Charge::Granted(_))).count();
        assert_eq!(granted, 5, "{charged:?}");
    }
}
