//! Writers: tasks that send the events of many WebSockets.
//!
//! An event of a subscription does not wake the task of its WebSocket. It queues the WebSocket, and
//! a writer sends the events of all queued ones in turn. This costs less than waking a task for
//! each event. Everything else is left to the task of the WebSocket: reading, deadlines, and
//! waiting until the peer accepts data.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    thread,
};

use futures_util::task::{ArcWake, AtomicWaker, waker_ref};
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::{unconstrained, yield_now},
};
use tokio_util::task::TaskTracker;

use super::{
    close::SocketEnd,
    connection::{Connection, PollSession},
};
use crate::policy::limits::Limits;

/// Number of WebSockets that a writer serves before it yields to other tasks, in less than a
/// millisecond. Each time it yields, the runtime wakes another thread, which costs as much as
/// several messages.
const TURNS: usize = 128;
/// Size at which frames are sent although more are ready, in bytes.
const MAX_WRITE: usize = 16 * 1024;
/// Number of queued WebSockets for each running writer at which another one is started.
const QUEUED_PER_WRITER: usize = 512;

/// What a session is polled with.
pub(super) struct PollContext<'a> {
    /// Wakes the task of the session.
    pub(super) task: Context<'a>,
    /// Queues the session for a writer.
    pub(super) events: Context<'a>,
    /// The frames to send. Empty at the beginning.
    pub(super) frames: &'a mut Vec<u8>,
}

/// A WebSocket session that its task and the writers poll.
pub(super) trait Session: Send + 'static {
    /// Polls everything.
    fn poll(&mut self, cx: &mut PollContext<'_>) -> PollSession;

    /// Appends the next frame to those to send. Returns whether there is one.
    fn put_frame(&mut self, cx: &mut PollContext<'_>) -> Result<bool, SocketEnd>;

    /// The connection of the session.
    fn connection(&mut self) -> &mut Connection;

    /// The limits of the session.
    fn limits(&self) -> &Limits;

    /// Whether the peer does not accept data at the moment.
    fn is_blocked(&mut self) -> bool {
        self.connection().is_blocked()
    }

    /// Sends the frames that are ready, if the peer accepts them. Part of [`poll`](Self::poll).
    fn poll_writer(&mut self, cx: &mut PollContext<'_>) -> PollSession {
        ready!(self.connection().poll_flush(&mut cx.task))?;
        let max_frames = self.limits().frames_per_flush;
        let mut end = None;
        for at in 1..=max_frames {
            match self.put_frame(cx) {
                Ok(true) if at == max_frames => cx.events.waker().wake_by_ref(),
                Ok(true) if cx.frames.len() < MAX_WRITE => {}
                Ok(true) => {
                    self.connection().send(&mut cx.task, cx.frames)?;
                    if self.is_blocked() {
                        return Poll::Pending;
                    }
                }
                Ok(false) => break,
                Err(error) => {
                    end = Some(error);
                    break;
                }
            }
        }
        self.connection().send(&mut cx.task, cx.frames)?;
        end.map_or(Poll::Pending, |end| Poll::Ready(Err(end)))
    }
}

/// The tasks that send the events of WebSockets. They are started on demand, and leave one thread
/// of the runtime, if it has several, to other tasks. Clones share them.
#[derive(Clone, Default)]
pub struct Writers(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    /// The sessions that have events to send.
    sessions: VecDeque<Arc<dyn QueuedSession>>,
    /// Number of running writers.
    running: usize,
}

/// A session in the queue.
trait QueuedSession: Send + Sync {
    /// Sends the events of the session. `frames` is an empty buffer.
    fn write(self: Arc<Self>, frames: &mut Vec<u8>);
}

/// A session, shared by its task and the writers.
struct SharedSession<S> {
    /// `None` after the end.
    state: Mutex<Option<State<S>>>,
    /// The task of the session.
    task: AtomicWaker,
    is_queued: AtomicBool,
    writers: Writers,
    runtime: Handle,
    tasks: TaskTracker,
}

/// A session that its task polls. Returns the session with its end. Panics if the session panicked
/// in a writer.
pub(super) struct RunningSession<S>(Arc<SharedSession<S>>);

struct State<S> {
    session: S,
    /// The end of the session, or its panic, in a writer. The session is not polled again.
    end: Option<thread::Result<SocketEnd>>,
    /// The waker of the session's task.
    task: Waker,
}

impl Writers {
    /// Starts a session. The writers run on `tasks`.
    pub(super) fn start<S: Session>(&self, session: S, tasks: &TaskTracker) -> RunningSession<S> {
        RunningSession(Arc::new(SharedSession {
            state: Mutex::new(Some(State {
                session,
                end: None,
                task: Waker::noop().clone(),
            })),
            task: AtomicWaker::new(),
            is_queued: AtomicBool::new(false),
            writers: self.clone(),
            runtime: Handle::current(),
            tasks: tasks.clone(),
        }))
    }

    /// Queues a session, and starts a writer if more are needed.
    fn push<S: Session>(&self, session: &Arc<SharedSession<S>>) {
        let mut queue = self.0.lock();
        queue.sessions.push_back(Arc::clone(session) as _);
        let is_busy = queue.sessions.len() >= queue.running * QUEUED_PER_WRITER;
        let threads = || session.runtime.metrics().num_workers();
        if queue.running == 0 || is_busy && queue.running + 1 < threads() {
            queue.running += 1;
            drop(queue);
            // Not constrained by tokio, because `TURNS` limits it.
            let writer = unconstrained(self.clone().write());
            session.tasks.spawn_on(writer, &session.runtime);
        }
    }

    /// Moves the next sessions to `turns`, which is empty. Returns `false` if there are none; the
    /// writer then has ended.
    fn pop(&self, turns: &mut Vec<Arc<dyn QueuedSession>>) -> bool {
        let mut queue = self.0.lock();
        let count = queue.sessions.len().min(TURNS);
        turns.extend(queue.sessions.drain(..count));
        if count == 0 {
            queue.running -= 1;
        }
        count > 0
    }

    async fn write(self) {
        let (mut frames, mut turns) = (Vec::new(), Vec::with_capacity(TURNS));
        let mut served = 0;
        while self.pop(&mut turns) {
            served += turns.len();
            for session in turns.drain(..) {
                session.write(&mut frames);
            }
            if served >= TURNS {
                yield_now().await;
                served = 0;
            }
        }
    }
}

impl<S: Session> QueuedSession for SharedSession<S> {
    fn write(self: Arc<Self>, frames: &mut Vec<u8>) {
        self.is_queued.swap(false, Ordering::AcqRel);
        let Some(mut guard) = self.state.try_lock() else {
            // It may be past its events, so it is polled once more.
            self.task.wake();
            return;
        };
        let Some(state) = &mut *guard else { return };
        if state.end.is_some() || state.session.is_blocked() {
            // The task continues, when the peer accepts data.
            return;
        }
        let events = waker_ref(&self);
        let mut cx = PollContext {
            task: Context::from_waker(&state.task),
            events: Context::from_waker(&events),
            frames,
        };
        let write = AssertUnwindSafe(|| state.session.poll_writer(&mut cx));
        let written = catch_unwind(write);
        // However it went: the next frames are those of another client.
        frames.clear();
        match written {
            // The task sets the deadline of the write.
            Ok(Poll::Pending) if state.session.is_blocked() => {}
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(Err(end))) => state.end = Some(Ok(end)),
            Err(panic) => state.end = Some(Err(panic)),
        }
        drop(guard);
        self.task.wake();
    }
}

