//! Heartbeat of a WebSocket: when to ping the peer and when to close an idle connection.
//!
//! Time during which this process did not run does not count as idle time. If a ping is sent late,
//! the process was stopped or the machine was suspended; the peer then gets half an interval from
//! that ping to respond. The caller provides the current time.

use std::time::Duration;

use tokio::time::Instant;

/// The heartbeat of one WebSocket.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval: Duration,
    idle_timeout: Duration,
    next_ping: Instant,
    /// The earliest time to close the connection after a late ping.
    grace_until: Option<Instant>,
}

/// An action that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeartbeatAction {
    /// Send a ping.
    Ping,
    /// Close the idle connection.
    Close,
}

impl Heartbeat {
    /// Creates a heartbeat that pings every `interval` and closes after `idle_timeout` without
    /// activity. The timeout must be longer than 1.25 intervals; otherwise a suspension that is
    /// shorter than that counts as idle time.
    pub(crate) fn new(now: Instant, interval: Duration, idle_timeout: Duration) -> Self {
        Self {
            interval,
            idle_timeout,
            next_ping: now + interval,
            grace_until: None,
        }
    }

    /// Returns the action that is due for a peer last active at `last_active`. Call until it
    /// returns `None`.
    pub(crate) fn due(&mut self, now: Instant, last_active: Instant) -> Option<HeartbeatAction> {
        if self.next_ping <= now {
            if now - self.next_ping > self.interval / 4 {
                self.grace_until = Some(now + self.interval / 2);
            }
            self.next_ping = now + self.interval;
            return Some(HeartbeatAction::Ping);
        }
        (self.idle_by(last_active) <= now).then_some(HeartbeatAction::Close)
    }

    /// Returns when [`due`](Self::due) must be called again.
    pub(crate) fn next(&self, last_active: Instant) -> Instant {
        self.idle_by(last_active).min(self.next_ping)
    }

    /// Returns `deadline`, or the end of the grace period after a suspension if that is later.
    pub(crate) fn extend(&self, deadline: Instant) -> Instant {
        self.grace_until
            .map_or(deadline, |until| deadline.max(until))
    }

    fn idle_by(&self, last_active: Instant) -> Instant {
        self.extend(last_active + self.idle_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(12);
    const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_silent_peer_is_pinged_and_then_closed() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start, INTERVAL, IDLE_TIMEOUT);
        assert_eq!(heartbeat.next(start), start + seconds(12));
        assert_eq!(heartbeat.due(start + seconds(11), start), None);
        for ping in [12, 24] {
            let now = start + seconds(ping);
            assert_eq!(heartbeat.due(now, start), Some(HeartbeatAction::Ping));
            assert_eq!(heartbeat.due(now, start), None);
        }
        assert_eq!(heartbeat.next(start), start + seconds(30));
        let late = start + seconds(30);
        assert_eq!(heartbeat.due(late, start), Some(HeartbeatAction::Close));
    }

    /// The peer answers every ping within a second. The process is suspended at any second, for
    /// different durations.
    #[test]
    fn a_suspension_of_the_process_does_not_count_as_idle_time() {
        for stopped in 0..40 {
            for duration in [1, 5, 13, 18, 29, 30, 45, 3600] {
                let start = Instant::now();
                let mut heartbeat = Heartbeat::new(start, INTERVAL, IDLE_TIMEOUT);
                let mut last_active = start;
                let mut pinged = None;
                for second in (0..=stopped).chain(stopped + duration..stopped + duration + 100) {
                    let now = start + seconds(second);
                    if let Some(at) = pinged.take() {
                        // The pong is lost if the process stops in that second.
                        if now - at == seconds(1) {
                            last_active = now;
                        }
                    }
                    while let Some(action) = heartbeat.due(now, last_active) {
                        let case = format!("stopped at {stopped} for {duration}, at {second}");
                        assert_eq!(action, HeartbeatAction::Ping, "{case}");
                        pinged = Some(now);
                    }
                }
            }
        }
    }

    #[test]
    fn a_peer_that_left_during_a_suspension_is_closed_after_one_more_ping() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start, INTERVAL, IDLE_TIMEOUT);
        let resumed = start + seconds(3600);
        let due = heartbeat.due(resumed, start);
        assert_eq!(due, Some(HeartbeatAction::Ping));
        assert_eq!(heartbeat.due(resumed + seconds(5), start), None);
        assert_eq!(heartbeat.next(start), resumed + seconds(6));
        let due = heartbeat.due(resumed + seconds(6), start);
        assert_eq!(due, Some(HeartbeatAction::Close));
    }
}
