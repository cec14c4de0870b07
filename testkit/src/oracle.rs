//! A test oracle: checks the events that a subscriber received against the stored rows.
//!
//! It does not depend on how events are delivered. An event that is missing, repeated, out of
//! order, altered or miscounted is an error that names the position.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use entity::{
    Decimal, Event,
    table::{alert, feed, stock, stock_price},
};
use sea_orm::{EntityTrait, QueryOrder};
use store::database::Database;

/// What a subscriber subscribes to.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the options are independent")]
pub struct Selection {
    /// The symbols, or `None` for all tracked stocks.
    pub symbols: Option<BTreeSet<String>>,
    /// Whether it includes prices.
    pub prices: bool,
    /// Whether it includes alerts.
    pub alerts: bool,
    /// Whether newer prices of a symbol may replace older ones that wait.
    pub conflates: bool,
    /// Whether it begins with the latest prices if it does not resume after a position.
    pub snapshot: bool,
}

/// An event that a subscriber received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its position in the feed.
    pub seq: i64,
    /// The symbol of its stock.
    pub symbol: String,
    /// The price.
    pub price: Decimal,
    /// Whether it belongs to the snapshot at the beginning.
    pub snapshot: bool,
    /// The number of events that were skipped before it.
    pub missed: u64,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The client or the connection ended, at an arbitrary event.
    Interrupted,
    /// The server disconnected the client for being this many events behind.
    Overloaded(usize),
    /// The client received everything.
    Complete,
}

/// One subscription from beginning to end.
#[derive(Clone, Debug)]
pub struct Session {
    /// The position that it resumed after.
    pub after: Option<i64>,
    /// The earliest and the latest feed position at which it may have begun.
    pub begun: (i64, i64),
    /// The events in the order of arrival.
    pub received: Vec<Received>,
    /// How it ended.
    pub end: SessionEnd,
}

impl Session {
    /// Whether the server disconnected the client as too slow.
    pub fn is_overloaded(&self) -> bool {
        matches!(self.end, SessionEnd::Overloaded(_))
    }
}

/// The content of a [`StoredEvent`].
#[derive(Clone, Debug)]
pub enum RowContent {
    /// A price.
    Price(Decimal),
    /// The price at which an alert fired.
    Alert(Decimal),
    /// Whether the stock is tracked from now on.
    Tracked(bool),
}

/// A stored event.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its position in the feed.
    pub seq: i64,
    /// The symbol of its stock.
    pub symbol: String,
    /// What was stored.
    pub content: RowContent,
}

/// The stored events, in feed order.
#[derive(Clone, Debug)]
pub struct Oracle {
    /// All rows.
    pub rows: Vec<StoredEvent>,
    /// The symbols tracked from the beginning.
    tracked: BTreeSet<String>,
}

impl Oracle {
    /// Reads all rows. `tracked` are the symbols tracked from the beginning.
    ///
    /// # Panics
    ///
    /// If the tables cannot be read, or their positions have a gap.
    pub async fn read(database: &Database, tracked: &[&str]) -> Self {
        let transaction = database.begin_read().await.expect("a transaction");
        let connection = &transaction;
        let stocks = stock::Entity::find().all(connection).await.expect("stocks");
        let symbols: BTreeMap<i64, String> = stocks
            .into_iter()
            .map(|stock| (stock.id, stock.symbol.to_string()))
            .collect();
        let prices = stock_price::Entity::find().all(connection).await;
        let alerts = alert::Entity::find().all(connection).await;
        let row = |seq, stock_id: i64, content| StoredEvent {
            seq,
            symbol: symbols[&stock_id].clone(),
            content,
        };
        let mut rows = Vec::new();
        for price in prices.expect("prices") {
            rows.push(row(
                price.seq,
                price.stock_id,
                RowContent::Price(price.price),
            ));
        }
        for alert in alerts.expect("alerts") {
            rows.push(row(
                alert.seq,
                alert.stock_id,
                RowContent::Alert(alert.price),
            ));
        }
        let mut others = Vec::new();
        let feed = feed::Entity::find().order_by_asc(feed::Column::Seq);
        for entry in feed.all(connection).await.expect("the feed") {
            let events: Vec<Event> = serde_json::from_str(&entry.events).expect("events");
            for event in events {
                match event {
                    Event::StockChanged { seq, stock } => {
                        rows.push(row(seq, stock.id, RowContent::Tracked(stock.tracked)));
                    }
                    Event::AlertChanged { seq, .. } => others.push(seq),
                    _ => {}
                }
            }
        }
        rows.sort_by_key(|row| row.seq);
        others.extend(rows.iter().map(|row| row.seq));
        others.sort_unstable();
        let gapless = others.iter().zip(1..).all(|(stored, seq)| *stored == seq);
        assert!(
            gapless,
            "the positions of the feed and of the tables differ"
        );
        Self {
            rows,
            tracked: tracked.iter().map(|&symbol| symbol.to_owned()).collect(),
        }
    }

    /// The number of prices and of alerts.
    pub fn counts(&self) -> (usize, usize) {
        let prices = self
            .rows
            .iter()
            .filter(|row| matches!(row.content, RowContent::Price(_)));
        let alerts = self
            .rows
            .iter()
            .filter(|row| matches!(row.content, RowContent::Alert(_)));
        (prices.count(), alerts.count())
    }

    /// The position of the last selected row, or 0 if none is selected.
    pub fn last(&self, selection: &Selection) -> i64 {
        self.selected(selection, 0).last().map_or(0, |row| row.seq)
    }

