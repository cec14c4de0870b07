//! The tracker from outside.

mod ingest;
mod provider;
mod world;
