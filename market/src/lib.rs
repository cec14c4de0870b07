//! Trading calendars, market hours, staleness of prices, and candle intervals.
//!
//! Every function here is pure: it depends only on its arguments, reads no clock and does no I/O.
//! The rules hold for any date from 2000 on, so a replay shifted decades ahead and a live poll
//! follow the same ones.
//!
//! The calendar is written by hand because the `exchange-hours` crate has New York's holidays from
//! 2010 to 2028 only and rejects other dates, while the bundled replay begins in 2000 and its later
//! passes lie decades ahead.

mod calendar;
mod candle;
mod easter;
mod finality;
mod hours;
mod market;
mod session;
mod staleness;
mod symbol;

pub use self::{
    calendar::{is_early_close, is_trading_day},
    candle::{candle_end, candle_start},
    finality::{FinalityContext, is_final},
    hours::PollingHours,
    market::{LastSessions, Market},
    session::{
        new_york_time, polling_window, session_close, session_close_time, session_open, trading_day,
    },
    staleness::{
        Freshness, QuoteStatus, StaleReason, StalenessContext, UNPRICED_AFTER, is_unpriced,
    },
};
