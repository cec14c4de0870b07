//! Integration tests of the tracker.

mod batch;
mod budget;
mod budget_model;
mod candle;
mod delivery;
mod expected_replay;
mod fixture;
mod history;
mod ingest;
mod journal;
mod lease;
mod live;
mod outage;
mod poller;
mod program;
mod provider;
mod replay;
mod retry;
mod routing;
mod rule;
mod rule_replay;
mod script;
mod split;
mod stream;
mod symbol_search;
mod trouble;
