//! The transports through their front door: real sockets on a port of the system's choosing.

mod app;
mod client;
mod demo;

mod budget;
mod guard;
mod http;
mod legacy;
mod persisted;
mod slow;
mod sse;
mod validation;
mod ws;
