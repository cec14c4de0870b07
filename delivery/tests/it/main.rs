//! Sends messages to servers with real sockets.
