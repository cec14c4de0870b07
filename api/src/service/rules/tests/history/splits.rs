//! Splits of a random history: known early, late, wrong, or never.

use chrono::NaiveDate;
use entity::{Ratio, Split};

use super::History;

/// Ratios that keep prices exact to 8 decimals.
const EXACT: [(i128, i128); 6] = [(2, 1), (4, 1), (5, 1), (1, 2), (1, 4), (1, 10)];
/// Others. The last ones barely move the prices, so that levels are crossed by a split alone.
const ROUNDED: [(i128, i128); 6] = [(3, 1), (3, 2), (1, 3), (7, 3), (101, 100), (98, 100)];

impl History {
    /// Plans a split of the next day, which becomes known now or later, perhaps with a wrong ratio,
    /// or a split that never happens.
    pub(super) async fn plan_split(&mut self, index: usize) {
        let Some(day) = self.days.get(self.today + 1).copied() else {
            return;
        };
        let (ratio, wrong) = (self.ratio(), self.ratio());
        let case = self.random.between(1, 7);
        if case < 7 {
            self.markets[index].next_split = Some(ratio);
        }
        match case {
            1..=3 => self.split(index, day, Some(ratio)).await,
            4 => self.late.push((index, day, Some(ratio))),
            5 => {
                self.split(index, day, Some(wrong)).await;
                self.late.push((index, day, Some(ratio)));
            }
            6 => {
                self.late.push((index, day, Some(wrong)));
                self.late.push((index, day, Some(ratio)));
            }
            _ => {
                self.late.push((index, day, Some(wrong)));
                self.late.push((index, day, None));
            }
        }
    }

    fn ratio(&mut self) -> Ratio {
        let (new, old) = self
            .random
            .choose(if self.is_exact { &EXACT } else { &ROUNDED });
        Ratio::new(new, old).expect("a positive ratio")
    }

    pub(super) async fn split(&mut self, market: usize, day: NaiveDate, ratio: Option<Ratio>) {
        self.trial
            .split(self.markets[market].stock, day, ratio)
            .await;
        if day <= self.days[self.today] {
            self.unsettled = true;
            self.late_at[market] = self.trial.store.clock.now();
        }
    }

    /// Releases held prices, often because their split is reported.
    pub(super) async fn release(&mut self, stock: i64) {
        let market = self.markets.iter().position(|market| market.stock == stock);
        let market = market.expect("a market");
        let known = self.late.iter().position(|(of, day, ratio)| {
            *of == market && *day <= self.days[self.today] && ratio.is_some()
        });
        let mut reported = None;
        if let Some(at) = known.filter(|_| self.random.percent(70)) {
            let (_, effective_on, ratio) = self.late.remove(at);
            reported = ratio.map(|ratio| Split {
                effective_on,
                ratio,
            });
            self.late_at[market] = self.trial.store.clock.now();
        }
        self.trial.release(stock, reported).await;
    }
}
