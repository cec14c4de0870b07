//! The tracker from outside.

mod ingest;
mod provider;
mod replay;
mod tape;
mod world;
