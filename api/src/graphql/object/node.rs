//! Global IDs and the `Node` interface.
//!
//! An ID encodes the type and the row of its object, and does not change while the object exists.

use async_graphql::{Context, ID, Interface, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    alert::AlertObject, delivery::DeliveryObject, rule::RuleObject, stock::StockObject,
    webhook::WebhookObject,
};
use crate::graphql::{
    context::{batcher, require_admin, service},
    loader::AlertId,
};

/// An object with a global ID.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global ID of the object."))]
pub(crate) enum Node {
    /// A stock.
    Stock(StockObject),
    /// An alert.
    Alert(AlertObject),
    /// An alert rule.
    AlertRule(RuleObject),
    /// A webhook.
    Webhook(WebhookObject),
    /// A delivery.
    Delivery(DeliveryObject),
}

/// The type of object that an ID refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum NodeKind {
    Stock,
    Alert,
    AlertRule,
    Webhook,
    Delivery,
}

impl NodeKind {
    const ALL: [Self; 5] = [
        Self::Stock,
        Self::Alert,
        Self::AlertRule,
        Self::Webhook,
        Self::Delivery,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Stock => "Stock",
            Self::Alert => "Alert",
            Self::AlertRule => "AlertRule",
            Self::Webhook => "Webhook",
            Self::Delivery => "Delivery",
        }
    }
}

/// Returns the global ID of a row.
pub(in crate::graphql) fn global_id(kind: NodeKind, row: i64) -> ID {
    entity::global_id(kind.name(), row).into()
}

/// Decodes a global ID. Returns `None` if it is malformed.
pub(in crate::graphql) fn parse_id(id: &str) -> Option<(NodeKind, i64)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    let (name, row) = text.split_once(':')?;
    let kind = NodeKind::ALL.into_iter().find(|kind| kind.name() == name)?;
    let row = row.parse().ok()?;
    // One spelling per id: no sign, no leading zeros.
    (global_id(kind, row).as_str() == id).then_some((kind, row))
}

/// Loads the object with a global ID, or `None` if it does not exist.
pub(in crate::graphql) async fn find(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    let Some((kind, row)) = parse_id(id) else {
        return Ok(None);
    };
    Ok(match kind {
        NodeKind::Stock => {
            let stock = service(ctx)?.stock_by_id(row);
            stock.map(|stock| Node::Stock(StockObject(stock)))
        }
        NodeKind::Alert => {
            let alert = batcher(ctx)?.load_one(AlertId(row)).await?;
            alert.map(|alert| Node::Alert(AlertObject(alert)))
        }
        NodeKind::AlertRule => RuleObject::find(ctx, row)?.map(Node::AlertRule),
        NodeKind::Webhook => {
            require_admin(ctx)?;
            let webhook = service(ctx)?.webhook(row).await?;
            webhook.map(|webhook| Node::Webhook(WebhookObject(webhook)))
        }
        NodeKind::Delivery => {
            require_admin(ctx)?;
            let delivery = service(ctx)?.delivery(row).await?;
            delivery.map(|delivery| Node::Delivery(DeliveryObject(delivery)))
        }
    })
}
