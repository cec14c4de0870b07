//! Lists of allowed host names and origins.
//!
//! An entry matches whole names, ASCII case-insensitively; never a prefix or suffix.

/// A list of allowed names: `name`, `name:port`, `scheme://name`, `scheme://name:port`, or `*` for
/// all.
///
/// An entry without a scheme matches only origins of http and https.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    open: bool,
    entries: Vec<AllowEntry>,
    /// The name of the setting that the list comes from.
    setting: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct AllowEntry {
    /// In lower case; `None` for http and https.
    scheme: Option<String>,
    /// In lower case.
    name: String,
    /// `None` for any port or, with a scheme, for a scheme without a default port.
    port: Option<u16>,
}

/// An origin (RFC 6454): `scheme://name[:port]`.
struct Origin<'a> {
    scheme: &'a str,
    name: &'a str,
    /// The port, or the default port of the scheme; `None` if neither exists.
    port: Option<u16>,
}

impl AllowList {
    /// `localhost`, `127.0.0.1` and `[::1]`, on any port.
    pub fn loopback() -> Self {
        let entries = ["localhost", "127.0.0.1", "[::1]"]
            .into_iter()
            .filter_map(AllowEntry::parse)
            .collect();
        Self {
            open: false,
            entries,
            setting: None,
        }
    }

    /// Parses a list of entries.
    ///
    /// # Errors
    ///
    /// Returns the first entry that is invalid.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut list = Self {
            open: false,
            entries: Vec::new(),
            setting: None,
        };
        for entry in entries {
            let entry = entry.trim();
            if entry == "*" {
                list.open = true;
                continue;
            }
            match AllowEntry::parse(entry) {
                Some(entry) => list.entries.push(entry),
                None => return Err(entry.to_owned()),
            }
        }
        Ok(list)
    }

    /// Sets the name of the setting that the list comes from, for error messages.
    #[must_use]
    pub fn with_setting(mut self, name: &'static str) -> Self {
        self.setting = Some(name);
        self
    }

    /// Adds the name of the setting to an error message.
    pub(super) fn explain(&self, message: String) -> String {
        match self.setting {
            Some(setting) => format!("{message}; see {setting}"),
            None => message,
        }
    }

    /// Whether every name is allowed.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a `Host` value is allowed.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.open
            || split_port(host).is_some_and(|(name, port)| {
                self.entries.iter().any(|entry| {
                    // The scheme of a `Host` without a port is unknown.
                    let fits = |wanted| port.map_or(matches!(wanted, 80 | 443), |it| it == wanted);
                    entry.is_named(name) && entry.port.is_none_or(fits)
                })
            })
    }

    /// Whether an `Origin` value is allowed. `null` never is.
    pub(super) fn has_origin(&self, origin: &str) -> bool {
        self.open
            || Origin::parse(origin)
                .is_some_and(|origin| self.entries.iter().any(|entry| entry.is_origin(&origin)))
    }
}

impl AllowEntry {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, name, port) = if text.contains("://") {
            let Origin { scheme, name, port } = Origin::parse(text.trim_end_matches('/'))?;
            (Some(scheme.to_ascii_lowercase()), name, port)
        } else {
            let (name, port) = split_port(text)?;
            (None, name, port)
        };
        Some(Self {
            scheme,
            name: name.to_ascii_lowercase(),
            port,
        })
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn is_origin(&self, origin: &Origin<'_>) -> bool {
        let fits = match &self.scheme {
            Some(scheme) => scheme.eq_ignore_ascii_case(origin.scheme) && self.port == origin.port,
            None => {
                default_port(origin.scheme).is_some()
                    && self.port.is_none_or(|port| Some(port) == origin.port)
            }
        };
        fits && self.is_named(origin.name)
    }
}

impl<'a> Origin<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|it: char| it.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        let (name, port) = split_port(authority)?;
        is_scheme.then(|| Self {
            scheme,
            name,
            port: port.or(default_port(scheme)),
        })
    }
}

/// Whether an origin of http or https has the host and port of a `Host` value.
pub(super) fn is_same_host(origin: &str, host: &str) -> bool {
    let (Some(origin), Some((name, port))) = (Origin::parse(origin), split_port(host)) else {
        return false;
    };
    let default = default_port(origin.scheme);
    default.is_some() && origin.name.eq_ignore_ascii_case(name) && origin.port == port.or(default)
}

