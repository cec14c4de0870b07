//! The data types of Stock Tracker: exact numbers, symbols, instants, prices, alerts, feed
//! positions and events. The tables are SeaORM entities in [`table`].
//!
//! The crate is pure: it does no I/O and reads no clock. It depends on no other crate of the
//! workspace.

mod alert;
mod candle;
mod decimal;
mod event;
mod global_id;
mod position;
mod price;
mod provider;
mod ratio;
mod rule;
mod split;
mod stock;
mod symbol;
mod symbol_match;
pub mod table;
mod timestamp;
mod webhook;

pub use alert::Alert;
pub use candle::{Candle, CandleInterval};
pub use decimal::{Decimal, DecimalError};
pub use event::{Batch, Event};
pub use global_id::global_id;
pub use position::{Cursor, CursorError, List, Position};
pub use price::Price;
pub use provider::{PollOutcome, ProviderState};
pub use ratio::{Ratio, RatioError};
pub use rule::{AlertKind, AlertRule, ChangeBase, Direction, PriceBasis, Trigger};
/// Iteration over the values of a stored enum, and their stored texts.
pub use sea_orm::{ActiveEnum, Iterable};
pub use split::Split;
pub use stock::Stock;
pub use symbol::{Symbol, SymbolError};
pub use symbol_match::SymbolMatch;
pub use timestamp::{Timestamp, TimestampError};
pub use webhook::{Delivery, DeliveryAttempt, DeliveryState, SecretText, Webhook, WebhookFormat};
