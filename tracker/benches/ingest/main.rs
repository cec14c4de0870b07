//! The cost of storing prices: `cargo bench -p tracker --bench ingest -- ROUNDS`. The argument is
//! the number of rounds, 9 by default.
//!
//! Batches of several sizes over 100 stocks are stored by the tracker, with everything that belongs
//! to it, and by bare statements that insert the same rows into the same tables of a second
//! database. Both take turns in one run, on SQLite and on PostgreSQL.

#![expect(clippy::print_stdout, reason = "it is a program that prints tables")]

mod bare;
mod cpu;
#[path = "../shared/mod.rs"]
mod shared;
mod world;

use std::time::Duration;

use testkit::TestDatabase;

use self::{bare::Bare, cpu::Cpu, shared::micros, world::World};

/// The number of prices per batch, and the number of batches per round.
const SIZES: [(usize, usize); 4] = [(1, 200), (10, 50), (100, 20), (1_000, 4)];
/// The number of stocks.
const STOCKS: i64 = 100;

#[tokio::main]
async fn main() {
    #[expect(clippy::disallowed_methods, reason = "a task, as in the tracker")]
    let running = tokio::spawn(run());
    running.await.expect("no panic");
}

async fn run() {
    #[expect(clippy::disallowed_methods, reason = "a benchmark has no settings")]
    let rounds = std::env::args().find_map(|it| it.parse::<usize>().ok());
    let rounds = rounds.unwrap_or(9);
    println!(
        "| database | prices a batch | prices/s | CPU µs a price | bare prices/s | bare CPU µs a price | ratio of prices/s | of CPU |"
    );
    println!(
        "|----------|---------------:|---------:|---------------:|--------------:|--------------------:|------------------:|-------:|"
    );
    let sqlite = [TestDatabase::sqlite().await, TestDatabase::sqlite().await];
    measure("SQLite", rounds, sqlite).await;
    let postgres = [
        TestDatabase::postgres().await,
        TestDatabase::postgres().await,
    ];
    measure("PostgreSQL", rounds, postgres).await;
}

/// Time and CPU time of rounds.
#[derive(Default)]
struct Measured {
    elapsed: Vec<Duration>,
    cpu: Duration,
}

impl Measured {
    fn add(&mut self, (elapsed, cpu): (Duration, Duration)) {
        self.elapsed.push(elapsed);
        self.cpu += cpu;
    }

    /// Prices a second in the median round, and the mean CPU time of a price.
    #[expect(clippy::cast_precision_loss, reason = "counts of prices")]
    fn of(mut self, prices: usize) -> (f64, f64) {
        self.elapsed.sort_unstable();
        let median = self.elapsed[self.elapsed.len() / 2].as_secs_f64();
        let all = (self.elapsed.len() * prices) as f64;
        (prices as f64 / median, micros(self.cpu) / all)
    }
}

async fn measure(name: &str, rounds: usize, [ours, theirs]: [TestDatabase; 2]) {
    let mut world = World::new(ours).await;
    let mut bare = Bare::new(theirs).await;
    let cpu = Cpu::new(&world.store).await;
    for (size, batches) in SIZES {
        let (mut whole, mut plain) = (Measured::default(), Measured::default());
        // The first round warms up.
        for round in 0..=rounds {
            let quotes: Vec<_> = (0..batches).map(|_| world.quotes(size)).collect();
            let ours = cpu.measure(async || {
                for quotes in quotes {
                    world.ingest(quotes).await;
                }
            });
            let ours = ours.await;
            let rows = world.new_rows().await;
            let theirs = cpu.measure(async || {
                for rows in &rows {
                    bare.insert(rows).await;
                }
            });
            let theirs = theirs.await;
            if round > 0 {
                whole.add(ours);
                plain.add(theirs);
            }
        }
        let (whole, plain) = (whole.of(size * batches), plain.of(size * batches));
        println!(
            "| {name} | {size} | {:.0} | {:.1} | {:.0} | {:.1} | {:.2} | {:.2} |",
            whole.0,
            whole.1,
            plain.0,
            plain.1,
            whole.0 / plain.0,
            whole.1 / plain.1,
        );
    }
}
