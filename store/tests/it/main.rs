//! Integration tests of the store on SQLite and PostgreSQL.

mod age;
mod archive;
mod database;
mod databases;
mod delivery;
mod explained;
mod feed;
mod fixture;
mod migration;
mod page;
mod retention;
mod stream;
mod stream_holder;
