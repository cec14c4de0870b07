//! Notifies tasks that wait for changes in the database (LISTEN and NOTIFY).
//!
//! Losing a notification only delays the waiting task until its next poll, at most a second later.
//! One about the feed may carry the new entry, so that followers need not read it from the table.
//! One about responses contains the ids of their requests, so that only their senders read them.

use std::{sync::Arc, time::Duration};

use tokio::sync::{broadcast, watch};

use super::entry::FeedEntry;

/// How often a subscriber polls without a notification.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The number of entries that are kept for followers; one that is further behind reads the table.
pub(super) const ENTRIES: usize = 16;
/// The number of notifications about responses that are kept for a sender.
const RESPONSES: usize = 64;
/// The maximum number of events of an entry that is kept. Larger ones are read from the table.
const MAX_EVENTS: usize = 256;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// The feed has grown.
    Feed,
    /// A request to the tracker was made.
    Request,
    /// The tracker has responded to requests.
    Response,
}

impl Topic {
    pub(crate) const ALL: [Self; 3] = [Self::Feed, Self::Request, Self::Response];

    /// The channel of PostgreSQL's NOTIFY.
    pub(crate) const fn channel(self) -> &'static str {
        match self {
            Self::Feed => "stock_tracker_feed",
            Self::Request => "stock_tracker_request",
            Self::Response => "stock_tracker_response",
        }
    }
}

/// The notification topics of this process. Other processes notify through PostgreSQL.
#[derive(Clone, Debug)]
pub struct Doorbell {
    feed: watch::Sender<()>,
    request: watch::Sender<()>,
    /// The notifications about the feed, each with its entry, if known.
    entries: broadcast::Sender<Option<Arc<FeedEntry>>>,
    /// The notifications about responses, each with the ids of the requests, if known.
    responses: broadcast::Sender<Option<Arc<[i64]>>>,
}

impl Doorbell {
    pub(crate) fn new() -> Self {
        Self {
            feed: watch::Sender::new(()),
            request: watch::Sender::new(()),
            entries: broadcast::Sender::new(ENTRIES),
            responses: broadcast::Sender::new(RESPONSES),
        }
    }

    /// Wakes the subscribers in this process.
    pub fn ring(&self, topic: Topic) {
        // Sending fails if there are no subscribers.
        match topic {
            Topic::Feed => {
                self.feed.send_replace(());
                let _ = self.entries.send(None);
            }
            Topic::Request => {
                self.request.send_replace(());
            }
            Topic::Response => {
                let _ = self.responses.send(None);
            }
        }
    }

    /// Wakes the subscribers in this process, as another process has notified.
    pub(super) fn relay(&self, topic: Topic, payload: &str) {
        match topic {
            Topic::Feed | Topic::Request => self.ring(topic),
            Topic::Response => match serde_json::from_str::<Vec<i64>>(payload) {
                Ok(ids) => self.responded(&ids),
                Err(_) => self.ring(topic),
            },
        }
    }

    /// Wakes the senders of these requests in this process.
    pub(crate) fn responded(&self, ids: &[i64]) {
        let _ = self.responses.send(Some(ids.into()));
    }

    /// Subscribes to the response to a request; responses before the call are not delivered.
    pub(crate) fn response(&self) -> ResponseSubscription {
        ResponseSubscription(self.responses.subscribe())
    }

    /// Wakes the subscribers in this process and sends the followers a committed entry.
    pub(super) fn announce(&self, entry: FeedEntry) {
        if entry.batch.events.len() > MAX_EVENTS {
            return self.ring(Topic::Feed);
        }
        self.feed.send_replace(());
        let _ = self.entries.send(Some(Arc::new(entry)));
    }

    /// Subscribes to entries of the feed.
    pub(super) fn entries(&self) -> broadcast::Receiver<Option<Arc<FeedEntry>>> {
        self.entries.subscribe()
    }

    /// Subscribes to new entries of the feed; notifications before the call are not delivered.
    pub fn feed(&self) -> TopicSubscription {
        TopicSubscription(self.feed.subscribe())
    }

    /// Subscribes to requests; notifications before the call are not delivered.
    pub fn requests(&self) -> TopicSubscription {
        TopicSubscription(self.request.subscribe())
    }
}

/// A subscription to a topic.
#[derive(Debug)]
pub struct TopicSubscription(watch::Receiver<()>);

impl TopicSubscription {
    /// Waits for a notification, for at most a second. Read the database afterwards in either case.
    pub async fn notified(&mut self) {
        // The sender was dropped. Polling continues at the same interval.
        if let Ok(Err(_)) = tokio::time::timeout(POLL_INTERVAL, self.0.changed()).await {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// A subscription to the response to a request.
#[derive(Debug)]
pub(crate) struct ResponseSubscription(broadcast::Receiver<Option<Arc<[i64]>>>);

impl ResponseSubscription {
    /// Waits until the request may have a response, for at most a second. Read the database
    /// afterwards.
    pub(crate) async fn notified(&mut self, request: i64) {
        let responded = async {
            // An error means that notifications were missed.
            while let Ok(Some(ids)) = self.0.recv().await
                && !ids.contains(&request)
            {}
        };
        let _ = tokio::time::timeout(POLL_INTERVAL, responded).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn a_response_wakes_only_the_sender_of_its_request() {
        let doorbell = Doorbell::new();
        let mut subscription = doorbell.response();
        let mut notified = Box::pin(subscription.notified(7));
        doorbell.responded(&[1, 2]);
        doorbell.relay(Topic::Response, "[6,8]");
        assert!(poll!(&mut notified).is_pending());
        doorbell.relay(Topic::Response, "[6,7]");
        assert!(poll!(&mut notified).is_ready());
        drop(notified);
        // A notification may have been lost.
        doorbell.ring(Topic::Response);
        assert!(poll!(Box::pin(subscription.notified(7))).is_ready());
    }
}
