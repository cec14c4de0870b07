//! Tests of reservations from a provider's quota, on both databases.

use std::time::Duration;

use entity::{ProviderState, Timestamp, table::provider};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use store::lease::Lease;
use tracker::{
    budget::{Purpose, Reservation, ReserveOutcome, exhaust_day, finalize, reserve},
    provider::{DayZone, RequestBudget},
};

use crate::fixture::{World, at};

const SECOND: Duration = Duration::from_secs(1);

/// A provider's budget and the lease.
struct Quota {
    world: World,
    lease: Lease,
    budget: RequestBudget,
}

impl Quota {
    async fn open(world: World, per_minute: Option<u32>, per_day: Option<u32>) -> Self {
        let row = provider::ActiveModel {
            name: Set("live".to_owned()),
            state: Set(ProviderState::Ok),
            day_used: Set(0),
            updated_at: Set(world.store.clock.now()),
            ..Default::default()
        };
        row.insert(world.database.write())
            .await
            .expect("row inserted");
        let lease = Lease::take(&world.database).await.expect("lease taken");
        let day = DayZone::NewYork;
        let budget = RequestBudget {
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

    async fn reserve(&self, purpose: Purpose) -> ReserveOutcome {
        let reserved = reserve(&self.lease, "live", self.budget, purpose, &[], self.now());
        reserved.await.expect("database available")
    }

    async fn reserved(&self) -> Reservation {
        match self.reserve(Purpose::Requested).await {
            ReserveOutcome::Reserved(reservation) => reservation,
            refused => panic!("not reserved: {refused:?}"),
        }
    }
}

testkit::on_both_databases! {
    async fn requests_of_a_minute_expire_one_by_one(database) {
        let quota = Quota::open(World::new(database, &[]).await, Some(2), None).await;
        let clock = &quota.world.clock;
        let begun = quota.now();
        assert_eq!(quota.reserved().await.minute_left, Some(1));
        clock.advance(SECOND * 20);
        assert_eq!(quota.reserved().await.minute_left, Some(0));
        for purpose in [Purpose::Scheduled, Purpose::Requested] {
            let ReserveOutcome::MinuteExhausted(again) = quota.reserve(purpose).await else { panic!() };
            assert!(again >= begun.after(SECOND * 60) && again <= begun.after(SECOND * 62), "{again}");
            clock.set(again.before(Duration::from_micros(1)));
            assert!(matches!(quota.reserve(purpose).await, ReserveOutcome::MinuteExhausted(_)));
            clock.set(begun.after(SECOND * 20));
        }
        clock.set(begun.after(SECOND * 62));
        assert_eq!(quota.reserved().await.minute_left, Some(0));
        assert!(matches!(quota.reserve(Purpose::Requested).await, ReserveOutcome::MinuteExhausted(_)));
    }

    async fn a_slow_request_is_dated_to_its_end(database) {
        let quota = Quota::open(World::new(database, &[]).await, Some(1), None).await;
        let reservation = quota.reserved().await;
        quota.world.clock.advance(SECOND * 9);
        finalize(&quota.lease, reservation, SECOND * 9, quota.now()).await.expect("finalized");
        quota.world.clock.advance(SECOND * 59);
        assert!(matches!(quota.reserve(Purpose::Requested).await, ReserveOutcome::MinuteExhausted(_)));
        quota.world.clock.advance(SECOND * 3);
        quota.reserved().await;
    }

    async fn a_clock_that_steps_back_neither_resets_nor_blocks_the_quota(database) {
        let quota = Quota::open(World::new(database, &[]).await, Some(1), Some(3)).await;
        let clock = &quota.world.clock;
        clock.set(at("2026-11-21T05:10:00Z"));
        quota.reserved().await;
        // The previous day in New York.
        clock.set(at("2026-11-21T04:40:00Z"));
        let ReserveOutcome::MinuteExhausted(again) = quota.reserve(Purpose::Requested).await else { panic!() };
        assert!(again.since(quota.now()) <= SECOND * 62, "{again}");
        clock.set(again);
        assert_eq!(quota.reserved().await.day_left, Some(1), "the usage of the later day continues");
    }

    async fn scheduled_polls_keep_the_reserve_and_the_day_ends_at_midnight(database) {
        let quota = Quota::open(World::new(database, &[]).await, None, Some(11)).await;
        let midnight = at("2026-11-21T05:00:00Z");
        for left in (2..11).rev() {
            let ReserveOutcome::Reserved(reservation) = quota.reserve(Purpose::Scheduled).await else { panic!() };
            assert_eq!(reservation.day_left, Some(left));
        }
        assert_eq!(quota.reserve(Purpose::Scheduled).await, ReserveOutcome::OnlyReserveLeft(midnight));
        assert_eq!(quota.reserved().await.day_left, Some(1));
        assert_eq!(quota.reserved().await.day_left, Some(0));
        assert_eq!(quota.reserve(Purpose::Requested).await, ReserveOutcome::DayExhausted(midnight));
        quota.world.clock.set(midnight);
        assert_eq!(quota.reserved().await.day_left, Some(10));

        let resets_at = exhaust_day(&quota.lease, "live", quota.budget, quota.now()).await;
        let next = at("2026-11-22T05:00:00Z");
        assert_eq!(resets_at.expect("it is stored"), next);
        assert_eq!(quota.reserve(Purpose::Requested).await, ReserveOutcome::DayExhausted(next));
    }

    async fn concurrent_reservations_never_exceed_the_quota(database) {
        let quota = Quota::open(World::new(database, &[]).await, Some(5), None).await;
        let reserving = (0..20).map(|_| quota.reserve(Purpose::Requested));
        let outcomes = futures_util::future::join_all(reserving).await;
        let reserved = outcomes.iter().filter(|it| matches!(it, ReserveOutcome::Reserved(_))).count();
        assert_eq!(reserved, 5, "{outcomes:?}");
    }
}
