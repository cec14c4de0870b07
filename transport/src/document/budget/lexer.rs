//! Counts tokens, directives and open brackets in arbitrary text.
//!
//! Reads each byte once and stops at the first exceeded limit. Text that is not GraphQL is not an
//! error here; the parser rejects it.

use super::{LimitExceeded, QueryBudget, check_limit};

/// Counts until the end of the text, or until a limit is exceeded.
pub(super) fn check(text: &[u8], budget: &QueryBudget) -> Result<(), LimitExceeded> {
    let mut tokens = 0_usize;
    let mut open = 0_usize;
    let mut directives = 0_usize;
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            // A comma, white space, or part of a byte order mark.
            b' ' | b'\t' | b'\n' | b'\r' | b',' | 0x80.. => {
                rest = after;
                continue;
            }
            b'#' => {
                rest = skip_while(after, |byte| byte != b'\n' && byte != b'\r');
                continue;
            }
            b'"' => skip_string(rest),
            b'.' => after.strip_prefix(b"..").unwrap_or(after),
            b'{' | b'[' | b'(' => {
                open += 1;
                check_limit("nested brackets", open as u64, budget.nesting as u64)?;
                after
            }
            b'}' | b']' | b')' => {
                open = open.saturating_sub(1);
                after
            }
            b'@' => {
                directives += 1;
                check_limit("directives", directives as u64, budget.directives as u64)?;
                after
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => skip_while(after, is_word),
            b'-' | b'0'..=b'9' => skip_while(after, |byte| {
                is_word(byte) || matches!(byte, b'.' | b'+' | b'-')
            }),
            _ => after,
        };
        tokens += 1;
        check_limit("tokens", tokens as u64, budget.tokens as u64)?;
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn skip_while(text: &[u8], wanted: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().position(|&byte| !wanted(byte));
    &text[end.unwrap_or(text.len())..]
}

/// Returns the text after the leading string. An unterminated string ends at the end of its line.
fn skip_string(text: &[u8]) -> &[u8] {
    const FENCE: &[u8] = br#"""""#;
    if let Some(mut block) = text.strip_prefix(FENCE) {
        loop {
            block = skip_while(block, |byte| byte != b'"' && byte != b'\\');
            if let Some(after) = block.strip_prefix(FENCE) {
                return after;
            }
            block = match block.strip_prefix(br#"\""""#) {
                Some(after) => after,
                None if block.is_empty() => return block,
                None => &block[1..],
            };
        }
    }
    let mut line = &text[1..];
    loop {
        line = skip_while(line, |byte| !matches!(byte, b'"' | b'\\' | b'\n' | b'\r'));
        line = match line {
            [b'\\', _, after @ ..] | [b'"', after @ ..] if line[0] == b'\\' => after,
            [_, after @ ..] => return after,
            [] => return line,
        };
    }
}
