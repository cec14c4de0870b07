//! Webhooks: the receivers of alerts, and the log of their deliveries.
//!
//! The tracker sends the alerts. The API stores the settings, which the tracker reads for each
//! message, and sends test messages itself.

use std::{collections::HashMap, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use delivery::{Message, Outcome, Sender, Target, TargetError};
use entity::{Delivery, DeliveryAttempt, SecretText, Symbol, Timestamp, Webhook, WebhookFormat};
use runtime::{config::DeliverySettings, random::draw_bytes};
use store::{
    delivery::DeliveryKey,
    page::Page,
    webhook::{self, Selection},
};
use unicode_normalization::UnicodeNormalization;

use super::{Error, GRAPHQL, PageArgs, Service};

/// How long the old signing key signs after a rotation.
const ROTATION: Duration = Duration::from_hours(24);
/// Maximum characters of a description.
const MAX_DESCRIPTION: usize = 2_000;

/// How webhooks are checked and tested.
#[derive(Clone, Debug)]
pub(crate) struct WebhookSettings {
    /// Sends test messages.
    pub(crate) sender: Sender,
    /// The settings of receivers.
    pub(crate) delivery: DeliverySettings,
    /// Timeout of a test message, shorter than that of the operation.
    pub(crate) test_timeout: Duration,
}

/// The settings of a new webhook.
#[derive(Clone, Debug)]
pub(crate) struct NewWebhook {
    pub(crate) format: WebhookFormat,
    pub(crate) url: String,
    pub(crate) token: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) symbols: Option<Vec<Symbol>>,
    /// The rules; `None` within it is not the id of a rule.
    pub(crate) rules: Option<Vec<Option<i64>>>,
}

/// A change of a webhook. `None` keeps a setting, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::option_option,
    reason = "the outer option is whether the setting changes"
)]
pub(crate) struct WebhookUpdate {
    pub(crate) url: Option<String>,
    pub(crate) token: Option<Option<String>>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) symbols: Option<Option<Vec<Symbol>>>,
    pub(crate) rules: Option<Option<Vec<Option<i64>>>>,
    pub(crate) enabled: Option<bool>,
}

/// What came back from a test message.
#[derive(Clone, Debug)]
pub(crate) struct TestResult {
    pub(crate) status: Option<u16>,
    /// Why it failed; `None` if it was delivered.
    pub(crate) error: Option<String>,
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        Self::bad_input(error.field, error.problem)
    }
}

impl Service {
    /// Returns all webhooks, by creation.
    pub(crate) async fn webhooks(&self) -> Result<Vec<Webhook>, Error> {
        let connection = self.store.database.read();
        self.read(|| webhook::list(connection)).await
    }

    /// Returns a webhook, or `None` if it does not exist.
    pub(crate) async fn webhook(&self, id: i64) -> Result<Option<Webhook>, Error> {
        let connection = self.store.database.read();
        let ids = [id];
        let found = self.read(|| webhook::by_ids(connection, &ids)).await?;
        Ok(found.into_iter().next())
    }

