//! A history of years, made by the database itself.

use std::time::Duration;

use entity::{Position, Timestamp};
use runtime::clock::{Clock, ManualClock};
use sea_orm::{ConnectionTrait, DbBackend};
use store::{Store, retention::create_partitions};

/// The columns that stand still in such a history.
const STILL: &str = "NULL, NULL, NULL, NULL, 100, '2020-01-02', 0, false, 'test'";

/// Many stocks' prices, one each `every` from `from` to `to`; the clock stands at the end. A stock's prices are
/// recorded as many microseconds after the step as its id says, and a place is its instant in microseconds. Candles there
/// are of minutes and of days, days of UTC, written in the order of time as they would have been.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Archive {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) every: Duration,
    /// Ids of its stocks are from 1 to this.
    pub(crate) stocks: i64,
}

impl Archive {
    /// The place of a stock's price at `at`, or of the next one.
    pub(crate) fn place(&self, stock: i64, at: Timestamp) -> Position {
        let every = self.every_micros();
        let since = at.micros() - self.from.micros();
        let step = since.div_euclid(every) + i64::from(since.rem_euclid(every) > 0);
        self.nth(stock, step)
    }

    fn nth(&self, stock: i64, step: i64) -> Position {
        let micros = self.from.micros() + step * self.every_micros() + stock;
        Position {
            epoch: 7,
            seq: micros,
            recorded_at: Timestamp::from_micros(micros),
        }
    }

    fn every_micros(&self) -> i64 {
        i64::try_from(self.every.as_micros()).expect("a step")
    }

    /// Fills `store`, which has the stocks and no price.
    pub(crate) async fn fill(self, store: &Store, clock: &ManualClock) {
        clock.set(self.from);
        while clock.now() < self.to {
            create_partitions(store).await.expect("months are made");
            clock.advance(Duration::from_hours(24 * 27));
        }
        clock.set(self.to);
        create_partitions(store).await.expect("months are made");
        let (from, to, every) = (self.from.micros(), self.to.micros(), self.every_micros());
        let connection = store.database.begin_write().await.expect("a turn");
        let postgres = connection.get_database_backend() == DbBackend::Postgres;
        let steps = if postgres {
            // Rows of a stock that is there need no look at it each.
            for free in [
                "statement_timeout = 0",
                "session_replication_role = replica",
            ] {
                let free = format!("SET LOCAL {free}");
                let freed = connection.execute_unprepared(&free).await;
                freed.expect("it is the test's own server");
            }
            format!("generate_series({from}, {to} - 1, {every}) AS step(at)")
        } else {
            format!(
                "(WITH RECURSIVE step(at) AS (SELECT {from} UNION ALL SELECT at + {every} FROM step \
                 WHERE at + {every} < {to}) SELECT at FROM step) AS step"
            )
        };
        let candles = |minutes: i64| {
            format!(
                "INSERT INTO candles SELECT {minutes}, stock_id, MIN(recorded_at), MIN(recorded_at), MAX(recorded_at), \
                 MIN(price), MAX(price), MIN(price), MAX(price), 100, COUNT(*) FROM stock_prices \
                 GROUP BY stock_id, recorded_at / {} ORDER BY 3",
                minutes * 60_000_000
            )
        };
        for sql in [
            format!(
                "INSERT INTO stock_prices SELECT id, at + id, at + id, 10000000000 + at % 1000000, {STILL} \
                 FROM stocks CROSS JOIN {steps} WHERE id <= {} ORDER BY at, id",
                self.stocks
            ),
            candles(1),
            candles(1440),
            format!(
                "INSERT INTO quotes (stock_id, recorded_at, seq, price, previous_close, open, high, low, volume, \
                 trading_day, market_time, market_time_sent, provider, begins_at) \
                 SELECT stock_id, MAX(recorded_at), MAX(seq), 10000000000, {STILL}, MIN(recorded_at) \
                 FROM stock_prices GROUP BY stock_id"
            ),
            "UPDATE feed_head SET seq = (SELECT MAX(seq) FROM stock_prices), \
             recorded_at = (SELECT MAX(recorded_at) FROM stock_prices)"
                .to_owned(),
        ] {
            connection.execute_unprepared(&sql).await.expect(&sql);
        }
        connection.commit().await.expect("it is filled");
        if postgres {
            // What autovacuum would have done.
            let database = store.database.write();
            let settled = database.execute_unprepared("VACUUM (ANALYZE) stock_prices, candles");
            settled.await.expect("it is settled");
        }
    }
}
