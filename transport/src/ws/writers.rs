//! Writers: tasks that send the events of many WebSockets.
//!
//! An event of a subscription does not wake the task of its WebSocket. It queues the WebSocket, and
//! a writer sends the events of all queued ones in turn. This costs less than waking a task for
//! each event. Everything else is left to the task of the WebSocket: reading, deadlines, and waiting
//! until the peer accepts data.

use std::{
    collections::VecDeque,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
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

/// Number of WebSockets that a writer serves before it yields to other tasks.
const TURNS: usize = 32;
/// Number of queued WebSockets for each running writer at which another one is started.
const QUEUED_PER_WRITER: usize = 512;

/// A WebSocket session that its task and the writers poll.
pub(super) trait Session: Send + 'static {
    /// Polls everything. The socket and the timers wake `cx`, events to send wake `events`.
    fn poll(&mut self, cx: &mut Context<'_>, events: &mut Context<'_>) -> PollSession;

    /// Sends what is ready. Part of [`poll`](Self::poll).
    fn poll_writer(&mut self, cx: &mut Context<'_>, events: &mut Context<'_>) -> PollSession;

    /// The connection of the session.
    fn connection(&self) -> &Connection;
}

/// The tasks that send the events of WebSockets. They are started on demand, at most one per thread
/// of the runtime. Clones share them.
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
    /// Sends the events of the session.
    fn write(self: Arc<Self>);
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

struct State<S> {
    session: S,
    /// How the session ends, if a writer found out.
    end: Option<SocketEnd>,
    /// The waker of the session's task.
    task: Waker,
}

impl Writers {
    /// Runs a session until it ends. Returns `None` if it panicked.
    pub(super) async fn run<S: Session>(
        &self,
        session: S,
        tasks: &TaskTracker,
    ) -> Option<(S, SocketEnd)> {
        let shared = Arc::new(SharedSession {
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
        });
        let shared = EndOnDrop(shared);
        let end = poll_fn(|cx| shared.0.poll(cx)).await?;
        let state = shared.0.state.lock().take()?;
        Some((state.session, end))
    }

    /// Queues a session, and starts a writer if more are needed.
    fn push<S: Session>(&self, session: &Arc<SharedSession<S>>) {
        let mut queue = self.0.lock();
        queue.sessions.push_back(Arc::clone(session) as _);
        let is_busy = queue.sessions.len() >= queue.running * QUEUED_PER_WRITER;
        if queue.running == 0 || is_busy && queue.running < session.runtime.metrics().num_workers()
        {
            queue.running += 1;
            drop(queue);
            // Not constrained by tokio, because `TURNS` limits it.
            let writer = unconstrained(self.clone().write());
            session.tasks.spawn_on(writer, &session.runtime);
        }
    }

    /// Removes the next session. Returns `None` if the queue is empty; the writer then has ended.
    fn pop(&self) -> Option<Arc<dyn QueuedSession>> {
        let mut queue = self.0.lock();
        let next = queue.sessions.pop_front();
        if next.is_none() {
            queue.running -= 1;
        }
        next
    }

    async fn write(self) {
        loop {
            for _ in 0..TURNS {
                let Some(session) = self.pop() else { return };
                session.write();
            }
            yield_now().await;
        }
    }
}

impl<S: Session> SharedSession<S> {
    /// Polls the session from its task.
    fn poll(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<Option<SocketEnd>> {
        self.task.register(cx.waker());
        let mut state = self.state.lock();
        let Some(state) = &mut *state else {
            return Poll::Ready(None);
        };
        if let Some(end) = state.end.take() {
            return Poll::Ready(Some(end));
        }
        state.task.clone_from(cx.waker());
        let events = waker_ref(self);
        let mut events = Context::from_waker(&events);
        match state.session.poll(cx, &mut events) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(end)) => Poll::Ready(Some(end)),
        }
    }
}

impl<S: Session> QueuedSession for SharedSession<S> {
    fn write(self: Arc<Self>) {
        self.is_queued.swap(false, Ordering::AcqRel);
        let Some(mut guard) = self.state.try_lock() else {
            // It may be past its events, so it is polled once more.
            self.task.wake();
            return;
        };
        let Some(state) = &mut *guard else { return };
        if state.end.is_some() || state.session.connection().is_blocked() {
            // The task continues, when the peer accepts data.
            return;
        }
        let events = waker_ref(&self);
        let mut events = Context::from_waker(&events);
        let mut cx = Context::from_waker(&state.task);
        let write = AssertUnwindSafe(|| state.session.poll_writer(&mut cx, &mut events));
        match catch_unwind(write) {
            // The task sets the deadline of the write.
            Ok(Poll::Pending) if state.session.connection().is_blocked() => {}
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(Err(end))) => state.end = Some(end),
            Err(_) => *guard = None,
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

/// Drops the session when its task ends, even if that is cancelled: the session owns streams that
/// own wakers that own the session.
struct EndOnDrop<S>(Arc<SharedSession<S>>);

impl<S> Drop for EndOnDrop<S> {
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
