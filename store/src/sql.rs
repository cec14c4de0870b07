//! A builder for SQL statements from fragments and bound values.
//!
//! Values are always bound as parameters, and the text of a statement does not depend on the number
//! of ids, so it is prepared once. Parameters are `$1`, `$2` … on both databases.

use std::fmt::{Display, Write};

use chrono::NaiveDate;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};

/// A field of the rows that [`Sql::given`] sends.
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
    fn null(&self) -> Option<String> {
        match self {
            Self::NullableInteger(_) => Some(Self::NULL_INTEGER.to_string()),
            Self::NullableDay(_) => Some("'0001-01-01'".to_owned()),
            Self::NullableText(_) => Some(format!("'{}'", Self::NULL_TEXT)),
            Self::Integer(_) | Self::Boolean(_) | Self::Day(_) | Self::Text(_) => None,
        }
    }

    fn array<'a>(&self, rows: impl Iterator<Item = &'a R>) -> Value
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

    fn write_json(&self, row: &R, text: &mut String) {
        match self {
            Self::Integer(of) => write_value(text, Some(of(row))),
            Self::NullableInteger(of) => write_value(text, of(row)),
            Self::Boolean(of) => write_value(text, Some(of(row))),
            Self::Day(of) => write_quoted(text, Some(of(row))),
            Self::NullableDay(of) => write_quoted(text, of(row)),
            Self::Text(of) => write_text(text, Some(of(row))),
            Self::NullableText(of) => write_text(text, of(row)),
        }
    }
}

/// The assignments of `ON CONFLICT … DO UPDATE SET` that replace these columns.
pub(crate) fn replaced(columns: &[&str]) -> String {
    let replaced: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    replaced.join(", ")
}

fn write_value(text: &mut String, value: Option<impl Display>) {
    let written = match value {
        Some(value) => write!(text, "{value}"),
        None => write!(text, "null"),
    };
    written.expect("a string takes all text");
}

/// Writes a value without characters that JSON escapes.
fn write_quoted(text: &mut String, value: Option<impl Display>) {
    write_value(text, value.map(|value| format!("\"{value}\"")));
}

fn write_text(text: &mut String, value: Option<String>) {
    write_value(text, value.map(serde_json::Value::from));
}

/// A statement under construction.
#[derive(Clone, Debug)]
pub struct Sql {
    backend: DbBackend,
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Creates a statement for the database of `connection`.
    pub fn new(connection: &impl ConnectionTrait, text: impl Into<String>) -> Self {
        Self {
            backend: connection.get_database_backend(),
            text: text.into(),
            values: Vec::new(),
        }
    }

    /// Appends text.
    #[must_use]
    pub fn push(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Appends a parameter with this value.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        let parameter = format!("${}", self.values.len());
        self.push(&parameter)
    }

    /// Appends `text` and a parameter, if there is a value.
    #[must_use]
    pub fn push_if_some(self, text: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.push(text).bind(value),
            None => self,
        }
    }

    /// Appends a condition that the preceding expression equals one of `ids`.
    #[must_use]
    pub fn eq_any(self, ids: &[i64]) -> Self {
        if self.backend == DbBackend::Postgres {
            return self.push(" = ANY(").bind(ids.to_vec()).push(")");
        }
        let listed: Vec<String> = ids.iter().map(i64::to_string).collect();
        let json = format!("[{}]", listed.join(","));
        self.push(" IN (SELECT value FROM json_each(")
            .bind(json)
            .push("))")
    }

    /// Appends a condition that the preceding expression equals one of `texts`.
    #[must_use]
    pub(crate) fn eq_any_text(self, texts: Vec<String>) -> Self {
        if self.backend == DbBackend::Postgres {
            return self.push(" = ANY(").bind(texts).push(")");
        }
        let json: serde_json::Value = texts.into_iter().collect();
        self.push(" IN (SELECT value FROM json_each(")
            .bind(json.to_string())
            .push("))")
    }

    /// Appends values in parentheses.
    #[must_use]
    pub fn bind_row(mut self, values: Vec<Value>) -> Self {
        for (index, value) in values.into_iter().enumerate() {
            self = self.push(if index == 0 { "(" } else { ", " }).bind(value);
        }
        self.push(")")
    }

    /// Appends a table `given` of `rows`. The text depends only on the fields.
    #[must_use]
    pub(crate) fn given<'a, R: 'a>(
        self,
        rows: impl Iterator<Item = &'a R> + Clone,
        fields: &[(&str, Field<R>)],
    ) -> Self {
        if self.backend == DbBackend::Postgres {
            self.arrays(rows, fields)
        } else {
            self.json(rows, fields)
        }
    }

    fn arrays<'a, R: 'a>(
        self,
        rows: impl Iterator<Item = &'a R> + Clone,
        fields: &[(&str, Field<R>)],
    ) -> Self {
        let selected: Vec<String> = fields
            .iter()
            .map(|(name, field)| match field.null() {
                Some(null) => format!("NULLIF({name}, {null}) AS {name}"),
                None => (*name).to_owned(),
            })
            .collect();
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let arrays = fields.iter().map(|(_, field)| field.array(rows.clone()));
        self.push("(SELECT ")
            .push(&selected.join(", "))
            .push(" FROM unnest")
            .bind_row(arrays.collect())
            .push(&format!(" AS sent ({})) AS given", names.join(", ")))
    }

    fn json<'a, R: 'a>(
        self,
        rows: impl Iterator<Item = &'a R>,
        fields: &[(&str, Field<R>)],
    ) -> Self {
        let mut text = String::from("[");
        for row in rows {
            text.push_str(if text.len() == 1 { "[" } else { ",[" });
            for (index, (_, field)) in fields.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                field.write_json(row, &mut text);
            }
            text.push(']');
        }
        text.push(']');
        let selected: Vec<String> = (0..)
            .zip(fields)
            .map(|(index, (name, _)): (usize, _)| format!("value ->> {index} AS {name}"))
            .collect();
        self.push(&format!("(SELECT {} FROM json_each(", selected.join(", ")))
            .bind(text)
            .push(")) AS given")
    }

    /// Returns the statement.
    pub fn statement(self) -> Statement {
        Statement::from_sql_and_values(self.backend, self.text, self.values)
    }
}
