//! Tests of the providers through `QuoteProvider`.

mod alpha_vantage;
mod journal;
mod live;
mod replay;

use entity::Symbol;

fn symbol(text: &str) -> Symbol {
    text.parse().expect("a symbol")
}
