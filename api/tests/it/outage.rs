//! What happens to operators: databases that go and come back, connections that break, processes that are killed.

mod cable;
mod crash;
mod database;
mod disk;
mod ledger;
mod session;
mod takeover;
