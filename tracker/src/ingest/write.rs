//! Updates the stocks of a batch, and stores the splits that its quotes report.

use entity::{Split, Stock};
use store::{feed::FeedTransaction, split, stock};

use crate::quote::Quote;

/// Counts an answer without a price for the `unpriced` stocks, and resets the count of the `priced`
/// ones.
pub(super) async fn unpriced_answers(
    feed: &FeedTransaction,
    priced: &[Stock],
    unpriced: &[Stock],
) -> Result<(), store::Error> {
    let cleared: Vec<i64> = priced
        .iter()
        .filter(|stock| stock.unpriced_answers != 0)
        .map(|stock| stock.id)
        .collect();
    let counted: Vec<i64> = unpriced.iter().map(|stock| stock.id).collect();
    stock::clear_unpriced_answers(feed.connection(), &cleared).await?;
    stock::count_unpriced_answers(feed.connection(), &counted).await
}

/// Stores the name, currency and exchange of a stock that are not known yet.
pub(super) async fn details(
    feed: &FeedTransaction,
    stock: &mut Stock,
    quote: &Quote,
) -> Result<(), store::Error> {
    let mut changed = false;
    let mut fill = |known: &mut Option<String>, quoted: &Option<String>| {
        if known.is_none() && quoted.is_some() {
            known.clone_from(quoted);
            changed = true;
        }
    };
    fill(&mut stock.name, &quote.name);
    fill(&mut stock.currency, &quote.currency);
    fill(&mut stock.exchange, &quote.exchange);
    if changed {
        stock::set_details(feed.connection(), stock).await?;
    }
    Ok(())
}

/// Stores the split that a quote reports for its trading day, if any. Returns whether it is new.
pub(super) async fn split(
    feed: &mut FeedTransaction,
    stock_id: i64,
    quote: &Quote,
    source: &str,
) -> Result<bool, store::Error> {
    let Some(ratio) = quote.split else {
        return Ok(false);
    };
    let split = Split {
        effective_on: quote.trading_day,
        ratio,
    };
    split::record(feed, stock_id, &[split], source).await
}