    /// Checks all sessions of a client, each of which must resume where the one before it ended.
    ///
    /// # Errors
    ///
    /// The first difference.
    pub fn check(&self, selection: &Selection, sessions: &[Session]) -> Result<(), String> {
        let mut last = None;
        for (at, session) in sessions.iter().enumerate() {
            if session.after != last {
                return Err(format!(
                    "session {at} does not resume after the last event of the one before it"
                ));
            }
            self.check_session(selection, session)
                .map_err(|error| format!("session {at}: {error}"))?;
            last = session
                .received
                .last()
                .map(|received| received.seq)
                .or(last);
        }
        Ok(())
    }

    fn check_session(&self, selection: &Selection, session: &Session) -> Result<(), String> {
        if let Some(after) = session.after {
            return self.check_live(selection, session, &session.received, after);
        }
        // It began at or after the last event of the snapshot and before the first live event.
        let snapshot = session
            .received
            .iter()
            .take_while(|received| received.snapshot)
            .last();
        let live = session.received.iter().find(|received| !received.snapshot);
        let end = self.rows.last().map_or(0, |row| row.seq);
        let earliest = snapshot.map_or(0, |event| event.seq).max(session.begun.0);
        let latest = live.map_or(end, |live| live.seq - 1).min(session.begun.1);
        let mut first = Err(format!(
            "no position between {earliest} and {latest} is possible"
        ));
        // The exact position is unknown: one of them must explain all events.
        for position in (earliest..=latest).rev() {
            let checked = self.check_from(selection, session, position);
            if checked.is_ok() {
                return checked;
            }
            first = first.and(checked.clone()).or(checked);
        }
        first
    }

    fn check_from(
        &self,
        selection: &Selection,
        session: &Session,
        position: i64,
    ) -> Result<(), String> {
        let snapshots = session
            .received
            .iter()
            .take_while(|received| received.snapshot)
            .count();
        let (snapshot, live) = session.received.split_at(snapshots);
        let expected = if selection.snapshot {
            self.latest(selection, position)
        } else {
            Vec::new()
        };
        let cut = live.is_empty() && session.end == SessionEnd::Interrupted;
        let due = if cut && snapshot.len() < expected.len() {
            &expected[..snapshot.len()]
        } else {
            &expected[..]
        };
        let matches = due.len() == snapshot.len()
            && due
                .iter()
                .zip(snapshot)
                .all(|(row, received)| row.is(received) && received.missed == 0);
        if !matches {
            return Err(format!(
                "the snapshot at {position} is {expected:?}, not {snapshot:?}"
            ));
        }
        self.check_live(selection, session, live, position)
    }

    /// The latest price of each selected symbol at a position, in feed order.
    fn latest(&self, selection: &Selection, position: i64) -> Vec<&StoredEvent> {
        let mut tracked = self.tracked.clone();
        let mut latest: BTreeMap<&str, &StoredEvent> = BTreeMap::new();
        for row in self.rows.iter().take_while(|row| row.seq <= position) {
            match row.content {
                RowContent::Price(_) => drop(latest.insert(&row.symbol, row)),
                RowContent::Tracked(true) => drop(tracked.insert(row.symbol.clone())),
                RowContent::Tracked(false) => drop(tracked.remove(&row.symbol)),
                RowContent::Alert(_) => {}
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

    fn selected(&self, selection: &Selection, after: i64) -> impl Iterator<Item = &StoredEvent> {
        self.rows.iter().filter(move |row| {
            let symbols = selection.symbols.as_ref();
            let kind = match row.content {
                RowContent::Price(_) => selection.prices,
                RowContent::Alert(_) => selection.alerts,
                RowContent::Tracked(_) => false,
            };
            row.seq > after && kind && symbols.is_none_or(|symbols| symbols.contains(&row.symbol))
        })
    }

    fn check_live(
        &self,
        selection: &Selection,
        session: &Session,
        received: &[Received],
        after: i64,
    ) -> Result<(), String> {
        let mut rows = self.selected(selection, after);
        for event in received {
            let mut skipped = 0;
            let row = loop {
                let row = rows
                    .next()
                    .ok_or_else(|| format!("no stored row follows for {event:?}"))?;
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
        match session.end {
            SessionEnd::Complete if left > 0 => {
                Err(format!("{left} events were not delivered at the end"))
            }
            SessionEnd::Complete => self.check_complete(selection, received, after),
            SessionEnd::Overloaded(_) if selection.conflates => {
                Err("a conflating subscription is never disconnected as too slow".to_owned())
            }
            SessionEnd::Overloaded(behind) if left <= behind => Err(format!(
                "it was disconnected for being {left} events behind"
            )),
            SessionEnd::Overloaded(_) | SessionEnd::Interrupted => Ok(()),
        }
    }

    /// Checks that the last event of each symbol is its latest.
    fn check_complete(
        &self,
        selection: &Selection,
        received: &[Received],
        after: i64,
    ) -> Result<(), String> {
        let latest: BTreeMap<_, _> = self
            .selected(selection, after)
            .map(|row| (&row.symbol, row.seq))
            .collect();
        let known: BTreeMap<_, _> = received
            .iter()
            .map(|received| (&received.symbol, received.seq))
            .collect();
        if latest == known {
            return Ok(());
        }
        Err(format!("it ends with {known:?}, not with {latest:?}"))
    }
}

impl StoredEvent {
    fn is(&self, received: &Received) -> bool {
        let (RowContent::Price(price) | RowContent::Alert(price)) = self.content else {
            return false;
        };
        self.seq == received.seq && self.symbol == received.symbol && price == received.price
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "after {:?}, begun in {:?}, {:?}:",
            self.after, self.begun, self.end
        )?;
        for received in &self.received {
            writeln!(f, "  {received:?}")?;
        }
        Ok(())
    }
}
