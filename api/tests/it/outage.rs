//! Outages: databases that stop and come back, connections that break, processes that are killed.

mod acknowledged_writes;
mod crash;
mod database;
mod disk;
mod network;
mod session;
mod stream;
mod takeover;
