//! Streams, against stand-ins of the providers' servers over real sockets.

mod connection;
mod prices;
mod provider;
mod symbols;
mod tls;
