//! The tracker from outside.

mod budget;
mod engine;
mod ingest;
mod lease;
mod live;
mod program;
mod provider;
mod replay;
mod script;
mod tape;
mod world;
