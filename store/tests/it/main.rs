//! The store on real databases, of both kinds.

mod feed;
mod page;
mod world;
