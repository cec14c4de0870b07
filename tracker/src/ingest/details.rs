//! Takes over the details of stocks and the splits that quotes report.

use entity::{Split, Stock};
use store::{feed::FeedTransaction, split};

use crate::quote::Quote;

/// Fills in the name, currency and exchange of a stock that are not known yet. Returns whether any
/// of them changed.
pub(super) fn fill(stock: &mut Stock, quote: &Quote) -> bool {
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
    changed
}

/// Stores the split that a quote reports for its trading day, if any. Returns whether it is new.
pub(super) async fn record_split(
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
