//! Splits that users record.

use chrono::NaiveDate;
use entity::{Decimal, Ratio, Split, Stock, Symbol};
use store::{feed::FeedTransaction, split};

use super::{Error, Service};

/// The source of splits that users record.
const SOURCE: &str = "user";

impl Service {
    /// Records a split, and replaces one of the same day. A ratio of 1 removes it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the stock was never tracked, [`Error::BadInput`] if the ratio is not
    /// positive.
    pub(crate) async fn record_split(
        &self,
        symbol: &Symbol,
        effective_on: NaiveDate,
        ratio: Decimal,
    ) -> Result<Stock, Error> {
        let stock = self.known_stock(symbol)?;
        let positive = Ratio::from_decimal(ratio).filter(|_| ratio > Decimal::ZERO);
        let Some(ratio) = positive else {
            let reason = "must be greater than 0: 2 for 2:1, 0.1 for 1:10, 1 removes the split";
            return Err(Error::bad_input("ratio", reason));
        };
        let recording = async {
            let mut feed = FeedTransaction::begin(&self.store).await?;
            if ratio == Ratio::ONE {
                split::remove(&mut feed, stock.id, effective_on).await?;
            } else {
                let split = Split {
                    effective_on,
                    ratio,
                };
                split::record(&mut feed, stock.id, &[split], SOURCE).await?;
            }
            feed.commit().await
        };
        let end = self.while_connected(recording).await?;
        self.board.wait_for(end.seq).await;
        self.known_stock(symbol)
    }
}
