//! Judges what a subscriber heard against what is stored.
//!
//! One invariant: knows nothing of how anything is delivered; whatever is missing, repeated, out of order, altered or
//! miscounted is an error that names the place. The tests of fan-out call this, with sockets and without.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use entity::{
    Decimal, Event,
    table::{alert, feed, stock, stock_price},
};
use runtime::database::Database;
use sea_orm::{EntityTrait, QueryOrder};

/// What a subscriber selects.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
pub(crate) struct Selection {
    /// Of all if not given.
    pub(crate) symbols: Option<BTreeSet<String>>,
    pub(crate) prices: bool,
    pub(crate) alerts: bool,
    /// Whether prices may be skipped for newer ones of the symbol.
    pub(crate) conflates: bool,
    /// Whether it begins with the latest prices where it goes on after nothing.
    pub(crate) snapshot: bool,
}

/// An event as it was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) seq: i64,
    pub(crate) symbol: String,
    pub(crate) price: Decimal,
    pub(crate) snapshot: bool,
    pub(crate) missed: u64,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The client left, or was cut off, at any moment.
    Cut,
    /// The client was told that it is this many events too far behind.
    Overloaded(usize),
    /// The client heard everything that there is.
    Settled,
}

/// One subscription from its beginning to its end.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// After which place it went on.
    pub(crate) after: Option<i64>,
    /// Where the feed was, at the earliest and at the latest, when it began.
    pub(crate) begun: (i64, i64),
    pub(crate) heard: Vec<Heard>,
    pub(crate) ended: Ended,
}

impl Session {
    /// Whether the client was let go.
    pub(crate) fn is_overloaded(&self) -> bool {
        matches!(self.ended, Ended::Overloaded(_))
    }
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Price(Decimal),
    Alert(Decimal),
    Tracked(bool),
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) symbol: String,
    pub(crate) what: What,
}

/// What is stored, in feed order.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) rows: Vec<Row>,
    /// Tracked from the beginning.
    tracked: BTreeSet<String>,
}

impl Tables {
    /// Reads what happened to stocks of which `tracked` were tracked from the beginning.
    pub(crate) async fn read(database: &Database, tracked: &[&str]) -> Self {
        let moment = database.begin_read().await.expect("a transaction");
        let connection = &moment;
        let stocks = stock::Entity::find().all(connection).await.expect("stocks");
        let symbols: BTreeMap<i64, String> = stocks
            .into_iter()
            .map(|stock| (stock.id, stock.symbol.to_string()))
            .collect();
        let prices = stock_price::Entity::find().all(connection).await;
        let alerts = alert::Entity::find().all(connection).await;
        let row = |seq, stock_id: i64, what| Row {
            seq,
            symbol: symbols[&stock_id].clone(),
            what,
        };
        let mut rows = Vec::new();
        for price in prices.expect("prices") {
            rows.push(row(price.seq, price.stock_id, What::Price(price.price)));
        }
        for alert in alerts.expect("alerts") {
            rows.push(row(alert.seq, alert.stock_id, What::Alert(alert.price)));
        }
        let feed = feed::Entity::find().order_by_asc(feed::Column::Seq);
        for entry in feed.all(connection).await.expect("the feed") {
            let events: Vec<Event> = serde_json::from_str(&entry.events).expect("events");
            for event in events {
                if let Event::StockChanged { seq, stock } = event {
                    rows.push(row(seq, stock.id, What::Tracked(stock.tracked)));
                }
            }
        }
        rows.sort_by_key(|row| row.seq);
        let gapless = rows.iter().zip(1..).all(|(row, seq)| row.seq == seq);
        assert!(gapless, "the feed's places are not those of the tables");
        Self {
            rows,
            tracked: tracked.iter().map(|&symbol| symbol.to_owned()).collect(),
        }
    }

