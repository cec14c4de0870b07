//! The fields of rows that are sent with a statement.

use chrono::NaiveDate;
use sea_orm::Value;

/// A field of the rows that [`Sql::given`](super::Sql::given) sends.
///
/// Arrays of PostgreSQL are sent without NULL, which is encoded as a value that is never stored.
pub(crate) enum Field<R> {
    Integer(fn(&R) -> i64),
    NullableInteger(fn(&R) -> Option<i64>),
    Boolean(fn(&R) -> bool),
    Day(fn(&R) -> NaiveDate),
    NullableDay(fn(&R) -> Option<NaiveDate>),
    Text(fn(&R) -> String),
    NullableText(fn(&R) -> Option<String>),
}

impl<R> Field<R> {
    const NULL_INTEGER: i64 = -i64::MAX;
    const NULL_DAY: NaiveDate = NaiveDate::from_ymd_opt(1, 1, 1).expect("a date");
    const NULL_TEXT: &str = "\u{1}";

    /// The encoding of NULL in arrays, if the field has one.
    pub(super) fn null(&self) -> Option<String> {
        match self {
            Self::NullableInteger(_) => Some(Self::NULL_INTEGER.to_string()),
            Self::NullableDay(_) => Some("'0001-01-01'".to_owned()),
            Self::NullableText(_) => Some(format!("'{}'", Self::NULL_TEXT)),
            Self::Integer(_) | Self::Boolean(_) | Self::Day(_) | Self::Text(_) => None,
        }
    }

    /// The values of all rows.
    pub(super) fn array<'a>(&self, rows: impl Iterator<Item = &'a R>) -> Value
    where
        R: 'a,
    {
        match self {
            Self::Integer(of) => rows.map(of).collect::<Vec<i64>>().into(),
            Self::NullableInteger(of) => rows
                .map(|row| of(row).unwrap_or(Self::NULL_INTEGER))
                .collect::<Vec<i64>>()
                .into(),
            Self::Boolean(of) => rows.map(of).collect::<Vec<bool>>().into(),
            Self::Day(of) => rows.map(of).collect::<Vec<NaiveDate>>().into(),
            Self::NullableDay(of) => rows
                .map(|row| of(row).unwrap_or(Self::NULL_DAY))
                .collect::<Vec<NaiveDate>>()
                .into(),
            Self::Text(of) => rows.map(of).collect::<Vec<String>>().into(),
            Self::NullableText(of) => rows
                .map(|row| of(row).unwrap_or_else(|| Self::NULL_TEXT.to_owned()))
                .collect::<Vec<String>>()
                .into(),
        }
    }

    /// The value of a row, or NULL without a row.
    pub(super) fn value(&self, row: Option<&R>) -> Value {
        match self {
            Self::Integer(of) => row.map(of).into(),
            Self::NullableInteger(of) => row.and_then(of).into(),
            Self::Boolean(of) => row.map(of).into(),
            Self::Day(of) => row.map(of).into(),
            Self::NullableDay(of) => row.and_then(of).into(),
            Self::Text(of) => row.map(of).into(),
            Self::NullableText(of) => row.and_then(of).into(),
        }
    }
}
