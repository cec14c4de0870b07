//! Sessions that end, panic, or are cancelled while they are queued.

use std::{sync::atomic::AtomicUsize, task::Wake};

use super::*;

/// A session of closures.
struct FakeSession<P, W> {
    poll: P,
    write: W,
}

impl<P, W> Session for FakeSession<P, W>
where
    P: FnMut(&mut PollContext<'_>) -> PollSession + Send + 'static,
    W: FnMut(&mut PollContext<'_>) -> PollSession + Send + 'static,
{
    fn poll(&mut self, cx: &mut PollContext<'_>) -> PollSession {
        (self.poll)(cx)
    }

    fn poll_writer(&mut self, cx: &mut PollContext<'_>) -> PollSession {
        (self.write)(cx)
    }

    fn is_blocked(&mut self) -> bool {
        false
    }

    fn put_frame(&mut self, _: &mut PollContext<'_>) -> Result<bool, SocketEnd> {
        unreachable!("called by the default of `poll_writer`")
    }

    fn connection(&mut self) -> &mut Connection {
        unreachable!("called by the defaults")
    }

    fn limits(&self) -> &Limits {
        unreachable!("called by the default of `poll_writer`")
    }
}

fn end<T>() -> Poll<Result<T, SocketEnd>> {
    Poll::Ready(Err(SocketEnd::going_away()))
}

/// Counts how often a task is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Panics when it is dropped.
struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test]
async fn an_event_during_a_poll_of_the_task_polls_the_task_again() {
    let writers = Writers::default();
    let queue = writers.clone();
    let poll = move |cx: &mut PollContext<'_>| {
        cx.events.waker().wake_by_ref();
        // A writer that runs on another thread at this moment.
        let mut turns = Vec::new();
        assert!(queue.pop(&mut turns));
        turns.remove(0).write(&mut Vec::new());
        Poll::Pending
    };
    let session = FakeSession {
        poll,
        write: |_: &mut PollContext<'_>| unreachable!("locked"),
    };
    let mut running = writers.start(session, &TaskTracker::new());
    let task = Arc::new(Wakes::default());
    let waker = Waker::from(Arc::clone(&task));
    let polled = Pin::new(&mut running).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    assert_eq!(task.0.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_panic_in_a_writer_ends_the_task_and_no_other_session() {
    let (writers, tasks) = (Writers::default(), TaskTracker::new());
    let poll = |cx: &mut PollContext<'_>| {
        cx.events.waker().wake_by_ref();
        Poll::Pending
    };
    let bomb = PanicsOnDrop;
    let panics = move |_: &mut PollContext<'_>| {
        let _ = &bomb;
        panic!("in a writer")
    };
    let panicking = tasks.spawn(writers.start(
        FakeSession {
            poll,
            write: panics,
        },
        &tasks,
    ));
    let ends = |_: &mut PollContext<'_>| end();
    let other = tasks.spawn(writers.start(FakeSession { poll, write: ends }, &tasks));
    assert!(panicking.await.is_err_and(|error| error.is_panic()));
    let later = tasks.spawn(writers.start(FakeSession { poll, write: ends }, &tasks));
    other.await.expect("an end");
    later.await.expect("an end");
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn frames_that_could_not_be_sent_are_sent_to_no_other_client() {
    let (writers, tasks) = (Writers::default(), TaskTracker::new());
    let mut sessions = Vec::new();
    for at in 0..4 {
        let poll = |cx: &mut PollContext<'_>| {
            cx.events.waker().wake_by_ref();
            Poll::Pending
        };
        let write = move |cx: &mut PollContext<'_>| {
            assert!(cx.frames.is_empty(), "frames of another client");
            cx.frames.push(0);
            assert_ne!(at, 2, "a panic");
            end()
        };
        let session = writers.start(FakeSession { poll, write }, &tasks);
        sessions.push(tasks.spawn(session));
    }
    for (at, session) in sessions.into_iter().enumerate() {
        assert_eq!(session.await.is_err(), at == 2);
    }
}

#[tokio::test]
async fn a_cancelled_task_drops_its_session() {
    let (writers, tasks) = (Writers::default(), TaskTracker::new());
    let owned = Arc::new(());
    let of_session = Arc::clone(&owned);
    // As the streams of a session do.
    let mut wakers = Vec::new();
    let poll = move |cx: &mut PollContext<'_>| {
        let _ = &of_session;
        wakers.push(cx.events.waker().clone());
        Poll::Pending
    };
    let write = |_: &mut PollContext<'_>| Poll::Pending;
    let task = tasks.spawn(writers.start(FakeSession { poll, write }, &tasks));
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()));
    assert_eq!(Arc::strong_count(&owned), 1);
}
