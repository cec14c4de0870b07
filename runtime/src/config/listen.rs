//! Where a listener listens.

use std::net::IpAddr;

use super::{
    reader::Reader,
    value::{self, Parsed},
};

/// A listener's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSettings {
    /// An IP address, or a name that is resolved when the listener binds.
    pub host: String,
    /// The port; 0 lets the system choose one.
    pub port: u16,
}

impl ListenSettings {
    pub(super) fn read(reader: &mut Reader<'_>, host: &'static str, port: &'static str) -> Self {
        Self {
            host: reader.value(host, parse_host),
            port: reader.value(port, value::port),
        }
    }

    /// What `TcpListener::bind` takes.
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether only this machine reaches it. Names other than `localhost` are taken to be public.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host == "localhost",
        }
    }
}

/// An IP address, with brackets or without, or a host name.
fn parse_host(text: &str) -> Parsed<String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    let named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.len() > 253 || !text.bytes().all(named) {
        return Err("must be an IP address or a host name".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}
