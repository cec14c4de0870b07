//! The product from outside: real processes, real sockets, both databases.

mod access;
mod answer;
mod archive;
mod client;
mod exchange;
mod place;
mod process;
mod product;
mod witness;

mod departure;
mod dice;
mod event_stream;
mod fanout;
mod fault;
mod freshness;
mod graphql;
mod hostile;
mod journey;
mod kit;
mod limit;
mod observe;
mod outage;
mod program;
mod rate;
mod rest;
mod server;
mod slow;
mod socket;
mod suspend;
mod symbol;
