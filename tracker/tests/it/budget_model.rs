//! A model of a provider that counts real arrivals: over random schedules of requests, failures,
//! restarts and takeovers, none of its limits is exceeded.

use std::time::Duration;

use entity::{ProviderState, Timestamp, table::provider};
use sea_orm::{ActiveModelTrait, ActiveValue::Set};
use store::lease::Lease;
use testkit::{SeededRandom, TestDatabase};
use tracker::{
    budget::{Purpose, Reservation, ReserveOutcome, exhaust_day, finalize, reserve},
    provider::{DayZone, RequestBudget},
};

use crate::fixture::{World, at};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// The longest time between a reservation and the arrival of the request.
const LONGEST: Duration = Duration::from_secs(15);

/// A request that was reserved and has not ended.
struct InFlight {
    reservation: Reservation,
    ends: Timestamp,
}

/// The tracker's side, and what arrives at the provider.
struct Model {
    world: World,
    lease: Option<Lease>,
    budget: RequestBudget,
    random: SeededRandom,
    in_flight: Vec<InFlight>,
    arrived: Vec<(Timestamp, u32)>,
    refused: usize,
}

impl Model {
    async fn new(database: TestDatabase, budget: RequestBudget, seed: u64) -> Self {
        let world = World::new(database, &[]).await;
        let row = provider::ActiveModel {
            name: Set("live".to_owned()),
            state: Set(ProviderState::Ok),
            day_used: Set(0),
            updated_at: Set(world.store.clock.now()),
            ..Default::default()
        };
        let inserted = row.insert(world.database.write()).await;
        inserted.expect("row inserted");
        Self {
            lease: Some(Lease::take(&world.database).await.expect("lease taken")),
            world,
            budget,
            random: SeededRandom::new(seed),
            in_flight: Vec::new(),
            arrived: Vec::new(),
            refused: 0,
        }
    }

    fn now(&self) -> Timestamp {
        self.world.store.clock.now()
    }

    fn lease(&self) -> &Lease {
        self.lease.as_ref().expect("a lease")
    }

    fn within(&mut self, longest: Duration) -> Duration {
        let millis = usize::try_from(longest.as_millis()).expect("short");
        Duration::from_millis(self.random.between(0, millis).try_into().expect("short"))
    }

    /// Moves the clock; requests that end meanwhile are finalized, except where that fails.
    async fn advance_to(&mut self, until: Timestamp) {
        self.in_flight.sort_by_key(|request| request.ends);
        while let Some(request) = self.in_flight.first()
            && request.ends <= until
        {
            let request = self.in_flight.remove(0);
            self.world.clock.set(request.ends.max(self.now()));
            if self.random.percent(90) {
                let ended = finalize(self.lease(), request.reservation, self.now());
                ended.await.expect("database available");
            }
        }
        self.world.clock.set(until.max(self.now()));
    }

    /// The process is killed, and another one takes over. What it sent may still arrive.
    async fn take_over(&mut self) {
        self.in_flight.clear();
        let lease = self.lease.take().expect("a lease");
        lease.release().await;
        let taken = Lease::take(&self.world.database).await;
        self.lease = Some(taken.expect("lease taken"));
    }

    async fn request(&mut self) {
        let purpose = self.random.choose(&[
            Purpose::Scheduled,
            Purpose::Retry,
            Purpose::Requested,
            Purpose::Requested,
            Purpose::Background { keep: 1 },
        ]);
        let (least, most) = self
            .random
            .choose(&[(1, 1), (1, 1), (1, 3), (2, 2), (3, 3)]);
        let now = self.now();
        let reserved = reserve(
            self.lease(),
            "live",
            self.budget,
            purpose,
            least..=most,
            &[],
            now,
        );
        match reserved.await.expect("database available") {
            ReserveOutcome::Reserved(reservation) => {
                let longest =
                    self.random
                        .choose(&[Duration::ZERO, SECOND / 5, SECOND * 2, LONGEST]);
                let took = self.within(longest);
                let arrives = now.after(self.within(took));
                assert!(
                    (least..=most).contains(&reservation.cost),
                    "{reservation:?}"
                );
                self.arrived.push((arrives, reservation.cost));
                let ends = now.after(took);
                self.in_flight.push(InFlight { reservation, ends });
            }
            ReserveOutcome::WindowExhausted(until) => {
                self.refused += 1;
                assert!(
                    until > now && until <= now.after(MINUTE + SECOND * 2),
                    "{now} {until}"
                );
                if self.random.percent(60) {
                    self.advance_to(until).await;
                }
            }
            ReserveOutcome::DayExhausted(until)
            | ReserveOutcome::OnlyReserveLeft(until)
            | ReserveOutcome::RetriesExhausted(until) => {
                self.refused += 1;
                assert!(
                    until > now && until <= now.after(Duration::from_hours(26)),
                    "{now} {until}"
                );
                if self.random.percent(20) {
                    // The moments around midnight.
                    self.advance_to(until.before(SECOND * 3)).await;
                }
            }
        }
    }

