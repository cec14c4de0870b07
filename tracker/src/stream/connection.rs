//! Runs one connection to a provider until it ends.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use entity::{Symbol, Timestamp};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    task::yield_now,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{
    connect::{Socket, broken},
    engine::Engine,
    retry::Retry,
    shared::StreamState,
    slots::deal,
};
use crate::{
    metrics::MessageOutcome,
    provider::{Frame, StreamEvent, StreamLimits, StreamProtocol, StreamSession},
};

/// How often the silence and the slots are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// Timeout of sending a frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection with this many malformed frames in a row is closed.
const MAX_MALFORMED: u32 = 100;
/// The task yields after this many messages, so that a fast stream delays nothing else.
const MESSAGES_BETWEEN_YIELDS: u32 = 32;
/// A symbol that the provider refused is requested again after this time.
const REFUSAL_TIMEOUT: Duration = Duration::from_mins(10);

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// No symbol is to be streamed now, or the process stops.
    Unwanted,
    /// This process may not hold the lease any more.
    LeaseUnproven,
    /// Another connection uses the key.
    Evicted,
    /// The provider refuses the connection or the key. A retry cannot succeed.
    Refused(Cow<'static, str>),
    /// The connection failed or was closed.
    Failed {
        /// Why.
        reason: Cow<'static, str>,
        /// The wait that the provider requested.
        wait: Option<Duration>,
    },
}

impl End {
    pub(super) fn failed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Failed {
            reason: reason.into(),
            wait: None,
        }
    }
}

/// The state of a connection, without the socket.
struct Connection<'a> {
    engine: &'a Engine,
    retry: &'a mut Retry,
    session: Box<dyn StreamSession>,
    limits: StreamLimits,
    is_ready: bool,
    subscribed: BTreeSet<Symbol>,
    /// The symbols that the provider refused on this connection, and when.
    rejected: BTreeMap<Symbol, Timestamp>,
    frames: VecDeque<Frame>,
    /// When the next frame may be sent.
    send_at: Instant,
    received_at: Instant,
    malformed: u32,
}

/// Runs a connection until it ends, then closes it.
pub(super) async fn run(
    mut socket: Socket,
    engine: &Engine,
    protocol: &dyn StreamProtocol,
    retry: &mut Retry,
) -> End {
    let now = Instant::now();
    let mut connection = Connection {
        engine,
        retry,
        session: protocol.session(),
        limits: protocol.limits(),
        is_ready: false,
        subscribed: BTreeSet::new(),
        rejected: BTreeMap::new(),
        frames: VecDeque::new(),
        send_at: now,
        received_at: now,
        malformed: 0,
    };
    let end = connection.converse(&mut socket).await;
    // The peer may be gone.
    let _ = timeout(CHECK_INTERVAL, socket.close(None)).await;
    end
}

