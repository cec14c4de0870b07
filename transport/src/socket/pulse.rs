//! The deadlines of one socket, as arithmetic on instants.
//!
//! Invariant: asks no clock and arms no timer, so that it can be tested by saying what time it is.
//! Asked by a session whenever it is polled.

use tokio::time::Instant;

use super::wire::Wire;
use crate::limit::Limits;

/// When what is due.
#[derive(Debug)]
pub(super) struct Pulse {
    /// `None` once the client has introduced itself.
    init_by: Option<Instant>,
    next_ping: Instant,
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
            next_ping: now + limits.heartbeat,
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
        if silent_at(wire, limits) <= now {
            return Some(Due::Silence);
        }
        if self.leave_by.is_some_and(|by| by <= now) {
            return Some(Due::Leave);
        }
        if self.init_by.is_some_and(|by| by <= now) {
            return Some(Due::Init);
        }
        if self.next_ping <= now {
            self.next_ping = now + limits.heartbeat;
            return Some(Due::Ping);
        }
        None
    }

    /// When to ask again at the latest.
    pub(super) fn next<T>(&self, wire: &Wire<T>, limits: &Limits) -> Instant {
        let soonest = silent_at(wire, limits).min(self.next_ping);
        [self.init_by, self.leave_by]
            .into_iter()
            .flatten()
            .fold(soonest, Instant::min)
    }
}

fn silent_at<T>(wire: &Wire<T>, limits: &Limits) -> Instant {
    let unheard = wire.heard + limits.silence;
    match wire.blocked {
        Some(since) => unheard.min(since + limits.write_deadline),
        None => unheard,
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
    fn a_peer_is_pinged_and_given_up_when_it_stays_silent() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut wire = Wire::new(());
        wire.heard = start;
        let mut pulse = Pulse::new(start, &limits);
        pulse.initialised();
        assert_eq!(pulse.next(&wire, &limits), start + seconds(12));
        assert_eq!(pulse.due(start + seconds(11), &wire, &limits), None);
        assert_eq!(
            pulse.due(start + seconds(12), &wire, &limits),
            Some(Due::Ping)
        );
        assert_eq!(pulse.due(start + seconds(12), &wire, &limits), None);
        assert_eq!(
            pulse.due(start + seconds(24), &wire, &limits),
            Some(Due::Ping)
        );
        assert_eq!(pulse.next(&wire, &limits), start + seconds(30));
        assert_eq!(
            pulse.due(start + seconds(30), &wire, &limits),
            Some(Due::Silence)
        );
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
        assert_eq!(
            pulse.due(start + seconds(40), &wire, &limits),
            Some(Due::Silence)
        );
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