    async fn step(&mut self) {
        match self.random.between(1, 100) {
            1..=3 => self.take_over().await,
            4 => {
                let (budget, now) = (self.budget, self.now());
                let exhausted = exhaust_day(self.lease(), "live", budget, now).await;
                exhausted.expect("database available");
            }
            5..=40 => {
                let longest = self.random.choose(&[
                    SECOND / 10,
                    SECOND,
                    SECOND * 20,
                    MINUTE * 2,
                    MINUTE * 200,
                ]);
                let pause = self.within(longest);
                self.advance_to(self.now().after(pause)).await;
            }
            _ => self.request().await,
        }
    }

    /// Checks every window and every day of the provider.
    fn check(self, seed: u64) {
        let (sent, refused) = (self.arrived.len(), self.refused);
        assert_within(self.budget, self.arrived, seed);
        assert!(
            sent >= 20 && refused >= 10,
            "seed {seed}: {sent} sent, {refused} refused"
        );
    }
}

/// Asserts that requests, each with its time and its cost, exceed no limit of a budget in any
/// second, in any minute and on any day. Returns whether they reached one of them.
pub(crate) fn assert_within(
    budget: RequestBudget,
    mut arrived: Vec<(Timestamp, u32)>,
    seed: u64,
) -> bool {
    arrived.sort();
    let mut reached = false;
    for (window, limit) in [(SECOND, budget.per_second), (MINUTE, budget.per_minute)] {
        let Some(limit) = limit else { continue };
        for (first, (begins, _)) in arrived.iter().enumerate() {
            let ends = begins.after(window);
            let within = arrived[first..].iter().take_while(|(at, _)| *at < ends);
            let used: u32 = within.map(|(_, cost)| cost).sum();
            assert!(
                used <= limit,
                "seed {seed}: {used} in {window:?} from {begins}"
            );
            reached |= used == limit;
        }
    }
    if let Some(limit) = budget.per_day {
        let zone = budget.day;
        for day in arrived.chunk_by(|a, b| zone.date(a.0) == zone.date(b.0)) {
            let used: u32 = day.iter().map(|(_, cost)| cost).sum();
            let begins = day[0].0;
            assert!(used <= limit, "seed {seed}: {used} on the day of {begins}");
            reached |= used == limit;
        }
    }
    reached
}

/// Runs random schedules within random budgets.
async fn check_schedules(database: impl AsyncFn() -> TestDatabase, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut random = SeededRandom::new(seed);
        let budget = RequestBudget {
            per_second: random.choose(&[None, Some(3), Some(4)]),
            per_minute: random.choose(&[None, Some(3), Some(9), Some(20)]),
            per_day: random.choose(&[None, Some(25), Some(60)]),
            day: random.choose(&[DayZone::NewYork, DayZone::Utc]),
            ..RequestBudget::UNLIMITED
        };
        if budget.per_minute.or(budget.per_day).is_none() {
            continue;
        }
        let mut model = Model::new(database().await, budget, seed).await;
        model.world.clock.set(at("2026-11-20T23:00:00Z"));
        for _ in 0..400 {
            model.step().await;
        }
        model.check(seed);
    }
}

#[tokio::test]
async fn no_schedule_exceeds_the_budget_on_sqlite() {
    check_schedules(async || TestDatabase::sqlite().await, 0..12).await;
}

#[tokio::test]
async fn no_schedule_exceeds_the_budget_on_postgresql() {
    check_schedules(async || TestDatabase::postgres().await, 100..104).await;
}
