//! The product from outside: real processes, real sockets, both databases.

mod access;
mod answer;
mod archive;
mod client;
mod exchange;
mod place;
mod process;
mod product;

mod graphql;
mod journey;
mod kit;
mod observe;
mod program;
mod rest;
mod server;
