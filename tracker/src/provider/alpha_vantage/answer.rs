//! The answer to `GLOBAL_QUOTE`, judged.
//!
//! One invariant: a pure function of the bytes; whatever they are, it ends with a quote of the symbol asked for or with
//! the one failure that tells what to do next, and never panics. The client calls it with each successful answer.

use std::{borrow::Cow, collections::BTreeMap};

use entity::Symbol;
use runtime::config::Secret;
use serde_json::value::RawValue;

use super::notice::Notice;
use crate::{
    provider::{PollError, field},
    quote::Quote,
};

/// A JSON object whose values are left as they were written.
pub(super) type Object<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// An answer that is not one of the notices that are known.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    sections: Object<'a>,
    notice: Notice,
}

impl<'a> Answer<'a> {
    /// Reads an answer to a question about one symbol.
    ///
    /// # Errors
    /// The classes of the service's notices, in the order in which they must be told apart.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, PollError> {
        let sections: Object<'_> =
            serde_json::from_slice(body).map_err(|_| PollError::malformed("not a JSON object"))?;
        let notice = notice(&sections);
        if let Some(error) = notice.classify() {
            return Err(error);
        }
        if sections.is_empty() {
            return Err(PollError::UnknownSymbol);
        }
        Ok(Self { sections, notice })
    }

    /// The part of it whose name begins so: with an entitlement a name goes on, as in "Global Quote - DATA DELAYED BY
    /// 15 MINUTES".
    ///
    /// # Errors
    /// There is no such part, or nothing in it.
    pub(super) fn section(&self, name: &str, key: &Secret) -> Result<Object<'a>, PollError> {
        let fields: Object<'_> = serde_json::from_str(self.part(name, key)?.get())
            .map_err(|_| PollError::malformed("data that are not an object"))?;
        if fields.is_empty() {
            return Err(PollError::UnknownSymbol);
        }
        Ok(fields)
    }

    /// The rows of the part whose name begins so, those that are objects.
    ///
    /// # Errors
    /// There is no such part, or it is not a list.
    pub(super) fn rows(&self, name: &str, key: &Secret) -> Result<Vec<Object<'a>>, PollError> {
        let rows: Vec<&RawValue> = serde_json::from_str(self.part(name, key)?.get())
            .map_err(|_| PollError::malformed("data that are not a list"))?;
        let objects = rows.into_iter();
        Ok(objects
            .filter_map(|raw| serde_json::from_str(raw.get()).ok())
            .collect())
    }

    /// The text of a field beside the data.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        field::text(self.sections.get(name)?)
    }

    fn part(&self, name: &str, key: &Secret) -> Result<&'a RawValue, PollError> {
        let mut sections = self.sections.iter();
        let part = sections.find(|(section, _)| section.starts_with(name));
        part.map(|(_, raw)| *raw).ok_or_else(|| {
            self.notice
                .unknown(key)
                .unwrap_or_else(|| PollError::malformed("neither data nor a notice"))
        })
    }
}

/// The text of a field. Names are numbered ("05. price"), and differently from function to function.
pub(super) fn named<'a>(fields: &Object<'a>, wanted: &str) -> Option<Cow<'a, str>> {
    fields
        .iter()
        .find(|(name, _)| {
            name.split_once(". ")
                .is_some_and(|(_, name)| name == wanted)
        })
        .and_then(|(_, raw)| field::text(raw))
}

/// Reads the quote of `asked`. The `key` is only needed to keep it out of the failure.
///
/// # Errors
/// Those of [`Answer`], and fields without which it is no quote.
pub(super) fn parse(body: &[u8], asked: &Symbol, key: &Secret) -> Result<Quote, PollError> {
    let fields = Answer::read(body)?.section("Global Quote", key)?;
    let text = |wanted| named(&fields, wanted);
    let symbol = text("symbol").unwrap_or_default();
    if !field::is_same_symbol(&symbol, asked.as_str()) {
        return Err(PollError::no_price("the quote is of another symbol"));
    }
    let trading_day = text("latest trading day")
        .and_then(|text| field::date(&text))
        .ok_or_else(|| PollError::no_price("the trading day is unreadable"))?;
    let (price, previous_close) = (text("price"), text("previous close"));
    Ok(Quote {
        symbol: asked.clone(),
        price: field::price(price.as_deref())?,
        previous_close: field::previous_close(previous_close.as_deref()),
        open: field::other_price(text("open").as_deref()),
        high: field::other_price(text("high").as_deref()),
        low: field::other_price(text("low").as_deref()),
        volume: field::volume(text("volume").as_deref()),
        trading_day,
        market_time: None,
        name: None,
        currency: None,
        exchange: None,
        unrounded: field::unrounded(price.as_deref(), previous_close.as_deref()),
        split: None,
    })
}

fn notice(answer: &Object<'_>) -> Notice {
    let text = |name: &str| {
        let raw = answer.get(name)?;
        serde_json::from_str(raw.get()).ok()
    };
    Notice {
        error: text("Error Message"),
        information: text("Information"),
        note: text("Note"),
        message: text("message"),
    }
}

#[cfg(test)]
mod tests;
