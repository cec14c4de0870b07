//! Runs operations of the schema for the transports.
//!
//! One invariant: whatever leaves here was masked; a subscription's events are executed by its group, once for all who
//! asked the same, and only what is special to one subscriber is added here.

use std::{future::poll_fn, sync::Arc, task::Poll};

use async_graphql::{Request, Response, ServerError, Value};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::sync::Semaphore;
use transport::{
    ClientAddress, End, Item, Reply, RequestError, SubscriptionEvent, SubscriptionStream,
};

use super::{
    Schema, canonical,
    fault::{mask, mask_error},
    group::{Circumstance, Group, Groups},
    json,
    run::Run,
};
use crate::{
    auth::{AccessTokens, RateLimit, Viewer},
    service::{Delivery, Service, SubscriptionPlan},
};

/// The schema behind its tokens and its rate limit; cheap to clone.
#[derive(Clone)]
pub(crate) struct Executor {
    schema: Schema,
    service: Service,
    access: AccessTokens,
    rate: RateLimit,
    groups: Groups,
    /// Room for subscriptions to begin.
    beginnings: Arc<Semaphore>,
}

/// How many subscriptions begin at the same time. It takes much memory for a moment, and when a thousand clients come
/// back together, no less time if each has the database to itself.
const BEGINNINGS: usize = 32;

impl Executor {
    /// Runs operations of `schema`, which is over `service`, for whoever `access` lets in, as many as `rate` allows.
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
            beginnings: Arc::new(Semaphore::new(BEGINNINGS)),
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
        let beginning = self.beginnings.acquire().await;
        let run = Arc::new(Run::new());
        let request = request.data(viewer).data(Arc::clone(&run));
        let mut responses = self.schema.execute_stream(request).boxed();
        let following = begun(&mut responses, &run).await?;
        let group = Group::new(run, responses);
        let key = text.map(|text| (text, viewer, following.generation()));
        let group = self.groups.join(key, group);
        let largest = following.max_event_size();
        let told = self.service.deliver(following);
        drop(beginning);
        let service = self.service.clone();
        let items = told.then(move |told| {
            let (group, largest) = (Arc::clone(&group), largest.clone());
            let away = service.staleness_age().is_some();
            async move {
                let told = match told {
                    Ok(told) => told,
                    Err(reason) => return Item::End(reason.into()),
                };
                let snapshot = told.snapshot;
                let circumstance = Circumstance { snapshot, away };
                match group.body(&told.event, circumstance).await {
                    Some(body) => {
                        largest.record(body.len());
                        let cursor = told.event.cursor();
                        Item::Next(SubscriptionEvent {
                            id: Some(cursor),
                            ..event(body, &told, away)
                        })
                    }
                    None => Item::End(End::Complete),
                }
            }
        });
        Ok(items.boxed())
    }
}

/// Waits until the subscription has begun or was refused.
async fn begun(
    responses: &mut BoxStream<'static, Response>,
    run: &Run,
) -> Result<SubscriptionPlan, Vec<ServerError>> {
    poll_fn(|cx| {
        let polled = responses.poll_next_unpin(cx);
        if let Some(following) = run.take_following() {
            return Poll::Ready(Ok(following));
        }
        polled.map(|response| {
            // A subscription that ends before it begins has said nothing of why.
            let ended = || vec![ServerError::new("the subscription selects nothing", None)];
            let mut errors = response.map_or_else(ended, |response| response.errors);
            errors.iter_mut().for_each(mask_error);
            Err(errors)
        })
    })
    .await
}

/// A body as one subscriber gets it: with what was skipped for it, and whether what it begins with may be old.
fn event(body: Bytes, told: &Delivery, away: bool) -> SubscriptionEvent {
    let extensions = match told {
        Delivery {
            missed: 0,
            snapshot: false,
            ..
        } => return body.into(),
        Delivery { missed: 0, .. } if away => {
            r#""delivery":{"snapshot":true},"stale":true"#.to_owned()
        }
        Delivery { missed: 0, .. } => r#""delivery":{"snapshot":true}"#.to_owned(),
        Delivery { missed, .. } => format!(r#""delivery":{{"missed":{missed}}}"#),
    };
    // A response is an object, and the schema puts no extensions of its own into it.
    let object = body.strip_suffix(b"}").unwrap_or(&body);
    let extensions = format!(",\"extensions\":{{{extensions}}}}}");
    let body = [object, extensions.as_bytes()].concat();
    SubscriptionEvent {
        missed: told.missed,
        ..Bytes::from(body).into()
    }
}

#[cfg(test)]
mod tests;
