//! Validates the pagination arguments of lists.
//!
//! A page is bounded, and a cursor of another list is an error, never an empty page.

use entity::{Cursor, List, Position, Symbol};
use store::page::Span;

use super::Error;

/// The arguments of a list, as the client wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct PageArgs {
    /// Maximum number of rows from the start of the list, or from `after`.
    pub(crate) first: Option<i32>,
    /// Only rows after this cursor.
    pub(crate) after: Option<String>,
    /// Maximum number of rows from the end of the list, or from `before`.
    pub(crate) last: Option<i32>,
    /// Only rows before this cursor.
    pub(crate) before: Option<String>,
    /// The list that the cursors belong to; `None` if they are positions of the feed.
    pub(crate) list: Option<List>,
}

/// The page size of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageSize {
    /// The default.
    pub(crate) default: u32,
    /// The maximum.
    pub(crate) most: u32,
}

impl PageSize {
    /// Validates the page size `count`, which a client sent as this argument.
    pub(crate) fn bounded(self, argument: &'static str, count: i32) -> Result<u32, Error> {
        u32::try_from(count)
            .ok()
            .filter(|count| *count <= self.most)
            .ok_or_else(|| {
                let reason = format!("{count} is not between 0 and {}", self.most);
                Error::bad_input(argument, reason)
            })
    }
}

/// GraphQL's lists.
pub(crate) const GRAPHQL: PageSize = PageSize {
    default: 50,
    most: 500,
};

/// A page at the start or the end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FirstPage {
    /// Maximum number of rows.
    pub(crate) limit: u32,
    /// Whether it is at the end of the list.
    pub(crate) from_end: bool,
}

impl PageArgs {
    /// Returns the page if it is at the start or the end of the list: without cursors.
    pub(crate) fn first_page(&self, size: PageSize) -> Result<Option<FirstPage>, Error> {
        if self.after.is_some() || self.before.is_some() {
            return Ok(None);
        }
        let Span {
            limit, from_end, ..
        } = self.span(size, |_| None::<()>)?;
        Ok(Some(FirstPage { limit, from_end }))
    }

    /// Returns the span of a list that is ordered by positions of the feed of `epoch`.
    pub(crate) fn feed_span<K: From<Position>>(
        &self,
        size: PageSize,
        epoch: i64,
    ) -> Result<Span<K>, Error> {
        self.span(size, |cursor| {
            let (list, position) = match cursor {
                Cursor::Feed(position) => (None, position),
                Cursor::Listed(list, position) => (Some(list), position),
                Cursor::Stock(_) => return None,
            };
            (list == self.list && position.epoch == epoch).then(|| position.into())
        })
    }

    /// Returns the span of the list of stocks.
    pub(crate) fn stock_span<K>(
        &self,
        size: PageSize,
        key: impl Fn(Symbol) -> K,
    ) -> Result<Span<K>, Error> {
        self.span(size, |cursor| match cursor {
            Cursor::Stock(symbol) => Some(key(symbol)),
            Cursor::Feed(_) | Cursor::Listed(..) => None,
        })
    }

    fn span<K>(&self, size: PageSize, key: impl Fn(Cursor) -> Option<K>) -> Result<Span<K>, Error> {
        let (limit, from_end) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input(
                    "last",
                    "cannot be given together with first",
                ));
            }
            (None, Some(last)) => (size.bounded("last", last)?, true),
            (Some(first), None) => (size.bounded("first", first)?, false),
            (None, None) => (size.default, false),
        };
        let cursor = |argument, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Cursor::decode(text)
                .ok()
                .and_then(&key)
                .map(Some)
                .ok_or_else(|| Error::bad_input(argument, "is not a cursor of this list")),
        };
        let (after, before) = (
            cursor("after", &self.after)?,
            cursor("before", &self.before)?,
        );
        Ok(Span {
            after,
            before,
            limit,
            from_end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(args: &PageArgs) -> Result<Span<Position>, String> {
        args.feed_span(GRAPHQL, 7)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_page_is_bounded_and_has_one_direction() {
        let args = |first, last| PageArgs {
            first,
            last,
            ..PageArgs::default()
        };
        assert_eq!(span(&args(None, None)).map(|span| span.limit), Ok(50));
        let end = span(&args(None, Some(500))).expect("a span");
        assert!(end.from_end && end.limit == 500);
        for (first, last, argument) in [
            (Some(501), None, "first"),
            (Some(-1), None, "first"),
            (None, Some(501), "last"),
            (Some(1), Some(1), "last"),
        ] {
            let error = span(&args(first, last)).expect_err("an error");
            assert!(error.starts_with(argument), "{error}");
        }
    }

    #[test]
    fn a_cursor_of_another_list_or_database_is_rejected() {
        let feed = |epoch| {
            let recorded_at = entity::Timestamp::from_micros(5);
            Cursor::Feed(Position {
                epoch,
                seq: 3,
                recorded_at,
            })
            .encode()
        };
        let after = |after: String| PageArgs {
            after: Some(after),
            ..PageArgs::default()
        };
        assert!(span(&after(feed(7))).is_ok());
        assert!(span(&after(feed(8))).is_err());
        assert!(span(&after("x".to_owned())).is_err());
        let symbol: Symbol = "IBM".parse().expect("a symbol");
        assert!(span(&after(Cursor::Stock(symbol).encode())).is_err());
    }

    #[test]
    fn a_list_accepts_only_its_own_cursors() {
        let position = Position {
            epoch: 7,
            seq: 3,
            recorded_at: entity::Timestamp::from_micros(5),
        };
        let lists = [
            List::Prices(1),
            List::Prices(2),
            List::Alerts(1),
            List::AllAlerts,
        ];
        let takes = |list, cursor: &Cursor| {
            let args = PageArgs {
                after: Some(cursor.encode()),
                list,
                ..PageArgs::default()
            };
            span(&args).is_ok()
        };
        for list in lists {
            for other in lists {
                let cursor = Cursor::Listed(other, position);
                assert_eq!(
                    takes(Some(list), &cursor),
                    list == other,
                    "{list:?} {other:?}"
                );
                assert!(!takes(None, &cursor));
            }
            assert!(!takes(Some(list), &Cursor::Feed(position)));
            let of_another_database = Position {
                epoch: 8,
                ..position
            };
            assert!(!takes(
                Some(list),
                &Cursor::Listed(list, of_another_database)
            ));
        }
    }
}
