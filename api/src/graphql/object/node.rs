//! Global IDs and the `Node` interface.
//!
//! An ID encodes the type and the row of its object, and does not change while the object exists.

use async_graphql::{Context, ID, Interface, Result};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{alert::AlertObject, rule::RuleObject, stock::StockObject};
use crate::graphql::{
    context::{batches, service},
    loader::{AlertId, RuleId},
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
}

/// The type of object that an ID refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::graphql) enum Kind {
    Stock,
    Alert,
    AlertRule,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Stock, Self::Alert, Self::AlertRule];

    const fn name(self) -> &'static str {
        match self {
            Self::Stock => "Stock",
            Self::Alert => "Alert",
            Self::AlertRule => "AlertRule",
        }
    }
}

/// Returns the global ID of a row.
pub(in crate::graphql) fn global_id(kind: Kind, row: i64) -> ID {
    URL_SAFE_NO_PAD
        .encode(format!("{}:{row}", kind.name()))
        .into()
}

/// Decodes a global ID. Returns `None` if it is malformed.
pub(in crate::graphql) fn parse_id(id: &str) -> Option<(Kind, i64)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    let (name, row) = text.split_once(':')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
    let row = row.parse().ok()?;
    // One spelling per id: no sign, no leading zeros.
    (global_id(kind, row).as_str() == id).then_some((kind, row))
}

/// Loads the object with a global ID.
pub(in crate::graphql) async fn find(ctx: &Context<'_>, id: &str) -> Result<Option<Node>> {
    let batches = batches(ctx)?;
    Ok(match parse_id(id) {
        None => None,
        Some((Kind::Stock, row)) => {
            let stock = service(ctx)?.stocks_by_id(&[row]).remove(&row);
            stock.map(|stock| Node::Stock(StockObject(stock)))
        }
        Some((Kind::Alert, row)) => batches
            .load_one(AlertId(row))
            .await?
            .map(|alert| Node::Alert(AlertObject(alert))),
        Some((Kind::AlertRule, row)) => batches
            .load_one(RuleId(row))
            .await?
            .map(|rule| Node::AlertRule(RuleObject(rule))),
    })
}
