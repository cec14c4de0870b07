//! What can be changed.
//!
//! One invariant: everything here needs the admin token, because the guard stands at the root and not at its fields.

use async_graphql::{Context, Guard, ID, InputObject, Object, Result, SimpleObject};

use super::{
    alert::AlertObject,
    node::{Kind, parse_id},
    scalar::Symbol,
    service,
    stock::StockObject,
};
use crate::{access::Viewer, service::Error};

/// Lets only the admin token pass.
struct Admin;

impl Guard for Admin {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        match ctx.data_opt::<Viewer>() {
            Some(Viewer::Admin) => Ok(()),
            _ => Err(Error::Unauthenticated.into()),
        }
    }
}

/// Which stock to track.
#[derive(InputObject)]
pub(crate) struct TrackStockInput {
    /// The ticker, in any case.
    symbol: Symbol,
    /// The name to give it. Without one it keeps the name it has.
    name: Option<String>,
}

/// Which stock to stop tracking.
#[derive(InputObject)]
pub(crate) struct UntrackStockInput {
    /// The ticker, in any case.
    symbol: Symbol,
}

/// Which stock to poll now.
#[derive(InputObject)]
pub(crate) struct RefreshStockInput {
    /// The ticker, in any case.
    symbol: Symbol,
}

/// Which alert was seen.
#[derive(InputObject)]
pub(crate) struct AcknowledgeAlertInput {
    /// The alert's global id.
    id: ID,
}

/// The tracked stock.
#[derive(SimpleObject)]
pub(crate) struct TrackStockPayload {
    /// The stock as it is now.
    stock: StockObject,
}

/// The stock that is no longer tracked.
#[derive(SimpleObject)]
pub(crate) struct UntrackStockPayload {
    /// The stock as it is now.
    stock: StockObject,
}

/// The polled stock.
#[derive(SimpleObject)]
pub(crate) struct RefreshStockPayload {
    /// The stock as it is now.
    stock: StockObject,
}

/// The alert that was seen.
#[derive(SimpleObject)]
pub(crate) struct AcknowledgeAlertPayload {
    /// The alert as it is now.
    alert: AlertObject,
}

/// The mutation root.
pub(crate) struct Mutation;

/// What can be changed, with the admin token.
#[Object(guard = "Admin")]
impl Mutation {
    /// Tracks a stock from now on. One that its provider does not know is `NOT_FOUND`.
    async fn track_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which stock.")] input: TrackStockInput,
    ) -> Result<TrackStockPayload> {
        let stock = service(ctx)?.track(&input.symbol.0, input.name).await?;
        Ok(TrackStockPayload {
            stock: StockObject(stock),
        })
    }

    /// Stops tracking a stock. Its history and alerts stay.
    async fn untrack_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which stock.")] input: UntrackStockInput,
    ) -> Result<UntrackStockPayload> {
        let stock = service(ctx)?.untrack(&input.symbol.0).await?;
        Ok(UntrackStockPayload {
            stock: StockObject(stock),
        })
    }

    /// Polls a stock now, within the provider's budget.
    async fn refresh_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which stock.")] input: RefreshStockInput,
    ) -> Result<RefreshStockPayload> {
        let stock = service(ctx)?.refresh(&input.symbol.0).await?;
        Ok(RefreshStockPayload {
            stock: StockObject(stock),
        })
    }

    /// Notes that somebody has seen an alert; the first time counts.
    async fn acknowledge_alert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which alert.")] input: AcknowledgeAlertInput,
    ) -> Result<AcknowledgeAlertPayload> {
        let row = parse_id(&input.id)
            .filter(|(kind, _)| *kind == Kind::Alert)
            .map(|(_, row)| row);
        let alert = service(ctx)?.acknowledge(row).await?;
        Ok(AcknowledgeAlertPayload {
            alert: AlertObject(alert),
        })
    }
}
