//! Finds duplicate fields in input object literals.
//!
//! Scans the text of a document that the parser accepted, in one pass. The parsed document cannot
//! be used, because it contains only the last of the duplicates.

use std::collections::HashSet;

use async_graphql::Pos;

/// Returns the name and position of each duplicate.
pub(super) fn find(text: &str) -> Vec<(&str, Pos)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut parentheses = 0_usize;
    // One set of names for each open object. Selection sets never occur inside parentheses.
    let mut objects: Vec<HashSet<&str>> = Vec::new();
    let mut word = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => continue,
            b'#' => {
                at = end_of(bytes, at, |byte| !matches!(byte, b'\n' | b'\r'));
                continue;
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                at = end_of(bytes, at, |byte| {
                    byte == b'_' || byte.is_ascii_alphanumeric()
                });
                word = Some(start..at);
                continue;
            }
            b'"' => at = end_of_string(bytes, start),
            b'(' => parentheses += 1,
            b')' => parentheses = parentheses.saturating_sub(1),
            b'{' if parentheses > 0 => objects.push(HashSet::new()),
            b'}' => {
                objects.pop();
            }
            b':' => {
                if let (Some(names), Some(range)) = (objects.last_mut(), word.take()) {
                    let start = range.start;
                    let name = text.get(range).unwrap_or_default();
                    if !names.insert(name) && found.len() < super::MAX_ERRORS {
                        found.push((name, position(text, start)));
                    }
                }
            }
            _ => {}
        }
        word = None;
    }
    found
}

fn end_of(bytes: &[u8], from: usize, within: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.iter().skip(from);
    from + rest.take_while(|&&byte| within(byte)).count()
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let block = bytes[start..].starts_with(br#"""""#);
    let (fence, escaped): (&[u8], &[u8]) = if block {
        (br#"""""#, br#"\""""#)
    } else {
        (br#"""#, br"\")
    };
    let mut at = start + fence.len();
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(fence) {
            return at + fence.len();
        }
        at += match rest.starts_with(escaped) {
            true if block => escaped.len(),
            true => 2,
            false => 1,
        };
    }
    bytes.len()
}

fn position(text: &str, at: usize) -> Pos {
    let before = text.get(..at).unwrap_or_default();
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..].chars().count() + 1;
    Pos { line, column }
}
