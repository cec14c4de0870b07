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
            ..RequestBudget::UNLIMITED
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
        self.reserve_cost(purpose, 1).await
    }

    async fn reserve_cost(&self, purpose: Purpose, cost: u32) -> ReserveOutcome {
        let (lease, now) = (&self.lease, self.now());
        let reserved = reserve(lease, "live", self.budget, purpose, cost..=cost, &[], now);
        reserved.await.expect("database available")
    }

    /// Reserves a request that ends at once.
    async fn reserved(&self) -> Reservation {
        let reservation = self.in_flight().await;
        let ended = finalize(&self.lease, reservation, self.now()).await;
        ended.expect("finalized");
        reservation
    }

    /// Reserves a request that does not end.
    async fn in_flight(&self) -> Reservation {
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
            let ReserveOutcome::WindowExhausted(again) = quota.reserve(purpose).await else { panic!() };
            assert!(again >= begun.after(SECOND * 60) && again <= begun.after(SECOND * 62), "{again}");
            clock.set(again.before(Duration::from_micros(1)));
            assert!(matches!(quota.reserve(purpose).await, ReserveOutcome::WindowExhausted(_)));
            clock.set(begun.after(SECOND * 20));
        }
        clock.set(begun.after(SECOND * 62));
        assert_eq!(quota.reserved().await.minute_left, Some(0));
        assert!(matches!(quota.reserve(Purpose::Requested).await, ReserveOutcome::WindowExhausted(_)));
    }

    async fn a_slow_request_is_dated_to_its_end(database) {
        let quota = Quota::open(World::new(database, &[]).await, Some(1), None).await;
        let reservation = quota.in_flight().await;
        quota.world.clock.advance(SECOND * 9);
        finalize(&quota.lease, reservation, quota.now()).await.expect("finalized");
        quota.world.clock.advance(SECOND * 59);
        assert!(matches!(quota.reserve(Purpose::Requested).await, ReserveOutcome::WindowExhausted(_)));
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
        let ReserveOutcome::WindowExhausted(again) = quota.reserve(Purpose::Requested).await else { panic!() };
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

    async fn a_request_counts_as_its_cost_in_every_window(database) {
        let mut quota = Quota::open(World::new(database, &[]).await, Some(8), Some(100)).await;
        quota.budget.per_second = Some(5);
        let clock = quota.world.clock.clone();
        let ReserveOutcome::Reserved(first) = quota.reserve_cost(Purpose::Requested, 5).await else { panic!() };
        assert_eq!((first.minute_left, first.day_left), (Some(3), Some(95)));
        assert!(matches!(quota.reserve(Purpose::Requested).await, ReserveOutcome::WindowExhausted(_)));
        clock.advance(SECOND * 3);
        // It is still in flight, so it may arrive now.
        assert!(matches!(quota.reserve(Purpose::Requested).await, ReserveOutcome::WindowExhausted(_)));
        finalize(&quota.lease, first, quota.now()).await.expect("finalized");
        clock.advance(SECOND * 2);
        let ReserveOutcome::WindowExhausted(until) = quota.reserve_cost(Purpose::Requested, 4).await else { panic!() };
        assert!(until.since(quota.now()) > SECOND * 50, "{until}");
        assert!(matches!(quota.reserve_cost(Purpose::Requested, 3).await, ReserveOutcome::Reserved(_)));
    }

    async fn a_request_that_ends_after_midnight_counts_on_both_days(database) {
        let quota = Quota::open(World::new(database, &[]).await, None, Some(3)).await;
        quota.world.clock.set(at("2026-11-21T04:59:58Z"));
        let reservation = quota.in_flight().await;
        assert_eq!(reservation.day_left, Some(2));
        quota.world.clock.set(at("2026-11-21T05:00:04Z"));
        finalize(&quota.lease, reservation, quota.now()).await.expect("finalized");
        assert_eq!(quota.in_flight().await.day_left, Some(1));
    }
}
