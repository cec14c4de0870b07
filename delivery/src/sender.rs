//! Sends messages to receivers, one attempt at a time.

mod cause;
mod smtp;
mod web;

use std::{sync::Arc, time::Duration};

use entity::Timestamp;
use lettre::Address;
use runtime::config::DeliverySettings;
use tokio::time::{Instant, timeout};

use crate::{
    Advice, Attempt, Failure, Message, Outcome, Resolver, SystemResolver, Target,
    format::{self, FormatError},
    guard::Guard,
    target::Receiver,
};
use smtp::Mailer;
use web::WebClient;

/// Maximum duration of an attempt, including name resolution and connecting.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The sender could not be created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The root certificates of the system cannot be loaded.
    #[error("failed to create the client of webhooks")]
    Client(#[source] reqwest::Error),
    /// The root certificates of the system cannot be loaded, for mail.
    #[error("failed to create the client of the mail server")]
    Mail(#[source] lettre::transport::smtp::Error),
    /// `SMTP_URL` is not a URL of a mail server.
    #[error("SMTP_URL must be like smtps://user:password@host")]
    SmtpUrl,
    /// `SMTP_FROM` is not a mail address.
    #[error("SMTP_FROM must be a mail address such as alerts@example.com")]
    SmtpFrom,
}

/// Sends messages. Clones share connections.
#[derive(Clone, Debug)]
pub struct Sender {
    web: WebClient,
    mailer: Option<Arc<Mailer>>,
}

/// The result of an attempt, without its duration.
struct Answer {
    status: Option<u16>,
    outcome: Outcome,
}

impl Sender {
    /// Creates a sender.
    ///
    /// # Errors
    ///
    /// The root certificates of the system cannot be loaded, or the mail server is invalid.
    pub fn new(settings: &DeliverySettings) -> Result<Self, Error> {
        Self::with_resolver(settings, Arc::new(SystemResolver))
    }

    /// Creates a sender that resolves the names of webhooks with `resolver`.
    ///
    /// # Errors
    ///
    /// Like [`Sender::new`].
    pub fn with_resolver(
        settings: &DeliverySettings,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, Error> {
        // Fails if a provider is already installed, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Guard::new(resolver, settings.allow_private);
        let mailer = settings.smtp.as_ref().map(Mailer::new).transpose()?;
        Ok(Self {
            web: WebClient::new(guard).map_err(Error::Client)?,
            mailer: mailer.map(Arc::new),
        })
    }

    /// Makes one attempt to deliver `message`, which takes at most 15 s.
    ///
    /// It may be cancelled at any time; whether the receiver has received the message is then
    /// unknown.
    pub async fn send(&self, target: &Target, message: &Message, now: Timestamp) -> Attempt {
        let started = Instant::now();
        let attempt = timeout(TIMEOUT, self.attempt(target, message, now));
        let Answer { status, outcome } = attempt.await.unwrap_or_else(|_| {
            Answer::failed(Failure::new("no answer within 15 s", Advice::Retry))
        });
        Attempt {
            status,
            outcome,
            duration: started.elapsed(),
        }
    }

    async fn attempt(&self, target: &Target, message: &Message, now: Timestamp) -> Answer {
        let content = message.content();
        let sent = match target.receiver() {
            Receiver::Web(url) => match format::request(target, url, content, now) {
                Ok(request) => Ok(self.web.post(target, request).await),
                Err(error) => Err(error),
            },
            Receiver::Mail(to) => self.mail(to, content, now).await,
        };
        sent.unwrap_or_else(|error| Answer::failed(Failure::new(&error.to_string(), Advice::Never)))
    }

    async fn mail(
        &self,
        to: &Address,
        content: &crate::message::Content,
        now: Timestamp,
    ) -> Result<Answer, FormatError> {
        let Some(mailer) = &self.mailer else {
            let failure = Failure::new("SMTP_URL is not set", Advice::Retry);
            return Ok(Answer::failed(failure));
        };
        let mail = format::mail(mailer.from(), to, content, now)?;
        Ok(mailer.send(&mail).await)
    }
}

impl Answer {
    fn delivered(status: u16) -> Self {
        Self {
            status: Some(status),
            outcome: Outcome::Delivered,
        }
    }

    /// An attempt that failed without an answer.
    fn failed(failure: Failure) -> Self {
        Self {
            status: None,
            outcome: Outcome::Failed(failure),
        }
    }

    /// An attempt whose answer is a failure.
    fn rejected(status: u16, failure: Failure) -> Self {
        Self {
            status: Some(status),
            outcome: Outcome::Failed(failure),
        }
    }
}

impl Failure {
    fn new(error: &str, advice: Advice) -> Self {
        Self {
            error: error.to_owned(),
            advice,
            retry_after: None,
        }
    }
}
