//! Candles: the prices of a stock aggregated by time interval.
//!
//! Prices are exact. The interval and the start time determine the period of a candle.

use sea_orm::{DeriveActiveEnum, EnumIter, FromQueryResult};

use crate::{Decimal, Timestamp};

/// The length of a candle. Stored in minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i32", db_type = "Integer")]
pub enum CandleInterval {
    /// One minute of UTC.
    #[sea_orm(num_value = 1)]
    OneMinute,
    /// Five minutes of UTC.
    #[sea_orm(num_value = 5)]
    FiveMinutes,
    /// 15 minutes of UTC.
    #[sea_orm(num_value = 15)]
    FifteenMinutes,
    /// An hour of UTC.
    #[sea_orm(num_value = 60)]
    OneHour,
    /// A trading day, from the open to the close of its session.
    #[sea_orm(num_value = 1440)]
    OneDay,
}

impl CandleInterval {
    /// All intervals, shortest first.
    pub const ALL: [Self; 5] = [
        Self::OneMinute,
        Self::FiveMinutes,
        Self::FifteenMinutes,
        Self::OneHour,
        Self::OneDay,
    ];

    /// The length in minutes; for a trading day only an identifier.
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

/// A candle of one stock.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Candle {
    /// The id of the stock.
    pub stock_id: i64,
    /// The length of the candle.
    #[sea_orm(from_alias = "minutes")]
    pub interval: CandleInterval,
    /// The start in market time; of a daily candle, the open of the session.
    pub start: Timestamp,
    /// The market time of the first price; `None` if the open is the session's, as sent by the
    /// provider.
    pub opened_at: Option<Timestamp>,
    /// The market time of the last price.
    pub closed_at: Timestamp,
    /// The first price, or the open of the session.
    pub open: Decimal,
    /// The highest price, or the high of the session.
    pub high: Decimal,
    /// The lowest price, or the low of the session.
    pub low: Decimal,
    /// The last price.
    pub close: Decimal,
    /// Number of shares traded, as far as known.
    pub volume: Option<i64>,
    /// Number of prices stored in the interval.
    pub count: i32,
}
