//! The store on real databases, of both kinds.

mod age;
mod archive;
mod explained;
mod feed;
mod migration;
mod page;
mod place;
mod retention;
mod stream;
mod world;
