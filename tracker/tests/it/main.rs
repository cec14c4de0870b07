//! The tracker from outside.

mod engine;
mod ingest;
mod provider;
mod replay;
mod script;
mod tape;
mod world;
