//! Lists of host names and origins, as they are written in settings.
//!
//! Invariant: an entry matches whole names only, ASCII-case-insensitively; nothing matches by
//! prefix or suffix. Built from settings, asked by the guard.

/// Names that are accepted: `name`, `name:port`, `scheme://name`, `scheme://name:port`; `*` is all.
///
/// An entry without a scheme matches origins of http and https only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    open: bool,
    entries: Vec<Entry>,
    /// The name of the setting that the list comes from.
    setting: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Lower case. `None`: http and https.
    scheme: Option<String>,
    /// Lower case.
    name: String,
    /// `None`: any port, or with a scheme its default port, if it has one.
    port: Option<u16>,
}

/// An origin as RFC 6454 writes it, `scheme://name[:port]`.
struct Origin<'a> {
    scheme: &'a str,
    name: &'a str,
    /// The default port of the scheme if none is written; `None` if it has no default, either.
    port: Option<u16>,
}

impl AllowList {
    /// `localhost`, `127.0.0.1` and `[::1]`, on any port.
    pub fn loopback() -> Self {
        let entries = ["localhost", "127.0.0.1", "[::1]"]
            .into_iter()
            .filter_map(Entry::parse)
            .collect();
        Self {
            open: false,
            entries,
            setting: None,
        }
    }

    /// Reads a list of entries.
    ///
    /// # Errors
    ///
    /// The first entry that is none of the forms above.
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
            match Entry::parse(entry) {
                Some(entry) => list.entries.push(entry),
                None => return Err(entry.to_owned()),
            }
        }
        Ok(list)
    }

    /// Names the setting that the list comes from, for the messages to clients that it refuses.
    #[must_use]
    pub fn with_setting(mut self, name: &'static str) -> Self {
        self.setting = Some(name);
        self
    }

    /// The message of a refusal, with the name of the setting.
    pub(super) fn explain(&self, message: String) -> String {
        match self.setting {
            Some(setting) => format!("{message}; allowed are those of {setting}"),
            None => message,
        }
    }

    /// Whether everything is accepted.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a `Host` value is accepted.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.open
            || split_port(host).is_some_and(|(name, port)| {
                self.entries.iter().any(|entry| {
                    // A `Host` without a port may have come by either scheme.
                    let fits = |wanted| port.map_or(matches!(wanted, 80 | 443), |it| it == wanted);
                    entry.is_named(name) && entry.port.is_none_or(fits)
                })
            })
    }

    /// Whether an `Origin` value is accepted. `null` never is.
    pub(super) fn has_origin(&self, origin: &str) -> bool {
        self.open
            || Origin::parse(origin)
                .is_some_and(|origin| self.entries.iter().any(|entry| entry.is_origin(&origin)))
    }
}

impl Entry {
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

/// Whether an origin of http or https has the host and the port of a `Host` value.
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

/// `name`, `name:port` or `[v6]:port`; `None` for anything else.
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
    fn loopback_is_accepted_on_any_port_and_by_either_scheme() {
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
    fn names_that_only_look_like_loopback_are_foreign() {
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
    fn a_scheme_and_a_port_bind_when_they_are_written() {
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
    fn origins_of_any_scheme_match_exactly() {
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
    fn the_default_port_may_be_written() {
        let list = AllowList::parse(["https://a.example:443", "http://b"]).expect("entries");
        assert!(list.has_origin("https://a.example") && list.has_origin("http://b:80"));
        assert!(is_same_host("https://a.example", "A.example:443"));
        assert!(is_same_host("http://a.example:80", "a.example"));
        assert!(!is_same_host("https://a.example", "a.example:80"));
        assert!(!is_same_host("app://a.example", "a.example"));
    }

    #[test]
    fn a_wrong_entry_is_named() {
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
