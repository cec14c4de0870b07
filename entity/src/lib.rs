//! What Stock Tracker stores, and the words for it.
//!
//! Tables are SeaORM entities in [`table`]; the rest are the values that every other crate speaks of: exact
//! numbers, symbols, instants, feed positions, and the events that the feed carries. Nothing here reads a clock,
//! the network or the environment. Everybody depends on this crate; it depends on nobody.

mod alert;
mod candle;
mod decimal;
mod event;
mod position;
mod price;
mod provider;
mod ratio;
mod rule;
mod split;
mod stock;
mod symbol;
pub mod table;
mod timestamp;

pub use alert::Alert;
pub use candle::{Candle, CandleInterval};
pub use decimal::{Decimal, DecimalError};
pub use event::{Batch, Event};
pub use position::{Cursor, CursorError, List, Position};
pub use price::Price;
pub use provider::{PollOutcome, ProviderState};
pub use ratio::{Ratio, RatioError};
pub use rule::{AlertKind, AlertRule, ChangeBase, Direction, Trigger};
/// Iteration over the values of a stored enum, and their stored texts.
pub use sea_orm::{ActiveEnum, Iterable};
pub use split::Split;
pub use stock::Stock;
pub use symbol::{Symbol, SymbolError};
pub use timestamp::{Timestamp, TimestampError};
