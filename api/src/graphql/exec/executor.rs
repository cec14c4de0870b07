//! Executes operations of the schema for the transports.
//!
//! Every error of a response is masked. The events of a subscription are executed by its group;
//! only the extensions of one subscriber are added here.

use std::{future::poll_fn, sync::Arc, task::Poll};

use async_graphql::{Request, Response, ServerError, Value};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::sync::Semaphore;
use transport::{
    ClientAddress, End, Item, Reply, RequestError, SubscriptionEvent, SubscriptionStream,
};

use super::{
    canonical,
    feed_handle::FeedHandle,
    group::{DeliveryContext, Group, Groups},
    mask::{mask, mask_error},
};
use crate::{
    auth::{AccessTokens, RateLimit, Viewer},
    graphql::{output::json, schema::Schema},
    service::{Delivery, Service, SubscriptionPlan},
};

/// Executes the schema, behind access tokens and a rate limit. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Executor {
    schema: Schema,
    service: Service,
    access: AccessTokens,
    rate: RateLimit,
    groups: Groups,
    /// Limits how many subscriptions start at the same time.
    starts: Arc<Semaphore>,
}

/// How many subscriptions start at the same time. A start needs much memory for a moment, and a
/// thousand clients that reconnect together are not served faster without the limit, because they
/// share the database.
const CONCURRENT_STARTS: usize = 32;

impl Executor {
    /// An executor of `schema`, which is built over `service`.
    pub(crate) fn new(
        schema: Schema,
        service: Service,
        access: AccessTokens,
        rate: RateLimit,
    ) -> Self {
        Self {
            schema,
            service,
            access,
            rate,
            groups: Groups::default(),
            starts: Arc::new(Semaphore::new(CONCURRENT_STARTS)),
        }
    }
}

impl transport::Service for Executor {
    type Viewer = Viewer;

    fn authenticate(&self, authorization: Option<&str>) -> Result<Viewer, RequestError> {
        self.access.authenticate(authorization)
    }

    fn admit(&self, client: ClientAddress) -> Result<(), RequestError> {
        self.rate.admit(client)
    }

    async fn execute(&self, request: Request, viewer: Viewer) -> Reply {
        let mut response = self.schema.execute(request.data(viewer)).await;
        mask(&mut response);
        if self.service.staleness_age().is_some() && response.data != Value::Null {
            response = response.extension("stale", Value::Boolean(true));
        }
        Reply::written(response, json::response)
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
        let feed = Arc::new(FeedHandle::new());
        let request = request.data(viewer).data(Arc::clone(&feed));
        let mut responses = self.schema.execute_stream(request).boxed();
        let plan = wait_for_plan(&mut responses, &feed).await?;
        let group = Group::new(feed, responses);
        let key = text.map(|text| (text, viewer, plan.generation()));
        let group = self.groups.join(key, group);
        let max_event_size = plan.max_event_size();
        let deliveries = self.service.deliver(plan);
        drop(start);
        let service = self.service.clone();
        let items = deliveries.then(move |delivery| {
            let (group, max_event_size) = (Arc::clone(&group), max_event_size.clone());
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
                        max_event_size.record(body.len());
                        let cursor = delivery.event.cursor();
                        Item::Next(SubscriptionEvent {
                            id: Some(cursor),
                            ..with_extensions(body, &delivery, stale)
                        })
                    }
                    None => Item::End(End::Complete),
                }
            }
        });
        Ok(items.boxed())
    }
}

/// Waits until the resolver has handed over the plan of the subscription.
///
/// # Errors
///
/// The masked errors of a rejected subscription.
async fn wait_for_plan(
    responses: &mut BoxStream<'static, Response>,
    feed: &FeedHandle,
) -> Result<SubscriptionPlan, Vec<ServerError>> {
    poll_fn(|cx| {
        let polled = responses.poll_next_unpin(cx);
        if let Some(plan) = feed.take_plan() {
            return Poll::Ready(Ok(plan));
        }
        polled.map(|response| {
            let ended = || vec![ServerError::new("the subscription selects nothing", None)];
            let mut errors = response.map_or_else(ended, |response| response.errors);
            errors.iter_mut().for_each(mask_error);
            Err(errors)
        })
    })
    .await
}

/// Adds the extensions of one subscriber to the body of an event: the number of skipped events, and
/// whether the event is part of a snapshot that may be stale.
fn with_extensions(body: Bytes, delivery: &Delivery, stale: bool) -> SubscriptionEvent {
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
