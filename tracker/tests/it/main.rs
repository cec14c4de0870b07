//! The tracker from outside.

mod budget;
mod candle;
mod engine;
mod expected_replay;
mod fixture;
mod history;
mod ingest;
mod journal;
mod lease;
mod live;
mod outage;
mod program;
mod provider;
mod replay;
mod retry;
mod script;
mod split;
mod trouble;
