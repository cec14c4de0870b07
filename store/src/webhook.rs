//! Reads and writes webhooks: the receivers of alerts.

use std::collections::HashMap;

use entity::{
    SecretText, Symbol, Timestamp, Webhook,
    table::{webhook, webhook_rule, webhook_stock},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter,
    QueryOrder,
};

use crate::{Error, Store, sql::Sql};

/// Returns all webhooks, by creation.
pub async fn list(connection: &impl ConnectionTrait) -> Result<Vec<Webhook>, Error> {
    let rows = webhook::Entity::find()
        .order_by_asc(webhook::Column::Id)
        .all(connection)
        .await?;
    with_selections(connection, rows).await
}

/// Returns the webhooks with these ids, by creation.
pub async fn by_ids(connection: &impl ConnectionTrait, ids: &[i64]) -> Result<Vec<Webhook>, Error> {
    let rows = webhook::Entity::find()
        .filter(webhook::Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(webhook::Column::Id)
        .all(connection)
        .await?;
    with_selections(connection, rows).await
}

async fn with_selections(
    connection: &impl ConnectionTrait,
    rows: Vec<webhook::Model>,
) -> Result<Vec<Webhook>, Error> {
    #[derive(FromQueryResult)]
    struct SelectedStock {
        webhook_id: i64,
        symbol: Symbol,
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let text = "SELECT webhook_id, symbol FROM webhook_stocks \
                JOIN stocks ON stocks.id = stock_id WHERE webhook_id";
    let sql = Sql::new(connection, text)
        .eq_any(&ids)
        .push(" ORDER BY symbol");
    let mut symbols: HashMap<i64, Vec<Symbol>> = HashMap::new();
    for row in SelectedStock::find_by_statement(sql.statement())
        .all(connection)
        .await?
    {
        symbols.entry(row.webhook_id).or_default().push(row.symbol);
    }
    let mut rules: HashMap<i64, Vec<i64>> = HashMap::new();
    for row in webhook_rule::Entity::find()
        .filter(webhook_rule::Column::WebhookId.is_in(ids))
        .order_by_asc(webhook_rule::Column::RuleId)
        .all(connection)
        .await?
    {
        rules.entry(row.webhook_id).or_default().push(row.rule_id);
    }
    let with_selection = |row: webhook::Model| Webhook {
        id: row.id,
        format: row.format,
        url: row.url,
        description: row.description,
        token: row.token,
        secret: row.secret,
        previous_secret: row.previous_secret.zip(row.previous_secret_until),
        symbols: row
            .selects_stocks
            .then(|| symbols.remove(&row.id).unwrap_or_default()),
        rules: row
            .selects_rules
            .then(|| rules.remove(&row.id).unwrap_or_default()),
        enabled: row.enabled,
        disabled_reason: row.disabled_reason,
        created_at: row.created_at,
        last_delivered_at: row.last_delivered_at,
        failing_since: row.failing_since,
        paused_until: row.paused_until,
    };
    Ok(rows.into_iter().map(with_selection).collect())
}

/// The stocks and rules whose alerts a webhook gets; `None` for all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The ids of stocks.
    pub stocks: Option<Vec<i64>>,
    /// The ids of rules.
    pub rules: Option<Vec<i64>>,
}

/// Creates a webhook, whose id and time are assigned. The selection is that of `selection`.
pub async fn create(
    store: &Store,
    webhook: Webhook,
    selection: Selection,
) -> Result<Webhook, Error> {
    let transaction = store.database.begin_write().await?;
    let row = webhook::ActiveModel {
        id: NotSet,
        created_at: Set(store.clock.now()),
        selects_stocks: Set(selection.stocks.is_some()),
        selects_rules: Set(selection.rules.is_some()),
        ..row(webhook)
    };
    let id = row.insert(&transaction).await?.id;
    select(&transaction, id, &selection).await?;
    let webhook = find(&transaction, id).await?;
    transaction.commit().await?;
    Ok(webhook)
}

/// The changes of a webhook; `None` leaves a setting as it is.
#[derive(Clone, Debug, Default)]
pub struct WebhookUpdate {
    /// The address.
    pub url: Option<SecretText>,
    /// The bearer token.
    pub token: Option<Option<SecretText>>,
    /// The description.
    pub description: Option<Option<String>>,
    /// The stocks.
    pub stocks: Option<Option<Vec<i64>>>,
    /// The rules.
    pub rules: Option<Option<Vec<i64>>>,
    /// Whether alerts are sent.
    pub enabled: Option<bool>,
}

/// Changes a webhook. Returns `None` if it does not exist. A changed address or token, and enabling
/// it, end a pause and make its pending alerts due now.
pub async fn update(
    store: &Store,
    id: i64,
    update: WebhookUpdate,
) -> Result<Option<Webhook>, Error> {
    let transaction = store.database.begin_write().await?;
    let Some(old) = webhook::Entity::find_by_id(id).one(&transaction).await? else {
        return Ok(None);
    };
    let retries = update.url.is_some()
        || update.token.is_some()
        || (update.enabled == Some(true) && !old.enabled);
    let mut row = old.into_active_model();
    if let Some(url) = update.url {
        row.url = Set(url);
    }
    if let Some(token) = update.token {
        row.token = Set(token);
    }
    if let Some(description) = update.description {
        row.description = Set(description);
    }
    if let Some(enabled) = update.enabled {
        row.enabled = Set(enabled);
        row.disabled_reason = Set(None);
    }
    if retries {
        row.paused_until = Set(None);
        row.failing_since = Set(None);
        crate::delivery::make_due(&transaction, id, store.clock.now()).await?;
    }
    let selection = Selection {
        stocks: update.stocks.clone().flatten(),
        rules: update.rules.clone().flatten(),
    };
    if let Some(stocks) = &update.stocks {
        row.selects_stocks = Set(stocks.is_some());
        webhook_stock::Entity::delete_many()
            .filter(webhook_stock::Column::WebhookId.eq(id))
            .exec(&transaction)
            .await?;
    }
    if let Some(rules) = &update.rules {
        row.selects_rules = Set(rules.is_some());
        webhook_rule::Entity::delete_many()
            .filter(webhook_rule::Column::WebhookId.eq(id))
            .exec(&transaction)
            .await?;
    }
    row.id = Set(id);
    if row.is_changed() {
        row.update(&transaction).await?;
    }
    select(&transaction, id, &selection).await?;
    let webhook = find(&transaction, id).await?;
    transaction.commit().await?;
    Ok(Some(webhook))
}

/// Replaces the signing key. The old one signs, too, until `until`. Returns `None` if the webhook
/// does not exist.
pub async fn rotate_secret(
    store: &Store,
    id: i64,
    secret: SecretText,
    until: Timestamp,
) -> Result<Option<Webhook>, Error> {
    let transaction = store.database.begin_write().await?;
    let Some(old) = webhook::Entity::find_by_id(id).one(&transaction).await? else {
        return Ok(None);
    };
    let previous = old.secret.clone();
    let mut row = old.into_active_model();
    row.previous_secret = Set(Some(previous));
    row.previous_secret_until = Set(Some(until));
    row.secret = Set(secret);
    row.update(&transaction).await?;
    let webhook = find(&transaction, id).await?;
    transaction.commit().await?;
    Ok(Some(webhook))
}

/// Deletes a webhook with its deliveries. Returns whether it existed.
pub async fn delete(store: &Store, id: i64) -> Result<bool, Error> {
    let transaction = store.database.begin_write().await?;
    let deleted = webhook::Entity::delete_by_id(id).exec(&transaction).await?;
    transaction.commit().await?;
    Ok(deleted.rows_affected > 0)
}

async fn find(connection: &impl ConnectionTrait, id: i64) -> Result<Webhook, Error> {
    let found = by_ids(connection, &[id]).await?.pop();
    found.ok_or_else(|| Error::MissingRow("row in webhooks".into()))
}

async fn select(
    connection: &impl ConnectionTrait,
    webhook_id: i64,
    selection: &Selection,
) -> Result<(), Error> {
    let stocks = selection.stocks.iter().flatten();
    let stocks: Vec<_> = stocks
        .map(|stock| webhook_stock::ActiveModel {
            webhook_id: Set(webhook_id),
            stock_id: Set(*stock),
        })
        .collect();
    if !stocks.is_empty() {
        webhook_stock::Entity::insert_many(stocks)
            .exec_without_returning(connection)
            .await?;
    }
    let rules = selection.rules.iter().flatten();
    let rules: Vec<_> = rules
        .map(|rule| webhook_rule::ActiveModel {
            webhook_id: Set(webhook_id),
            rule_id: Set(*rule),
        })
        .collect();
    if !rules.is_empty() {
        webhook_rule::Entity::insert_many(rules)
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

fn row(webhook: Webhook) -> webhook::ActiveModel {
    let (previous_secret, previous_secret_until) = webhook.previous_secret.unzip();
    webhook::Model {
        id: webhook.id,
        format: webhook.format,
        url: webhook.url,
        description: webhook.description,
        token: webhook.token,
        secret: webhook.secret,
        previous_secret,
        previous_secret_until,
        selects_stocks: webhook.symbols.is_some(),
        selects_rules: webhook.rules.is_some(),
        enabled: webhook.enabled,
        disabled_reason: webhook.disabled_reason,
        created_at: webhook.created_at,
        last_delivered_at: webhook.last_delivered_at,
        failing_since: webhook.failing_since,
        paused_until: webhook.paused_until,
    }
    .into_active_model()
}
