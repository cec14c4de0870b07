//! What happened lately, kept in memory for everybody who follows.
//!
//! One invariant: the hub holds an unbroken run of the feed that ends where this process has read to. Readers hold only
//! their place in it, so a slow one costs nobody anything; one that falls out of it reads on from the database.

mod follow;
mod tail;

use std::{
    collections::VecDeque,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::extract::ws::Utf8Bytes;
use entity::{Batch, Event, Position};
use tokio::sync::watch;

pub(crate) use follow::follow;
pub(crate) use tail::{Lagging, Tail, Tailed};

/// How many events are kept.
const KEPT: usize = 4096;

/// An event at its place in the feed.
#[derive(Debug)]
pub(crate) struct Happened {
    /// Where.
    pub(crate) position: Position,
    /// What.
    pub(crate) event: Event,
    /// Its frame of the plain WebSocket, written once for all who read it.
    frame: OnceLock<Option<Utf8Bytes>>,
}

impl Happened {
    /// The event's frame, if it has one; `write` is called once.
    pub(crate) fn frame(
        &self,
        write: impl FnOnce(&Event) -> Option<Utf8Bytes>,
    ) -> Option<Utf8Bytes> {
        self.frame.get_or_init(|| write(&self.event)).clone()
    }
}

/// The hub; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    run: Arc<RwLock<Run>>,
    end: watch::Sender<Position>,
    /// Microseconds from the last batch's recording to its publication.
    lag: Arc<AtomicU64>,
}

/// The kept run: the events after `start`.
#[derive(Debug)]
struct Run {
    start: Position,
    events: VecDeque<Arc<Happened>>,
}

/// What the hub has after a place.
pub(crate) enum Since {
    /// Everything, in order; perhaps nothing yet.
    All(Vec<Arc<Happened>>),
    /// Not everything any more.
    Lost,
}

impl Hub {
    /// A hub that has read the feed up to `position` and keeps what comes after it.
    pub(crate) fn at(position: Position) -> Self {
        let run = Run {
            start: position,
            events: VecDeque::new(),
        };
        let end = watch::Sender::new(position);
        Self {
            run: Arc::new(RwLock::new(run)),
            end,
            lag: Arc::default(),
        }
    }

    /// Where this process has read to.
    pub(crate) fn position(&self) -> Position {
        *self.end.borrow()
    }

    /// Changes whenever something is published.
    pub(crate) fn watch(&self) -> watch::Receiver<Position> {
        self.end.subscribe()
    }

    /// How many follow.
    pub(crate) fn readers(&self) -> usize {
        self.end.receiver_count()
    }

    /// How long the last batch took from its recording to here.
    pub(crate) fn lag(&self) -> Duration {
        Duration::from_micros(self.lag.load(Ordering::Relaxed))
    }

    /// Hands a batch to everybody who follows, `lag` after it was recorded. Batches come in feed order.
    pub(crate) fn publish(&self, batch: Batch, lag: Duration) {
        self.lag.store(
            u64::try_from(lag.as_micros()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        let mut run = self.run.write().unwrap_or_else(PoisonError::into_inner);
        for event in batch.events {
            let position = Position {
                seq: event.seq(),
                ..batch.end
            };
            run.events.push_back(Arc::new(Happened {
                position,
                event,
                frame: OnceLock::new(),
            }));
        }
        while run.events.len() > KEPT {
            if let Some(forgotten) = run.events.pop_front() {
                run.start = forgotten.position;
            }
        }
        drop(run);
        self.end.send_replace(batch.end);
    }

    /// What was published after `position`.
    pub(crate) fn since(&self, position: Position) -> Since {
        let run = self.run.read().unwrap_or_else(PoisonError::into_inner);
        match run.after(position) {
            Some(first) => Since::All(run.events.range(first..).cloned().collect()),
            None => Since::Lost,
        }
    }

    /// How many events were published after `position`; `None` if that is no longer known.
    pub(crate) fn behind(&self, position: Position) -> Option<usize> {
        let run = self.run.read().unwrap_or_else(PoisonError::into_inner);
        run.after(position).map(|first| run.events.len() - first)
    }
}

impl Run {
    /// The index of the first event after `position`.
    fn after(&self, position: Position) -> Option<usize> {
        let known = position.seq >= self.start.seq;
        known.then(|| {
            self.events
                .partition_point(|it| it.position.seq <= position.seq)
        })
    }
}

#[cfg(test)]
mod tests {
    use entity::{Stock, Timestamp};

    use super::*;

    fn position(seq: i64) -> Position {
        Position {
            epoch: 1,
            seq,
            recorded_at: Timestamp::from_micros(seq),
        }
    }

    fn publish(hub: &Hub, seq: i64) {
        let stock = Stock {
            id: 1,
            symbol: "IBM".parse().expect("a symbol"),
            name: None,
            currency: None,
            exchange: None,
            tracked: true,
            tracked_at: Timestamp::from_micros(0),
            answered_at: None,
            alert_count: 0,
        };
        let events = vec![Event::StockChanged { seq, stock }];
        hub.publish(
            Batch {
                end: position(seq),
                events,
            },
            Duration::ZERO,
        );
    }

    #[test]
    fn a_reader_gets_everything_after_its_place_or_is_told_that_it_cannot() {
        let hub = Hub::at(position(10));
        assert!(matches!(hub.since(position(10)), Since::All(events) if events.is_empty()));
        assert!(matches!(hub.since(position(9)), Since::Lost));
        for seq in 11..=13 {
            publish(&hub, seq);
        }
        let Since::All(events) = hub.since(position(11)) else {
            panic!("the hub has it")
        };
        assert_eq!(
            events.iter().map(|it| it.position.seq).collect::<Vec<_>>(),
            [12, 13]
        );
        assert_eq!(hub.behind(position(11)), Some(2));
        assert_eq!(hub.position(), position(13));
    }

    #[test]
    fn what_is_forgotten_is_never_passed_over() {
        let hub = Hub::at(position(0));
        let kept = i64::try_from(KEPT).expect("a number");
        for seq in 1..=kept + 1 {
            publish(&hub, seq);
        }
        assert!(matches!(hub.since(position(0)), Since::Lost));
        assert!(matches!(hub.since(position(1)), Since::All(events) if events.len() == KEPT));
    }
}
