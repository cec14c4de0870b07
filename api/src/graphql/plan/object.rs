//! Plans of objects, and the functions that write their fields.

use super::{Compiler, Run, SelectedField};
use crate::service::Error;

/// The plan cannot write the response: async-graphql must execute the operation.
#[derive(Clone, Copy, Debug)]
pub(in crate::graphql) struct Unplanned;

impl From<Error> for Unplanned {
    fn from(_: Error) -> Self {
        Self
    }
}

/// The steps that write an object. `W` writes one field.
pub(super) struct Steps<W>(Vec<Step<W>>);

enum Step<W> {
    /// Appends text that is the same for every row.
    Text(String),
    /// Appends the value of a field.
    Field(W),
}

impl<W> Default for Steps<W> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<W> Steps<W> {
    pub(super) fn push_text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Step::Text(last)) => last.push_str(text),
            _ => self.0.push(Step::Text(text.to_owned())),
        }
    }

    pub(super) fn push_field(&mut self, writer: W) {
        self.0.push(Step::Field(writer));
    }

    /// Writes the object, with `write` for each field.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        mut write: impl FnMut(&W, &mut Vec<u8>) -> Result<(), Unplanned>,
    ) -> Result<(), Unplanned> {
        for step in &self.0 {
            match step {
                Step::Text(text) => out.extend_from_slice(text.as_bytes()),
                Step::Field(field) => write(field, out)?,
            }
        }
        Ok(())
    }
}

/// Writes a field of a row. What it writes is discarded if it needs rows that are not loaded yet.
pub(in crate::graphql) type Writer<T> =
    Box<dyn Fn(&T, &Run<'_>, &mut Vec<u8>) -> Result<(), Unplanned> + Send + Sync>;

/// An object type with fields that a plan can write.
pub(in crate::graphql) trait Planned: Sized + 'static {
    /// The name of the type in the schema.
    const NAME: &'static str;
    /// The interfaces of the type.
    const INTERFACES: &'static [&'static str] = &[];

    /// Compiles a field. Returns `None` if async-graphql must resolve it.
    fn field(field: &SelectedField<'_>, compiler: &Compiler<'_>) -> Option<Writer<Self>>;
}

/// The plan of an object.
pub(in crate::graphql) struct ObjectPlan<T>(pub(super) Steps<Writer<T>>);

impl<T> ObjectPlan<T> {
    /// Writes a row.
    pub(in crate::graphql) fn write(
        &self,
        row: &T,
        run: &Run<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unplanned> {
        self.0.write(out, |write, out| write(row, run, out))
    }

    /// Writes a row, or null.
    pub(in crate::graphql) fn write_nullable(
        &self,
        row: Option<&T>,
        run: &Run<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unplanned> {
        if let Some(row) = row {
            return self.write(row, run, out);
        }
        out.extend_from_slice(b"null");
        Ok(())
    }

    /// Writes a list of rows.
    pub(in crate::graphql) fn write_list<'a>(
        &self,
        rows: impl IntoIterator<Item = &'a T>,
        run: &Run<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unplanned>
    where
        T: 'a,
    {
        write_list(rows, out, |row, out| self.write(row, run, out))
    }
}

/// Writes a list, with `write` for each item.
pub(super) fn write_list<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>) -> Result<(), Unplanned>,
) -> Result<(), Unplanned> {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out)?;
    }
    out.push(b']');
    Ok(())
}
