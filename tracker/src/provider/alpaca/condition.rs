//! The conditions of trades, and which of them do not move the last price.

/// The codes of conditions whose trades do not move the last price of the regular session, with
/// their names.
const NOT_LAST: [(&str, &str); 14] = [
    ("4", "derivatively priced"),
    ("7", "qualified contingent trade"),
    ("B", "average price"),
    ("C", "cash sale"),
    ("H", "price variation"),
    ("I", "odd lot"),
    ("N", "next day"),
    ("P", "prior reference price"),
    ("R", "seller"),
    ("T", "extended hours"),
    ("U", "extended hours, out of sequence"),
    ("V", "contingent trade"),
    ("W", "average price"),
    ("Z", "out of sequence"),
];

/// Whether a trade with these conditions moves the last price.
pub(super) fn moves_last<T: AsRef<str>>(conditions: &[T]) -> bool {
    let is_excluded = |code: &str| {
        NOT_LAST
            .iter()
            .any(|(excluded, _)| *excluded == code.trim())
    };
    !conditions.iter().any(|code| is_excluded(code.as_ref()))
}
