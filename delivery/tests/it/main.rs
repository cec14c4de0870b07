//! Sends messages to servers with real sockets.

mod fixture;
mod guard;
mod mail;
mod mail_server;
mod receiver;
mod secrets;
mod telegram;
mod web;
