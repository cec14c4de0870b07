//! The deadlines of one socket, as arithmetic on instants.
//!
//! Invariant: asks no clock and arms no timer, so that it can be tested by saying what time it is.
//! Asked by a session whenever it is polled.

use tokio::time::Instant;

use super::wire::Wire;
use crate::{
    policy::heartbeat::{Beat, Heartbeat},
    policy::limits::Limits,
};

/// When what is due.
#[derive(Debug)]
pub(super) struct Pulse {
    /// `None` once the client has introduced itself.
    init_by: Option<Instant>,
    heartbeat: Heartbeat,
    /// Set once the server is going away: until when what runs may still end.
    leave_by: Option<Instant>,
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A ping.
    Ping,
    /// The client did not introduce itself in time.
    Init,
    /// Nothing was heard, or nothing taken, for too long.
    Silence,
    /// What ran has had its time to end.
    Leave,
}

impl Pulse {
    pub(super) fn new(now: Instant, limits: &Limits) -> Self {
        Self {
            init_by: Some(now + limits.init_deadline),
            heartbeat: Heartbeat::new(now, limits.heartbeat, limits.silence),
            leave_by: None,
        }
    }

    /// The server is going away.
    pub(super) fn leave(&mut self, now: Instant, limits: &Limits) {
        self.leave_by = Some(now + limits.departure_deadline);
    }

    /// Whether the server is going away.
    pub(super) fn is_leaving(&self) -> bool {
        self.leave_by.is_some()
    }

    /// The client introduced itself.
    pub(super) fn initialised(&mut self) {
        self.init_by = None;
    }

    /// What is due now; asked again until nothing is.
    pub(super) fn due<T>(&mut self, now: Instant, wire: &Wire<T>, limits: &Limits) -> Option<Due> {
        match self.heartbeat.due(now, wire.heard) {
            Some(Beat::Ping) => return Some(Due::Ping),
            Some(Beat::Silence) => return Some(Due::Silence),
            None => {}
        }
        if self.stuck_at(wire, limits).is_some_and(|at| at <= now) {
            return Some(Due::Silence);
        }
        if self.leave_by.is_some_and(|by| by <= now) {
            return Some(Due::Leave);
        }
        if self.init_at().is_some_and(|by| by <= now) {
            return Some(Due::Init);
        }
        None
    }

    /// When to ask again at the latest.
    pub(super) fn next<T>(&self, wire: &Wire<T>, limits: &Limits) -> Instant {
        [self.stuck_at(wire, limits), self.init_at(), self.leave_by]
            .into_iter()
            .flatten()
            .fold(self.heartbeat.next(wire.heard), Instant::min)
    }

    /// When a peer that takes nothing is given up.
    fn stuck_at<T>(&self, wire: &Wire<T>, limits: &Limits) -> Option<Instant> {
        let since = wire.blocked?;
        Some(self.heartbeat.spare(since + limits.write_deadline))
    }

    fn init_at(&self) -> Option<Instant> {
        Some(self.heartbeat.spare(self.init_by?))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_peer_that_takes_nothing_is_given_up_though_it_talks() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut wire = Wire::new(());
        wire.heard = start + seconds(39);
        wire.blocked = Some(start + seconds(10));
        let mut pulse = Pulse::new(start, &limits);
        pulse.initialised();
        for ping in [12, 24, 36] {
            let due = pulse.due(start + seconds(ping), &wire, &limits);
            assert_eq!(due, Some(Due::Ping));
        }
        assert_eq!(pulse.due(start + seconds(39), &wire, &limits), None);
        assert_eq!(
            pulse.due(start + seconds(40), &wire, &limits),
            Some(Due::Silence)
        );
    }

    #[test]
    fn after_a_suspension_a_stuck_peer_and_a_new_one_have_some_time_left() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut wire = Wire::new(());
        wire.heard = start;
        wire.blocked = Some(start);
        let mut pulse = Pulse::new(start, &limits);
        let woken = start + seconds(100);
        assert_eq!(pulse.due(woken, &wire, &limits), Some(Due::Ping));
        assert_eq!(pulse.due(woken, &wire, &limits), None);
        assert_eq!(pulse.next(&wire, &limits), woken + seconds(6));
        wire.heard = woken;
        let late = woken + seconds(6);
        assert_eq!(pulse.due(late, &wire, &limits), Some(Due::Silence));
        wire.blocked = None;
        assert_eq!(pulse.due(late, &wire, &limits), Some(Due::Init));
    }

    #[test]
    fn a_peer_that_does_not_introduce_itself_is_given_up() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut wire = Wire::new(());
        wire.heard = start;
        let mut pulse = Pulse::new(start, &limits);
        assert_eq!(pulse.next(&wire, &limits), start + seconds(10));
        assert_eq!(
            pulse.due(start + seconds(10), &wire, &limits),
            Some(Due::Init)
        );
    }
}
