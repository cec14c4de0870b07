//! The deadlines of one WebSocket: heartbeat, idle timeout, write timeout, initialization and
//! drain.
//!
//! The caller provides the current time and sets the timers.

use tokio::time::Instant;

use super::activity::Activity;
use crate::policy::{
    heartbeat::{Heartbeat, HeartbeatAction},
    limits::Limits,
};

/// The deadlines of one WebSocket.
#[derive(Debug)]
pub(super) struct Deadlines {
    /// The deadline for `connection_init`; `None` if it was received or is not required.
    init_by: Option<Instant>,
    heartbeat: Heartbeat,
    /// The deadline for running operations once the server is shutting down.
    drain_by: Option<Instant>,
}

/// A deadline that has passed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Deadline {
    /// A ping must be sent.
    Ping,
    /// The client sent no `connection_init` in time.
    Init,
    /// The peer sent nothing, or accepted nothing, for too long.
    Idle,
    /// The time for running operations is over.
    Drain,
}

impl Deadlines {
    pub(super) fn new(now: Instant, limits: &Limits) -> Self {
        Self {
            init_by: None,
            heartbeat: Heartbeat::new(now, limits.heartbeat_interval, limits.idle_timeout),
            drain_by: None,
        }
    }

    /// Requires the client to initialize the connection before the deadline.
    pub(super) fn require_init(mut self, now: Instant, limits: &Limits) -> Self {
        self.init_by = Some(now + limits.init_timeout);
        self
    }

    /// Removes the deadline for initialization.
    pub(super) fn initialized(&mut self) {
        self.init_by = None;
    }

    /// Starts the deadline for running operations.
    pub(super) fn drain(&mut self, now: Instant, limits: &Limits) {
        self.drain_by = Some(now + limits.drain_timeout);
    }

    /// Whether the server is shutting down.
    pub(super) fn is_draining(&self) -> bool {
        self.drain_by.is_some()
    }

    /// Returns a deadline that has passed. Call until it returns `None`.
    pub(super) fn due(
        &mut self,
        now: Instant,
        activity: Activity,
        limits: &Limits,
    ) -> Option<Deadline> {
        match self.heartbeat.due(now, activity.last_read) {
            Some(HeartbeatAction::Ping) => return Some(Deadline::Ping),
            Some(HeartbeatAction::Close) => return Some(Deadline::Idle),
            None => {}
        }
        let is_past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_past(self.write_by(activity, limits)) {
            return Some(Deadline::Idle);
        }
        if is_past(self.drain_by) {
            return Some(Deadline::Drain);
        }
        is_past(self.init_by()).then_some(Deadline::Init)
    }

    /// Returns the time of the next deadline.
    pub(super) fn next(&self, activity: Activity, limits: &Limits) -> Instant {
        [
            self.write_by(activity, limits),
            self.init_by(),
            self.drain_by,
        ]
        .into_iter()
        .flatten()
        .fold(self.heartbeat.next(activity.last_read), Instant::min)
    }

    /// The deadline for a pending write.
    fn write_by(&self, activity: Activity, limits: &Limits) -> Option<Instant> {
        let since = activity.blocked_since?;
        Some(self.heartbeat.extend(since + limits.write_timeout))
    }

    fn init_by(&self) -> Option<Instant> {
        Some(self.heartbeat.extend(self.init_by?))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn activity(last_read: Instant, blocked_since: Option<Instant>) -> Activity {
        Activity {
            last_read,
            blocked_since,
        }
    }

    #[test]
    fn a_peer_that_sends_but_does_not_read_times_out() {
        let limits = Limits::default();
        let start = Instant::now();
        let activity = activity(start + seconds(39), Some(start + seconds(10)));
        let mut deadlines = Deadlines::new(start, &limits);
        for ping in [12, 24, 36] {
            let due = deadlines.due(start + seconds(ping), activity, &limits);
            assert_eq!(due, Some(Deadline::Ping));
        }
        let due = deadlines.due(start + seconds(39), activity, &limits);
        assert_eq!(due, None);
        let due = deadlines.due(start + seconds(40), activity, &limits);
        assert_eq!(due, Some(Deadline::Idle));
    }

    #[test]
    fn deadlines_are_extended_after_a_suspension_of_the_process() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start, &limits).require_init(start, &limits);
        let resumed = start + seconds(100);
        let blocked = activity(start, Some(start));
        let due = deadlines.due(resumed, blocked, &limits);
        assert_eq!(due, Some(Deadline::Ping));
        assert_eq!(deadlines.due(resumed, blocked, &limits), None);
        assert_eq!(deadlines.next(blocked, &limits), resumed + seconds(6));
        let late = resumed + seconds(6);
        let due = deadlines.due(late, activity(resumed, Some(start)), &limits);
        assert_eq!(due, Some(Deadline::Idle));
        let due = deadlines.due(late, activity(resumed, None), &limits);
        assert_eq!(due, Some(Deadline::Init));
    }

    #[test]
    fn a_client_that_does_not_initialize_times_out() {
        let limits = Limits::default();
        let start = Instant::now();
        let idle = activity(start, None);
        let mut deadlines = Deadlines::new(start, &limits).require_init(start, &limits);
        assert_eq!(deadlines.next(idle, &limits), start + seconds(10));
        let due = deadlines.due(start + seconds(10), idle, &limits);
        assert_eq!(due, Some(Deadline::Init));
    }
}
