//! Executes operations of the schema for the transports.
//!
//! Every error is masked before it leaves this module. The events of a subscription are executed
//! once for all subscribers of its group; only `missed`, `snapshot` and `stale` are added per
//! subscriber.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use async_graphql::{Request, Response, ServerError, Value, Variables};
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::BoxStream};
use tokio::sync::Semaphore;
use transport::{
    ClientAddress, End, Item, OperationOutcome, PreparedDocument, Reply, RequestError,
    SubscriptionEvent, SubscriptionStream,
};

use super::{
    canonical,
    feed_handle::FeedHandle,
    group::{DeliveryContext, Group, Groups, PlannedEvents},
    mask::{mask, mask_error},
};
use crate::{
    auth::{AccessTokens, RateLimit, Viewer},
    graphql::{
        context::SearchReport,
        json,
        loader::{Batcher, ServiceLoader, batcher},
        plan::{EventPlan, Plans},
        query::Query,
        schema::Schema,
    },
    live::MaxEventSize,
    service::{Deliveries, Delivery, Service, SubscriptionPlan},
};

/// The schema with authentication and the rate limit. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Executor {
    schema: Schema,
    service: Service,
    batcher: Arc<Batcher<ServiceLoader>>,
    tokens: AccessTokens,
    rate_limit: RateLimit,
    groups: Groups,
    /// Limits how many subscriptions start at the same time.
    starts: Arc<Semaphore>,
}

/// Maximum number of subscriptions that start at the same time. A start briefly needs much memory,
/// and more concurrency does not make the reconnection of a thousand clients faster.
const MAX_CONCURRENT_STARTS: usize = 32;

impl Executor {
    /// Creates an executor of `schema`, which resolves through `service`.
    pub(crate) fn new(
        schema: Schema,
        service: Service,
        tokens: AccessTokens,
        rate_limit: RateLimit,
    ) -> Self {
        Self {
            schema,
            batcher: Arc::new(batcher(service.clone())),
            service,
            tokens,
            rate_limit,
            groups: Groups::default(),
            starts: Arc::new(Semaphore::new(MAX_CONCURRENT_STARTS)),
        }
    }
}

impl transport::Service for Executor {
    type Viewer = Viewer;
    type Plan = Plans;

    fn authenticate(&self, authorization: Option<&str>) -> Result<Viewer, RequestError> {
        self.tokens.authenticate(authorization)
    }

    fn admit(&self, client: ClientAddress) -> Result<(), RequestError> {
        self.rate_limit.admit(client)
    }

    async fn execute(&self, request: Request, viewer: Viewer) -> Reply {
        let searches = SearchReport::default();
        let request = request.data(viewer).data(searches.clone());
        let mut response = self.schema.execute(request).await;
        mask(&mut response);
        if let Some(report) = searches.extension() {
            response = response.extension("search", report);
        }
        if self.service.staleness_age().is_some() && response.data != Value::Null {
            response = response.extension("stale", Value::Boolean(true));
        }
        Reply::written(response, json::response)
    }

