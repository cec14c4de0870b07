//! Settings for the addresses of listeners.

use std::net::IpAddr;

use super::{
    reader::SettingsReader,
    value::{self, Parsed},
};

/// The address of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSettings {
    /// An IP address, or a name that is resolved when the listener binds.
    pub host: String,
    /// The port; 0 stands for any free port.
    pub port: u16,
}

impl ListenSettings {
    pub(super) fn read(
        reader: &mut SettingsReader<'_>,
        host: &'static str,
        port: &'static str,
    ) -> Self {
        Self {
            host: reader.value(host, parse_host),
            port: reader.value(port, value::port),
        }
    }

    /// The address in the form that `TcpListener::bind` takes.
    pub fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// Whether only this machine can connect. Names other than `localhost` count as public.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host == "localhost",
        }
    }
}

/// Parses an IP address, with or without brackets, or a host name.
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