fn default_port(scheme: &str) -> Option<u16> {
    if scheme.eq_ignore_ascii_case("https") {
        Some(443)
    } else if scheme.eq_ignore_ascii_case("http") {
        Some(80)
    } else {
        None
    }
}

/// Splits `name`, `name:port` or `[v6]:port`; returns `None` for anything else.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (name, rest) = authority.split_at(end);
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    if rest.is_empty() {
        return Some((name, None));
    }
    let digits = rest.strip_prefix(':')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().map(|port| (name, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_are_allowed_with_any_port_and_scheme() {
        let list = AllowList::loopback();
        for host in [
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
        ] {
            assert!(list.has_host(host), "{host}");
        }
        for origin in [
            "http://localhost",
            "https://127.0.0.1:3000",
            "http://[::1]:5173",
        ] {
            assert!(list.has_origin(origin), "{origin}");
        }
    }

    #[test]
    fn names_that_resemble_loopback_names_are_not_allowed() {
        let list = AllowList::loopback();
        for host in [
            "localhost.evil.example",
            "xlocalhost",
            "127.0.0.1.nip.io",
            "",
            ":80",
            "::1",
        ] {
            assert!(!list.has_host(host), "{host}");
        }
        for origin in [
            "null",
            "localhost",
            "http://localhost@evil.example",
            "http://localhost.evil.example",
            "file://localhost",
            "http://localhost:80:80",
        ] {
            assert!(!list.has_origin(origin), "{origin}");
        }
    }

    #[test]
    fn the_scheme_and_port_of_an_entry_must_match() {
        let list = AllowList::parse(["https://a.example", " b.example:8443", "http://c:81/"])
            .expect("entries");
        assert!(list.has_origin("https://A.example"));
        assert!(list.has_origin("https://a.example:443"));
        assert!(!list.has_origin("http://a.example"));
        assert!(!list.has_origin("https://a.example:8443"));
        assert!(list.has_origin("http://b.example:8443"));
        assert!(!list.has_origin("http://b.example"));
        assert!(list.has_origin("http://c:81"));
    }

    #[test]
    fn origins_of_other_schemes_match_exactly() {
        let extension = "chrome-extension://mdplmiioglkpgkgblfdilgebpppgdlm";
        let list = AllowList::parse(["Capacitor://LocalHost", extension, "app://a.example:8443"])
            .expect("entries");
        for origin in [
            "capacitor://localhost",
            "CAPACITOR://localhost",
            extension,
            "app://a.example:8443",
        ] {
            assert!(list.has_origin(origin), "{origin}");
        }
        for origin in [
            "ionic://localhost",
            "http://localhost",
            "capacitor://localhost:80",
            "capacitor://localhost.evil.example",
            "chrome-extension://mdplmiioglkpgkgblfdilgebpppgdlmx",
            "app://a.example",
        ] {
            assert!(!list.has_origin(origin), "{origin}");
        }
        let plain = AllowList::parse(["a.example"]).expect("an entry");
        assert!(!plain.has_origin("capacitor://a.example"));
    }

    #[test]
    fn an_explicit_default_port_is_equivalent() {
        let list = AllowList::parse(["https://a.example:443", "http://b"]).expect("entries");
        assert!(list.has_origin("https://a.example") && list.has_origin("http://b:80"));
        assert!(is_same_host("https://a.example", "A.example:443"));
        assert!(is_same_host("http://a.example:80", "a.example"));
        assert!(!is_same_host("https://a.example", "a.example:80"));
        assert!(!is_same_host("app://a.example", "a.example"));
    }

    #[test]
    fn an_invalid_entry_is_returned() {
        assert_eq!(AllowList::parse(["a", "b c"]), Err("b c".to_owned()));
        for wrong in [
            "https://",
            "1a://b",
            "https://a/b",
            "https://u@a",
            "a://b:99999",
        ] {
            assert_eq!(AllowList::parse([wrong]), Err(wrong.to_owned()));
        }
        assert_eq!(AllowList::parse([""]), Err(String::new()));
    }
}
