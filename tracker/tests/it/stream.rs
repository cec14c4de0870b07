//! Streams, against stand-ins of the providers' servers over real sockets.

mod connection;
mod figures;
mod polling;
mod prices;
mod provider;
mod refusal;
mod symbols;
mod tls;