    /// How many prices and alerts there are.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let prices = self
            .rows
            .iter()
            .filter(|row| matches!(row.what, What::Price(_)));
        let alerts = self
            .rows
            .iter()
            .filter(|row| matches!(row.what, What::Alert(_)));
        (prices.count(), alerts.count())
    }

    /// The last place that a selection is told of; 0 if there is none.
    pub(crate) fn last(&self, selection: &Selection) -> i64 {
        self.selected(selection, 0).last().map_or(0, |row| row.seq)
    }

    /// Judges all sessions of a client, each of which goes on where the one before it was cut.
    pub(crate) fn judge(&self, selection: &Selection, sessions: &[Session]) -> Result<(), String> {
        let mut last = None;
        for (at, session) in sessions.iter().enumerate() {
            if session.after != last {
                return Err(format!(
                    "session {at} goes on elsewhere than where it was cut"
                ));
            }
            self.session(selection, session)
                .map_err(|error| format!("session {at}: {error}"))?;
            last = session.heard.last().map(|heard| heard.seq).or(last);
        }
        Ok(())
    }

    fn session(&self, selection: &Selection, session: &Session) -> Result<(), String> {
        if let Some(after) = session.after {
            return self.live(selection, session, &session.heard, after);
        }
        // Not before what it was told at first, nor after what came then.
        let told = session
            .heard
            .iter()
            .take_while(|heard| heard.snapshot)
            .last();
        let live = session.heard.iter().find(|heard| !heard.snapshot);
        let end = self.rows.last().map_or(0, |row| row.seq);
        let earliest = told.map_or(0, |told| told.seq).max(session.begun.0);
        let latest = live.map_or(end, |live| live.seq - 1).min(session.begun.1);
        let mut first = Err(format!("it began nowhere between {earliest} and {latest}"));
        // Where exactly it began it was not told: one place must explain all that it heard.
        for position in (earliest..=latest).rev() {
            let judged = self.from(selection, session, position);
            if judged.is_ok() {
                return judged;
            }
            first = first.and(judged.clone()).or(judged);
        }
        first
    }

    fn from(&self, selection: &Selection, session: &Session, position: i64) -> Result<(), String> {
        let snapshots = session
            .heard
            .iter()
            .take_while(|heard| heard.snapshot)
            .count();
        let (snapshot, live) = session.heard.split_at(snapshots);
        let expected = if selection.snapshot {
            self.latest(selection, position)
        } else {
            Vec::new()
        };
        let cut = live.is_empty() && session.ended == Ended::Cut;
        let told = if cut && snapshot.len() < expected.len() {
            &expected[..snapshot.len()]
        } else {
            &expected[..]
        };
        let matches = told.len() == snapshot.len()
            && told
                .iter()
                .zip(snapshot)
                .all(|(row, heard)| row.is(heard) && heard.missed == 0);
        if !matches {
            return Err(format!(
                "the snapshot at {position} is {expected:?}, not {snapshot:?}"
            ));
        }
        self.live(selection, session, live, position)
    }

    /// The latest price of each selected symbol at a place, in feed order.
    fn latest(&self, selection: &Selection, position: i64) -> Vec<&Row> {
        let mut tracked = self.tracked.clone();
        let mut latest: BTreeMap<&str, &Row> = BTreeMap::new();
        for row in self.rows.iter().take_while(|row| row.seq <= position) {
            match row.what {
                What::Price(_) => drop(latest.insert(&row.symbol, row)),
                What::Tracked(true) => drop(tracked.insert(row.symbol.clone())),
                What::Tracked(false) => drop(tracked.remove(&row.symbol)),
                What::Alert(_) => {}
            }
        }
        let selects = |symbol: &str| match &selection.symbols {
            Some(symbols) => symbols.contains(symbol),
            None => tracked.contains(symbol),
        };
        let mut latest: Vec<_> = latest
            .into_values()
            .filter(|row| selects(&row.symbol))
            .collect();
        latest.sort_by_key(|row| row.seq);
        latest
    }

    fn selected(&self, selection: &Selection, after: i64) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| {
            let symbols = selection.symbols.as_ref();
            let kind = match row.what {
                What::Price(_) => selection.prices,
                What::Alert(_) => selection.alerts,
                What::Tracked(_) => false,
            };
            row.seq > after && kind && symbols.is_none_or(|symbols| symbols.contains(&row.symbol))
        })
    }

    fn live(
        &self,
        selection: &Selection,
        session: &Session,
        heard: &[Heard],
        after: i64,
    ) -> Result<(), String> {
        let mut rows = self.selected(selection, after);
        for event in heard {
            let mut skipped = 0;
            let row = loop {
                let row = rows
                    .next()
                    .ok_or_else(|| format!("{event:?} is not what comes next"))?;
                if row.seq == event.seq {
                    break row;
                }
                skipped += 1;
            };
            if event.snapshot || !row.is(event) {
                return Err(format!("{event:?} should be {row:?}"));
            }
            if skipped != event.missed || (skipped > 0 && !selection.conflates) {
                return Err(format!("{skipped} were skipped before {event:?}"));
            }
        }
        let left = rows.count();
        match session.ended {
            Ended::Settled if left > 0 => Err(format!("{left} were never told at the end")),
            Ended::Settled => self.settled(selection, heard, after),
            Ended::Overloaded(_) if selection.conflates => {
                Err("the latest never overload".to_owned())
            }
            Ended::Overloaded(behind) if left <= behind => {
                Err(format!("it was let go for being {left} behind"))
            }
            Ended::Overloaded(_) | Ended::Cut => Ok(()),
        }
    }

    /// Whether the last that was heard of each symbol is its latest.
    fn settled(&self, selection: &Selection, heard: &[Heard], after: i64) -> Result<(), String> {
        let latest: BTreeMap<_, _> = self
            .selected(selection, after)
            .map(|row| (&row.symbol, row.seq))
            .collect();
        let known: BTreeMap<_, _> = heard
            .iter()
            .map(|heard| (&heard.symbol, heard.seq))
            .collect();
        if latest == known {
            return Ok(());
        }
        Err(format!("it ends with {known:?}, not with {latest:?}"))
    }
}

impl Row {
    fn is(&self, heard: &Heard) -> bool {
        let (What::Price(price) | What::Alert(price)) = self.what else {
            return false;
        };
        self.seq == heard.seq && self.symbol == heard.symbol && price == heard.price
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "after {:?}, begun in {:?}, {:?}:",
            self.after, self.begun, self.ended
        )?;
        for heard in &self.heard {
            writeln!(f, "  {heard:?}")?;
        }
        Ok(())
    }
}
