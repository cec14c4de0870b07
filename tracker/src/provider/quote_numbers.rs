//! The numbers of a quote as a provider writes them.
//!
//! An invalid price is an error; any other invalid number is absent.

use std::borrow::Cow;

use chrono::NaiveDate;
use entity::Symbol;

use super::{PollError, field};
use crate::quote::Quote;

/// The numbers of a quote as written, or `None` for those that are missing.
#[derive(Debug)]
pub(super) struct QuoteNumbers<'a> {
    pub(super) price: Option<Cow<'a, str>>,
    pub(super) previous_close: Option<Cow<'a, str>>,
    pub(super) open: Option<Cow<'a, str>>,
    pub(super) high: Option<Cow<'a, str>>,
    pub(super) low: Option<Cow<'a, str>>,
    pub(super) volume: Option<Cow<'a, str>>,
}

impl QuoteNumbers<'_> {
    /// Parses the quote of a symbol on a trading day, without a time and a company.
    ///
    /// # Errors
    /// The price is missing or invalid.
    pub(super) fn quote(
        &self,
        symbol: &Symbol,
        trading_day: NaiveDate,
    ) -> Result<Quote, PollError> {
        let (price, previous_close) = (self.price.as_deref(), self.previous_close.as_deref());
        Ok(Quote {
            previous_close: field::previous_close(previous_close),
            open: field::other_price(self.open.as_deref()),
            high: field::other_price(self.high.as_deref()),
            low: field::other_price(self.low.as_deref()),
            volume: field::volume(symbol, self.volume.as_deref()),
            unrounded: field::unrounded(price, previous_close),
            ..Quote::new(symbol.clone(), field::price(price)?, trading_day)
        })
    }
}
