//! The store on real databases, of both kinds.

mod feed;
mod migration;
mod page;
mod retention;
mod world;
