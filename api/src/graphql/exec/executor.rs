//! Executes operations of the schema for the transports.
//!
//! Every error is masked before it leaves this module. The events of a subscription are executed
//! once for all subscribers of its group; only `missed`, `snapshot` and `stale` are added per
//! subscriber.

use std::{future::poll_fn, sync::Arc, task::Poll};

use async_graphql::{Request, Response, ServerError, Value, Variables};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::sync::Semaphore;
use transport::{
    ClientAddress, End, Item, OperationOutcome, PreparedDocument, Reply, RequestError,
    SubscriptionEvent, SubscriptionStream,
};

use super::{
    canonical,
    feed_handle::FeedHandle,
    group::{DeliveryContext, Group, Groups},
    mask::{mask, mask_error},
};
use crate::{
    auth::{AccessTokens, RateLimit, Viewer},
    graphql::{
        json,
        loader::{Batcher, ServiceLoader, batcher},
        plan::Plans,
        schema::Schema,
    },
    service::{Delivery, Service, SubscriptionPlan},
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
        let mut response = self.schema.execute(request.data(viewer)).await;
        mask(&mut response);
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
        let body = plan.execute(&self.service, &self.batcher, variables);
        let mut body = body.await?;
        if self.service.staleness_age().is_some() {
            body.truncate(body.len() - 1);
            body.extend_from_slice(br#","extensions":{"stale":true}}"#);
        }
        Some(Reply::executed(body.into(), OperationOutcome::Ok))
    }

    async fn subscribe(
        &self,
        mut request: Request,
        viewer: Viewer,
    ) -> Result<SubscriptionStream, Vec<ServerError>> {
        let operation = request.operation_name.clone();
        let variables = request.variables.clone();
        let text = request
            .parsed_query()
            .ok()
            .and_then(|document| canonical::text(document, operation.as_deref(), &variables));
        let start = self.starts.acquire().await;
        let handle = Arc::new(FeedHandle::new());
        let request = request.data(viewer).data(Arc::clone(&handle));
        let mut responses = self.schema.execute_stream(request).boxed();
        let plan = started(&mut responses, &handle).await?;
        let group = Group::new(handle, responses);
        let key = text.map(|text| (text, viewer, plan.generation()));
        let group = self.groups.join(key, group);
        let max_size = plan.max_event_size();
        let deliveries = self.service.deliver(plan);
        drop(start);
        let service = self.service.clone();
        let items = deliveries.then(move |delivery| {
            let (group, max_size) = (Arc::clone(&group), max_size.clone());
            let stale = service.staleness_age().is_some();
            async move {
                let delivery = match delivery {
                    Ok(delivery) => delivery,
                    Err(reason) => return Item::End(reason.into()),
                };
                let snapshot = delivery.snapshot;
                let context = DeliveryContext { snapshot, stale };
                match group.body(&delivery.event, context).await {
                    Some(body) => {
                        max_size.record(body.len());
                        let cursor = delivery.event.cursor();
                        Item::Next(SubscriptionEvent {
                            id: Some(cursor),
                            ..event(body, &delivery, stale)
                        })
                    }
                    None => Item::End(End::Complete),
                }
            }
        });
        Ok(items.boxed())
    }
}

/// Waits until the resolver has started the subscription or returned an error.
async fn started(
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