    async fn execute_plan(
        &self,
        document: &PreparedDocument<Plans>,
        variables: &Variables,
    ) -> Option<Reply> {
        let plans = document.plan();
        let plan = plans.get(document.document(), document.operation(), variables)?;
        let body = plan.execute(&Query, &self.service, &self.batcher, variables);
        let mut body = body.await?;
        if self.service.staleness_age().is_some() {
            body.truncate(body.len() - 1);
            body.extend_from_slice(br#","extensions":{"stale":true}}"#);
        }
        Some(Reply::executed(body.into(), OperationOutcome::Ok))
    }

    async fn subscribe(
        &self,
        request: Request,
        viewer: Viewer,
    ) -> Result<SubscriptionStream, Vec<ServerError>> {
        let start = self.starts.acquire().await;
        let Started { plan, group, text } = self.start(request, viewer).await?;
        let key = text.map(|text| (text, viewer, plan.generation()));
        let group = self.groups.join(key, group);
        let max_size = plan.max_event_size();
        let deliveries = self.service.deliver(plan);
        drop(start);
        let items = EventStream {
            deliveries,
            group,
            service: self.service.clone(),
            max_size,
            largest: 0,
            executing: None,
        };
        Ok(items.boxed())
    }
}

/// A subscription that has started.
pub(super) struct Started {
    pub(super) plan: SubscriptionPlan,
    /// A group of this subscriber alone.
    pub(super) group: Group,
    /// The canonical text.
    text: Option<String>,
}

impl Executor {
    /// Starts a subscription: async-graphql checks its arguments.
    pub(super) async fn start(
        &self,
        mut request: Request,
        viewer: Viewer,
    ) -> Result<Started, Vec<ServerError>> {
        let name = request.operation_name.clone();
        let variables = request.variables.clone();
        let (mut text, mut event_plan) = (None, None);
        if let Ok(document) = request.parsed_query()
            && let Some(operation) = canonical::operation(document, name.as_deref())
        {
            text = canonical::text(document, operation, &variables);
            event_plan = EventPlan::compile(document, operation, &variables);
        }
        let handle = Arc::new(FeedHandle::new());
        let request = request.data(viewer).data(Arc::clone(&handle));
        let mut responses = self.schema.execute_stream(request).boxed();
        let subscription_plan = subscription_plan(&mut responses, &handle).await?;
        let planned = event_plan.map(|plan| PlannedEvents {
            plan,
            variables,
            service: self.service.clone(),
            batcher: Arc::clone(&self.batcher),
        });
        Ok(Started {
            plan: subscription_plan,
            group: Group::new(planned, handle, responses),
            text,
        })
    }
}

/// The serialized events of a subscription.
struct EventStream {
    deliveries: Deliveries,
    group: Arc<Group>,
    service: Service,
    max_size: MaxEventSize,
    /// The size of the largest event that was recorded in `max_size`.
    largest: usize,
    /// A delivery whose event is being executed.
    executing: Option<(Delivery, DeliveryContext, BoxFuture<'static, Option<Bytes>>)>,
}

impl Stream for EventStream {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let this = &mut *self;
        if this.executing.is_none() {
            let delivery = match ready!(this.deliveries.poll_next_unpin(cx)) {
                Some(Ok(delivery)) => delivery,
                Some(Err(reason)) => return Poll::Ready(Some(Item::End(reason.into()))),
                None => return Poll::Ready(None),
            };
            let context = DeliveryContext {
                snapshot: delivery.snapshot,
                stale: this.service.staleness_age().is_some(),
            };
            if let Some(body) = this.group.known_body(&delivery.event, context) {
                return Poll::Ready(Some(this.item(body, &delivery, context)));
            }
            let (group, event) = (Arc::clone(&this.group), Arc::clone(&delivery.event));
            let body = async move { group.body(&event, context).await };
            this.executing = Some((delivery, context, body.boxed()));
        }
        let Some((delivery, context, mut body)) = this.executing.take() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(body) = body.poll_unpin(cx) else {
            this.executing = Some((delivery, context, body));
            return Poll::Pending;
        };
        Poll::Ready(Some(match body {
            Some(body) => this.item(body, &delivery, context),
            None => Item::End(End::Complete),
        }))
    }
}

impl EventStream {
    fn item(&mut self, body: Bytes, delivery: &Delivery, context: DeliveryContext) -> Item {
        if body.len() > self.largest {
            self.largest = body.len();
            self.max_size.record(body.len());
        }
        Item::Next(SubscriptionEvent {
            id: Some(delivery.event.cursor()),
            ..event(body, delivery, context.stale)
        })
    }
}

/// Waits until the resolver has planned the subscription or returned an error.
async fn subscription_plan(
    responses: &mut BoxStream<'static, Response>,
    handle: &FeedHandle,
) -> Result<SubscriptionPlan, Vec<ServerError>> {
    poll_fn(|cx| {
        let polled = responses.poll_next_unpin(cx);
        if let Some(plan) = handle.take_plan() {
            return Poll::Ready(Ok(plan));
        }
        polled.map(|response| {
            // A subscription that ends before it starts has no error.
            let ended = || vec![ServerError::new("the subscription selects nothing", None)];
            let mut errors = response.map_or_else(ended, |response| response.errors);
            errors.iter_mut().for_each(mask_error);
            Err(errors)
        })
    })
    .await
}

/// Adds one subscriber's `extensions` to the shared body: the number of skipped events, and whether
/// the event is part of a snapshot and may be stale.
fn event(body: Bytes, delivery: &Delivery, stale: bool) -> SubscriptionEvent {
    let extensions = match delivery {
        Delivery {
            missed: 0,
            snapshot: false,
            ..
        } => return body.into(),
        Delivery { missed: 0, .. } if stale => {
            r#""delivery":{"snapshot":true},"stale":true"#.to_owned()
        }
        Delivery { missed: 0, .. } => r#""delivery":{"snapshot":true}"#.to_owned(),
        Delivery { missed, .. } => format!(r#""delivery":{{"missed":{missed}}}"#),
    };
    // A response is a JSON object, and the schema adds no extensions to it.
    let object = body.strip_suffix(b"}").unwrap_or(&body);
    let extensions = format!(",\"extensions\":{{{extensions}}}}}");
    let body = [object, extensions.as_bytes()].concat();
    SubscriptionEvent {
        missed: delivery.missed,
        ..Bytes::from(body).into()
    }
}

#[cfg(test)]
mod tests;
