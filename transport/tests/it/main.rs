//! Tests of the transports over real connections.

mod app;
mod client;
mod demo;

mod budget;
mod fanout;
mod guard;
mod http;
mod legacy;
mod persisted;
mod push;
mod slow;
mod sse;
mod validation;
mod ws;