impl<S: Session> ArcWake for SharedSession<S> {
    fn wake_by_ref(this: &Arc<Self>) {
        if !this.is_queued.swap(true, Ordering::AcqRel) {
            this.writers.push(this);
        }
    }
}

impl<S: Session> Future for RunningSession<S> {
    type Output = (S, SocketEnd);

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = &self.0;
        // Before the lock, so that a writer that does not get the lock wakes the task.
        shared.task.register(cx.waker());
        let mut state = shared.state.lock();
        let end = match &mut *state {
            Some(state) => ready!(state.poll(shared, cx)),
            None => return Poll::Pending,
        };
        // Under the same lock, so that no writer polls a session that has ended.
        let ended = state.take();
        drop(state);
        match (ended, end) {
            (Some(ended), Ok(end)) => Poll::Ready((ended.session, end)),
            (None, _) => Poll::Pending,
            (ended, Err(panic)) => {
                drop(ended);
                resume_unwind(panic)
            }
        }
    }
}

impl<S: Session> State<S> {
    /// Polls the session from its task.
    fn poll(
        &mut self,
        shared: &Arc<SharedSession<S>>,
        cx: &mut Context<'_>,
    ) -> Poll<thread::Result<SocketEnd>> {
        if let Some(end) = self.end.take() {
            return Poll::Ready(end);
        }
        self.task.clone_from(cx.waker());
        let events = waker_ref(shared);
        let mut cx = PollContext {
            task: Context::from_waker(cx.waker()),
            events: Context::from_waker(&events),
            frames: &mut Vec::new(),
        };
        match self.session.poll(&mut cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(end)) => Poll::Ready(Ok(end)),
        }
    }
}

/// Drops the session even if its task is cancelled: the session owns streams, which own wakers,
/// which own the session.
impl<S> Drop for RunningSession<S> {
    fn drop(&mut self) {
        let state = self.0.state.lock().take();
        drop(state);
    }
}

impl std::fmt::Debug for Writers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
