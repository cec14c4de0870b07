//! The store on real databases, of both kinds.

mod age;
mod archive;
mod database;
mod databases;
mod explained;
mod feed;
mod fixture;
mod migration;
mod page;
mod retention;
mod stream;