impl Connection<'_> {
    async fn converse(&mut self, socket: &mut Socket) -> End {
        let opened = self.session.opened();
        if let Err(end) = self.handle_all(opened) {
            return end;
        }
        let stopping = self.engine.context.stopping.clone();
        let mut check = interval(CHECK_INTERVAL);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ping = self.limits.ping;
        let mut ping_at = ping.map(|ping| Instant::now() + ping.every);
        let mut messages: u32 = 0;
        let far = Instant::now() + Duration::from_hours(24 * 365);
        loop {
            let send_at = (!self.frames.is_empty()).then_some(self.send_at);
            let sent = tokio::select! {
                biased;
                () = stopping.cancelled() => return End::Unwanted,
                _ = check.tick() => match self.check() {
                    Some(end) => return end,
                    None => Ok(()),
                },
                () = sleep_until(send_at.unwrap_or(far)), if send_at.is_some() => {
                    match self.next_frame() {
                        Some(frame) => send(socket, Message::text(frame.as_str())).await,
                        None => Ok(()),
                    }
                }
                () = sleep_until(ping_at.unwrap_or(far)), if ping_at.is_some() => {
                    ping_at = ping.map(|ping| Instant::now() + ping.every);
                    match ping.and_then(|ping| ping.text) {
                        Some(text) => send(socket, Message::text(text)).await,
                        None => send(socket, Message::Ping(Vec::new().into())).await,
                    }
                }
                message = socket.next() => {
                    messages = messages.wrapping_add(1);
                    if messages.is_multiple_of(MESSAGES_BETWEEN_YIELDS) {
                        yield_now().await;
                    }
                    match self.received(message) {
                        Ok(()) => Ok(()),
                        Err(end) => return end,
                    }
                }
            };
            if let Err(end) = sent {
                return end;
            }
        }
    }

    /// Checks the silence, and deals the slots anew.
    fn check(&mut self) -> Option<End> {
        if self.received_at.elapsed() >= self.limits.silence {
            let bound = self.limits.silence.as_secs();
            return Some(End::failed(format!("nothing was received for {bound} s")));
        }
        let mut candidates = self.engine.candidates();
        if candidates.is_empty() {
            return Some(End::Unwanted);
        }
        if !self.is_ready {
            return None;
        }
        let now = self.engine.context.now();
        self.rejected
            .retain(|_, refused_at| now < refused_at.after(REFUSAL_TIMEOUT));
        candidates.retain(|candidate| !self.rejected.contains_key(&candidate.symbol));
        let dealt = deal(&candidates, &self.subscribed, self.limits.slots);
        if dealt != self.subscribed {
            let removed: Vec<_> = self.subscribed.difference(&dealt).cloned().collect();
            let added: Vec<_> = dealt.difference(&self.subscribed).cloned().collect();
            self.frames.extend(self.session.unsubscribe(&removed));
            self.frames.extend(self.session.subscribe(&added));
            self.subscribed = dealt;
            self.report_subscribed();
        }
        None
    }

    fn report_subscribed(&self) {
        let now = self.engine.context.now();
        self.engine.shared.set_subscribed(&self.subscribed, now);
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        if let Some(rate) = self.limits.frames_per_second {
            self.send_at = Instant::now() + Duration::from_secs(1) / rate.max(1);
        }
        Some(frame)
    }

    fn received(&mut self, message: Option<Result<Message, Error>>) -> Result<(), End> {
        let message = match message {
            None => return Err(End::failed("the provider closed")),
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(message)) => message,
        };
        self.received_at = Instant::now();
        match message {
            Message::Text(text) => {
                let events = self.session.received(&text);
                self.handle_all(events)
            }
            Message::Binary(_) => {
                let reason = "a binary message".into();
                self.handle_all(vec![StreamEvent::Malformed { reason }])
            }
            Message::Close(Some(close)) => Err(End::failed(format!(
                "the provider closed with code {}",
                u16::from(close.code)
            ))),
            Message::Close(None) => Err(End::failed("the provider closed")),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    /// Handles the events of one frame.
    fn handle_all(&mut self, events: Vec<StreamEvent>) -> Result<(), End> {
        let is_malformed = |event: &StreamEvent| matches!(event, StreamEvent::Malformed { .. });
        if !events.is_empty() {
            if events.iter().all(is_malformed) {
                self.malformed += 1;
            } else {
                self.malformed = 0;
            }
        }
        for event in events {
            self.handle(event)?;
        }
        if self.malformed >= MAX_MALFORMED {
            let reason = format!("{MAX_MALFORMED} malformed messages in a row");
            return Err(End::failed(reason));
        }
        Ok(())
    }

    fn handle(&mut self, event: StreamEvent) -> Result<(), End> {
        let engine = self.engine;
        let provider = engine.provider.name();
        let outcome = match event {
            StreamEvent::Ready => {
                self.is_ready = true;
                engine.set_state(StreamState::Open);
                if let Some(end) = self.check() {
                    return Err(end);
                }
                MessageOutcome::Control
            }
            StreamEvent::Send(frame) => {
                // In order: a session matches answers with its frames by their order.
                self.frames.push_back(frame);
                return Ok(());
            }
            StreamEvent::Price(price) => {
                let outcome = engine.trade(&price);
                if outcome == MessageOutcome::Price {
                    self.retry.record_price();
                }
                outcome
            }
            StreamEvent::Day(figures) => engine.replace_figures(&figures),
            StreamEvent::Heartbeat => MessageOutcome::Heartbeat,
            StreamEvent::Subscribed(symbol) => {
                tracing::debug!(provider, %symbol, "the stream carries the symbol");
                MessageOutcome::Control
            }
            StreamEvent::Rejected { symbol, error } => {
                tracing::warn!(provider, %symbol, %error, "the stream refuses the symbol");
                self.remove(&symbol);
                MessageOutcome::Refused
            }
            StreamEvent::LimitLowered { symbol, slots } => {
                tracing::warn!(provider, %symbol, slots, "the stream has fewer slots than configured");
                self.limits.slots = Some(slots);
                self.subscribed.remove(&symbol);
                self.report_subscribed();
                MessageOutcome::Refused
            }
            StreamEvent::Paused { reason } => {
                tracing::warn!(provider, %reason, "the stream is paused");
                engine.set_state(StreamState::Paused(reason));
                MessageOutcome::Control
            }
            StreamEvent::Resumed => {
                if self.is_ready {
                    engine.set_state(StreamState::Open);
                }
                MessageOutcome::Control
            }
            StreamEvent::Dropped { .. } => MessageOutcome::Dropped,
            StreamEvent::Notice { reason } => {
                tracing::debug!(provider, %reason, "message of the stream");
                MessageOutcome::Control
            }
            StreamEvent::Malformed { reason } => {
                tracing::debug!(provider, %reason, "malformed message of the stream");
                MessageOutcome::Malformed
            }
            StreamEvent::Evicted => {
                engine.count(MessageOutcome::Refused);
                return Err(End::Evicted);
            }
            StreamEvent::Refused { reason } => {
                engine.count(MessageOutcome::Refused);
                return Err(End::Refused(reason));
            }
            StreamEvent::Failed { reason } => {
                engine.count(MessageOutcome::Refused);
                return Err(End::Failed { reason, wait: None });
            }
        };
        engine.count(outcome);
        Ok(())
    }

    fn remove(&mut self, symbol: &Symbol) {
        let now = self.engine.context.now();
        self.rejected.insert(symbol.clone(), now);
        self.subscribed.remove(symbol);
        self.report_subscribed();
    }
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), End> {
    match timeout(SEND_TIMEOUT, socket.send(message)).await {
        Ok(sent) => sent.map_err(|error| broken(&error)),
        Err(_) => Err(End::failed("a frame could not be sent in time")),
    }
}
