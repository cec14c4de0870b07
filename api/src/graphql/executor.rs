//! Runs operations of the schema for the transports.
//!
//! One invariant: whatever leaves here was masked.

use std::{future::poll_fn, sync::Arc, task::Poll};

use async_graphql::{Request, Response, ServerError};
use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use transport::{End, Event, Fault, Item, Reply, Subscription};

use super::{
    Schema,
    delivery::Run,
    fault::{mask, mask_error},
};
use crate::access::{Access, Viewer};

/// The schema behind its tokens; cheap to clone.
#[derive(Clone)]
pub(crate) struct Executor {
    schema: Schema,
    access: Access,
}

impl Executor {
    /// Runs operations of `schema` for whoever `access` lets in.
    pub(crate) fn new(schema: Schema, access: Access) -> Self {
        Self { schema, access }
    }
}

impl transport::Service for Executor {
    type Viewer = Viewer;

    fn authenticate(&self, authorization: Option<&str>) -> Result<Viewer, Fault> {
        self.access.viewer(authorization)
    }

    async fn execute(&self, request: Request, viewer: Viewer) -> Reply {
        let mut response = self.schema.execute(request.data(viewer)).await;
        mask(&mut response);
        response.into()
    }

    async fn subscribe(
        &self,
        request: Request,
        viewer: Viewer,
    ) -> Result<Subscription, Vec<ServerError>> {
        let run = Arc::new(Run::default());
        let request = request.data(viewer).data(Arc::clone(&run));
        let mut responses = self.schema.execute_stream(request).boxed();
        let first = match started(&mut responses, &run).await {
            Some(mut response) if !run.has_started() => {
                response.errors.iter_mut().for_each(mask_error);
                return Err(response.errors);
            }
            first => first,
        };
        let noting = Arc::clone(&run);
        let events = stream::iter(first)
            .chain(responses)
            .map(move |response| Item::Next(event(response, &noting)));
        let end = stream::once(async move {
            Item::End(if run.is_lagging() {
                End::Overloaded
            } else {
                End::Complete
            })
        });
        Ok(events.chain(end).boxed())
    }
}

/// Waits until the subscription has begun or was refused; answers the response that came with it, if one did.
async fn started(responses: &mut BoxStream<'static, Response>, run: &Run) -> Option<Response> {
    poll_fn(|cx| match responses.poll_next_unpin(cx) {
        Poll::Pending if run.has_started() => Poll::Ready(None),
        polled => polled,
    })
    .await
}

fn event(mut response: Response, run: &Run) -> Event {
    let note = run.take_note();
    mask(&mut response);
    if let Some(extension) = note.extension() {
        response.extensions.insert("delivery".to_owned(), extension);
    }
    // A response of the library always serialises: its keys are texts and its values are JSON's.
    let body = serde_json::to_vec(&response)
        .map(Bytes::from)
        .unwrap_or_default();
    Event {
        body,
        missed: note.missed,
    }
}
