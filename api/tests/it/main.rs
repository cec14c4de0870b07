//! The product from outside: real processes, real sockets, both databases.

mod access;
mod answer;
mod archive;
mod client;
mod databases;
mod exchange;
mod process;
mod product;
mod receiver;

mod console;
mod departure;
mod deployment;
mod end_to_end;
mod event_stream;
mod fanout;
mod fault;
mod freshness;
mod graphql;
mod kraken;
mod limit;
mod malformed_input;
mod observe;
mod outage;
mod program;
mod rate;
mod rest;
mod server;
mod slow;
mod socket;
mod streamed;
mod suspend;
mod symbol;
mod symbol_search;
mod webhook;
