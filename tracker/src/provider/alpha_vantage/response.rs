//! The JSON envelope of all Alpha Vantage responses: data sections, or a notice with the reason why
//! they are missing.

use std::borrow::Cow;

use runtime::config::Secret;
use serde_json::value::RawValue;

use super::notice::Notice;
pub(super) use crate::provider::json::Object;
use crate::provider::{PollError, field, json};

/// A response that is not a known notice.
#[derive(Debug)]
pub(super) struct ApiResponse<'a> {
    sections: Object<'a>,
    notice: Notice,
}

impl<'a> ApiResponse<'a> {
    /// Parses the response to a request for one symbol.
    ///
    /// # Errors
    /// The response is not a JSON object, is a known notice, or is empty, which means an unknown
    /// symbol.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, PollError> {
        let sections: Object<'_> = json::response(body)?;
        let notice = notice(&sections);
        if let Some(error) = notice.classify() {
            return Err(error);
        }
        if sections.is_empty() {
            return Err(PollError::UnknownSymbol);
        }
        Ok(Self { sections, notice })
    }

    /// Returns the section whose name starts with `name`. Some plans append to the name, as in
    /// "Global Quote - DATA DELAYED BY 15 MINUTES".
    ///
    /// # Errors
    /// The section is missing, or is empty, which means an unknown symbol.
    pub(super) fn section(&self, name: &str, key: &Secret) -> Result<Object<'a>, PollError> {
        let fields = json::object(self.raw(name, key)?)
            .ok_or_else(|| PollError::malformed(format!("{name:?} is not an object")))?;
        if fields.is_empty() {
            return Err(PollError::UnknownSymbol);
        }
        Ok(fields)
    }

    /// Returns the objects in the list whose name starts with `name`.
    ///
    /// # Errors
    /// The list is missing or is not a list.
    pub(super) fn rows(&self, name: &str, key: &Secret) -> Result<Vec<Object<'a>>, PollError> {
        let rows = json::list(self.raw(name, key)?)
            .ok_or_else(|| PollError::malformed(format!("{name:?} is not a list")))?;
        Ok(rows.into_iter().filter_map(json::object).collect())
    }

    /// Returns the text of a field outside the sections.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        field::text(self.sections.get(name)?)
    }

    fn raw(&self, name: &str, key: &Secret) -> Result<&'a RawValue, PollError> {
        let mut sections = self.sections.iter();
        let section = sections.find(|(section, _)| section.starts_with(name));
        section.map(|(_, raw)| *raw).ok_or_else(|| {
            self.notice
                .unknown(key)
                .unwrap_or_else(|| PollError::malformed(format!("no {name:?}")))
        })
    }
}

/// Returns the text of a numbered field. The number depends on the function: `05. price`.
pub(super) fn named<'a>(fields: &Object<'a>, field_name: &str) -> Option<Cow<'a, str>> {
    fields
        .iter()
        .find(|(name, _)| {
            name.split_once(". ")
                .is_some_and(|(_, name)| name == field_name)
        })
        .and_then(|(_, raw)| field::text(raw))
}

fn notice(sections: &Object<'_>) -> Notice {
    let text = |name: &str| {
        let raw = sections.get(name)?;
        serde_json::from_str(raw.get()).ok()
    };
    Notice {
        error: text("Error Message"),
        information: text("Information"),
        note: text("Note"),
        message: text("message"),
    }
}
