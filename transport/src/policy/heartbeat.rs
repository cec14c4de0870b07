//! When to ping the peer of a WebSocket, and when to give it up.
//!
//! Invariant: a peer is given up only while this process runs. A ping that is noticed late shows
//! that the process was stopped or the machine suspended; the peer then has the time of a pong
//! from that ping on. Arithmetic on instants only. Used by the GraphQL sockets, and by sockets that
//! an application has besides.

use std::time::Duration;

use tokio::time::Instant;

/// The heartbeat of one socket.
#[derive(Debug)]
pub struct Heartbeat {
    interval: Duration,
    silence: Duration,
    next_ping: Instant,
    /// Set when a ping was noticed late: the peer is not given up before.
    spared_until: Option<Instant>,
}

/// What a heartbeat asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Send a ping.
    Ping,
    /// Give the peer up.
    Silence,
}

impl Heartbeat {
    /// Pings every `interval`, and gives a peer up after `silence`. The silence must be longer
    /// than one and a quarter of an interval, or a suspension shorter than that counts as silence.
    pub fn new(now: Instant, interval: Duration, silence: Duration) -> Self {
        Self {
            interval,
            silence,
            next_ping: now + interval,
            spared_until: None,
        }
    }

    /// What is due now for a peer that was last heard at `heard`; call it until nothing is.
    pub fn due(&mut self, now: Instant, heard: Instant) -> Option<Beat> {
        if self.next_ping <= now {
            if now - self.next_ping > self.interval / 4 {
                self.spared_until = Some(now + self.interval / 2);
            }
            self.next_ping = now + self.interval;
            return Some(Beat::Ping);
        }
        (self.silent_at(heard) <= now).then_some(Beat::Silence)
    }

    /// When to call [`due`](Self::due) again at the latest.
    pub fn next(&self, heard: Instant) -> Instant {
        self.silent_at(heard).min(self.next_ping)
    }

    /// The later of `deadline` and the end of the time that the peer is given after a suspension.
    pub(crate) fn spare(&self, deadline: Instant) -> Instant {
        self.spared_until
            .map_or(deadline, |until| deadline.max(until))
    }

    fn silent_at(&self, heard: Instant) -> Instant {
        self.spare(heard + self.silence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(12);
    const SILENCE: Duration = Duration::from_secs(30);

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_peer_is_pinged_and_given_up_when_it_stays_silent() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start, INTERVAL, SILENCE);
        assert_eq!(heartbeat.next(start), start + seconds(12));
        assert_eq!(heartbeat.due(start + seconds(11), start), None);
        for ping in [12, 24] {
            let now = start + seconds(ping);
            assert_eq!(heartbeat.due(now, start), Some(Beat::Ping));
            assert_eq!(heartbeat.due(now, start), None);
        }
        assert_eq!(heartbeat.next(start), start + seconds(30));
        let late = start + seconds(30);
        assert_eq!(heartbeat.due(late, start), Some(Beat::Silence));
    }

    #[test]
    fn a_suspension_does_not_count_as_silence() {
        // A peer that answers every ping at once, and a suspension from any second on, of any length.
        for stopped in 0..40 {
            for slept in [1, 5, 13, 18, 29, 30, 45, 3600] {
                let start = Instant::now();
                let mut heartbeat = Heartbeat::new(start, INTERVAL, SILENCE);
                let mut heard = start;
                let mut pinged = None;
                for second in (0..=stopped).chain(stopped + slept..stopped + slept + 100) {
                    let now = start + seconds(second);
                    if let Some(at) = pinged.take() {
                        // A pong takes a second, and is lost if the process stops meanwhile.
                        if now - at == seconds(1) {
                            heard = now;
                        }
                    }
                    while let Some(beat) = heartbeat.due(now, heard) {
                        let case = format!("stopped at {stopped} for {slept}, at {second}");
                        assert_eq!(beat, Beat::Ping, "{case}");
                        pinged = Some(now);
                    }
                }
            }
        }
    }

    #[test]
    fn a_peer_that_is_gone_after_a_suspension_is_given_up_after_one_more_ping() {
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(start, INTERVAL, SILENCE);
        let woken = start + seconds(3600);
        assert_eq!(heartbeat.due(woken, start), Some(Beat::Ping));
        assert_eq!(heartbeat.due(woken + seconds(5), start), None);
        assert_eq!(heartbeat.next(start), woken + seconds(6));
        assert_eq!(
            heartbeat.due(woken + seconds(6), start),
            Some(Beat::Silence)
        );
    }
}
