//! A candle: what a stock's prices did in a stretch of time.
//!
//! One invariant: a candle's prices are exact, and its stretch is told by its interval and its start alone.

use sea_orm::{DeriveActiveEnum, EnumIter, FromQueryResult};

use crate::{Decimal, Timestamp};

/// How long the stretches are. Stored as minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum CandleInterval {
    /// One minute of UTC.
    #[sea_orm(num_value = 1)]
    OneMinute,
    /// Five minutes of UTC.
    #[sea_orm(num_value = 5)]
    FiveMinutes,
    /// A quarter of an hour of UTC.
    #[sea_orm(num_value = 15)]
    FifteenMinutes,
    /// An hour of UTC.
    #[sea_orm(num_value = 60)]
    OneHour,
    /// A trading day, from its session's open to its close.
    #[sea_orm(num_value = 1440)]
    OneDay,
}

impl CandleInterval {
    /// All of them, the shortest first.
    pub const ALL: [Self; 5] = [
        Self::OneMinute,
        Self::FiveMinutes,
        Self::FifteenMinutes,
        Self::OneHour,
        Self::OneDay,
    ];

    /// Its length in minutes; a trading day's is only a name for it.
    pub const fn minutes(self) -> i32 {
        match self {
            Self::OneMinute => 1,
            Self::FiveMinutes => 5,
            Self::FifteenMinutes => 15,
            Self::OneHour => 60,
            Self::OneDay => 1440,
        }
    }
}

/// One candle of one stock.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Candle {
    /// The stock's row.
    pub stock_id: i64,
    /// How long it is.
    #[sea_orm(from_alias = "minutes")]
    pub interval: CandleInterval,
    /// When it begins, by the market's clock; a day's is its session's open.
    pub start: Timestamp,
    /// The market's time of its first price; `None` if its open is the session's, as a provider said it.
    pub opened_at: Option<Timestamp>,
    /// The market's time of its last price.
    pub closed_at: Timestamp,
    /// Its first price, or the session's.
    pub open: Decimal,
    /// Its highest price, or the session's.
    pub high: Decimal,
    /// Its lowest price, or the session's.
    pub low: Decimal,
    /// Its last price.
    pub close: Decimal,
    /// Shares traded in it, as far as known.
    pub volume: Option<i64>,
    /// How many prices were stored in it.
    pub count: i32,
}