    /// Creates a webhook. Returns it with its signing key.
    ///
    /// # Errors
    ///
    /// [`Error::BadInput`] for an address that cannot be used, an empty selection or a description
    /// that is too long, [`Error::NotFound`] for an unknown stock or rule.
    pub(crate) async fn create_webhook(
        &self,
        new: NewWebhook,
    ) -> Result<(Webhook, SecretText), Error> {
        let settings = &self.webhook_settings()?.delivery;
        Target::parse(new.format, &new.url, new.token.as_deref(), settings)?;
        let selection = Selection {
            stocks: self.selected_stocks(new.symbols)?,
            rules: self.selected_rules(new.rules)?,
        };
        let secret = draw_secret();
        let webhook = Webhook {
            id: 0,
            format: new.format,
            url: SecretText(new.url),
            description: new
                .description
                .as_deref()
                .map(checked_description)
                .transpose()?,
            token: new.token.map(SecretText),
            secret: secret.clone(),
            previous_secret: None,
            symbols: None,
            rules: None,
            enabled: true,
            disabled_reason: None,
            created_at: Timestamp::default(),
            last_delivered_at: None,
            failing_since: None,
            paused_until: None,
        };
        let creating = webhook::create(&self.store, webhook, selection);
        Ok((self.while_connected(creating).await?, secret))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    ///
    /// Those of [`create_webhook`](Self::create_webhook), and [`Error::NotFound`] if the webhook
    /// does not exist.
    pub(crate) async fn update_webhook(
        &self,
        id: Option<i64>,
        update: WebhookUpdate,
    ) -> Result<Webhook, Error> {
        let old = self.known_webhook(id).await?;
        if update.url.is_some() || update.token.is_some() {
            let url = update.url.as_ref().unwrap_or(&old.url.0);
            let token = match &update.token {
                Some(token) => token.as_deref(),
                None => old.token.as_ref().map(|token| token.0.as_str()),
            };
            let settings = &self.webhook_settings()?.delivery;
            Target::parse(old.format, url, token, settings)?;
        }
        let update = webhook::WebhookUpdate {
            url: update.url.map(SecretText),
            token: update.token.map(|token| token.map(SecretText)),
            description: match update.description {
                Some(text) => Some(text.as_deref().map(checked_description).transpose()?),
                None => None,
            },
            stocks: match update.symbols {
                Some(symbols) => Some(self.selected_stocks(symbols)?),
                None => None,
            },
            rules: match update.rules {
                Some(rules) => Some(self.selected_rules(rules)?),
                None => None,
            },
            enabled: update.enabled,
        };
        let updating = webhook::update(&self.store, old.id, update);
        self.while_connected(updating)
            .await?
            .ok_or_else(missing_webhook)
    }

    /// Deletes a webhook with its deliveries.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the webhook does not exist.
    pub(crate) async fn delete_webhook(&self, id: Option<i64>) -> Result<i64, Error> {
        let id = id.ok_or_else(missing_webhook)?;
        let deleting = webhook::delete(&self.store, id);
        if self.while_connected(deleting).await? {
            Ok(id)
        } else {
            Err(missing_webhook())
        }
    }

    /// Replaces the signing key of a webhook. The old one signs, too, for a day.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the webhook does not exist.
    pub(crate) async fn rotate_webhook_secret(
        &self,
        id: Option<i64>,
    ) -> Result<(Webhook, SecretText), Error> {
        let id = id.ok_or_else(missing_webhook)?;
        let secret = draw_secret();
        let until = self.now().after(ROTATION);
        let rotating = webhook::rotate_secret(&self.store, id, secret.clone(), until);
        let webhook = self.while_connected(rotating).await?;
        Ok((webhook.ok_or_else(missing_webhook)?, secret))
    }

    /// Sends a test message to a webhook and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the webhook does not exist.
    pub(crate) async fn test_webhook(&self, id: Option<i64>) -> Result<TestResult, Error> {
        let webhook = self.known_webhook(id).await?;
        let WebhookSettings {
            sender,
            delivery,
            test_timeout,
        } = self.webhook_settings()?;
        let now = self.now();
        let target = match Target::of_webhook(&webhook, now, delivery) {
            Ok(target) => target,
            Err(error) => {
                return Ok(TestResult {
                    status: None,
                    error: Some(error.to_string()),
                });
            }
        };
        let message = Message::test(now);
        let sending = sender.send(&target, &message, now);
        Ok(match tokio::time::timeout(*test_timeout, sending).await {
            Ok(attempt) => TestResult {
                status: attempt.status,
                error: match attempt.outcome {
                    Outcome::Delivered => None,
                    Outcome::Failed(failure) => Some(failure.error),
                },
            },
            Err(_) => TestResult {
                status: None,
                error: Some(format!("no answer within {test_timeout:?}")),
            },
        })
    }

    /// Sends an alert to a webhook again.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the alert or the webhook does not exist.
    pub(crate) async fn redeliver(
        &self,
        alert: Option<i64>,
        webhook: Option<i64>,
    ) -> Result<Delivery, Error> {
        let missing = || Error::NotFound("no alert has this id".to_owned());
        let id = alert.ok_or_else(missing)?;
        let alert = self.alerts_by_id(&[id]).await?.remove(&id);
        let alert = alert.ok_or_else(missing)?;
        let webhook = webhook.ok_or_else(missing_webhook)?;
        let redelivering = store::delivery::redeliver(&self.store, webhook, &alert);
        self.while_connected(redelivering)
            .await?
            .ok_or_else(missing_webhook)
    }

    /// Returns a page of the deliveries of a webhook, newest first.
    pub(crate) async fn deliveries(
        &self,
        webhook: i64,
        args: &PageArgs,
    ) -> Result<Page<Delivery>, Error> {
        let span = args.feed_span::<DeliveryKey>(GRAPHQL, self.epoch())?;
        let connection = self.store.database.read();
        self.read(|| store::delivery::page(connection, webhook, &span))
            .await
    }

    /// Returns a delivery, or `None` if it does not exist.
    pub(crate) async fn delivery(&self, id: i64) -> Result<Option<Delivery>, Error> {
        let connection = self.store.database.read();
        let ids = [id];
        let found = self.read(|| store::delivery::by_ids(connection, &ids));
        Ok(found.await?.into_iter().next())
    }

    /// Returns the deliveries of each of `alerts`.
    pub(crate) async fn deliveries_of_alerts(
        &self,
        alerts: &[i64],
    ) -> Result<HashMap<i64, Vec<Delivery>>, Error> {
        let connection = self.store.database.read();
        let rows = self.read(|| store::delivery::of_alerts(connection, alerts));
        let mut found: HashMap<i64, Vec<Delivery>> = HashMap::new();
        for row in rows.await? {
            found.entry(row.alert_id).or_default().push(row);
        }
        Ok(found)
    }

    /// Returns the attempts of each of `deliveries`, oldest first.
    pub(crate) async fn attempts(
        &self,
        deliveries: &[i64],
    ) -> Result<HashMap<i64, Vec<DeliveryAttempt>>, Error> {
        let connection = self.store.database.read();
        let rows = self.read(|| store::delivery::attempts(connection, deliveries));
        let mut found: HashMap<i64, Vec<DeliveryAttempt>> = HashMap::new();
        for row in rows.await? {
            found.entry(row.delivery_id).or_default().push(row);
        }
        Ok(found)
    }

    /// Returns the number of pending deliveries of each of `webhooks` that has some.
    pub(crate) async fn pending_deliveries(
        &self,
        webhooks: &[i64],
    ) -> Result<HashMap<i64, i64>, Error> {
        let connection = self.store.database.read();
        self.read(|| store::delivery::pending_of(connection, webhooks))
            .await
    }

    async fn known_webhook(&self, id: Option<i64>) -> Result<Webhook, Error> {
        let id = id.ok_or_else(missing_webhook)?;
        self.webhook(id).await?.ok_or_else(missing_webhook)
    }

    fn webhook_settings(&self) -> Result<&WebhookSettings, Error> {
        let settings = self.webhooks.as_ref();
        settings.ok_or_else(|| Error::unavailable("webhooks are not available"))
    }

    /// Returns the ids of selected stocks.
    fn selected_stocks(&self, symbols: Option<Vec<Symbol>>) -> Result<Option<Vec<i64>>, Error> {
        let Some(symbols) = symbols else {
            return Ok(None);
        };
        let stocks: Result<Vec<i64>, Error> = symbols
            .iter()
            .map(|symbol| Ok(self.known_stock(symbol)?.id))
            .collect();
        selected("symbols", stocks?).map(Some)
    }

    /// Returns the ids of selected rules.
    fn selected_rules(&self, ids: Option<Vec<Option<i64>>>) -> Result<Option<Vec<i64>>, Error> {
        let Some(ids) = ids else { return Ok(None) };
        let rule = |id: Option<i64>| id.and_then(|id| self.rule(id)).map(|rule| rule.id);
        let rules: Option<Vec<i64>> = ids.into_iter().map(rule).collect();
        let missing = || Error::NotFound("rules: no alert rule has this id".to_owned());
        selected("rules", rules.ok_or_else(missing)?).map(Some)
    }
}

/// Returns a selection without duplicates.
fn selected(argument: &'static str, mut ids: Vec<i64>) -> Result<Vec<i64>, Error> {
    if ids.is_empty() {
        return Err(Error::bad_input(
            argument,
            "must not be empty; null selects all",
        ));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn checked_description(text: &str) -> Result<String, Error> {
    let text: String = text.nfc().collect();
    if text.chars().count() > MAX_DESCRIPTION {
        let reason = format!("is longer than {MAX_DESCRIPTION} characters");
        return Err(Error::bad_input("description", reason));
    }
    Ok(text)
}

/// Generates a signing key, in the form of Standard Webhooks.
fn draw_secret() -> SecretText {
    SecretText(format!("whsec_{}", STANDARD.encode(draw_bytes::<32>())))
}

fn missing_webhook() -> Error {
    Error::NotFound("no webhook has this id".to_owned())
}
