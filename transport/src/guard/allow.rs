//! Lists of host names and origins, as they are written in settings.
//!
//! Invariant: an entry matches whole names only, ASCII-case-insensitively; nothing matches by
//! prefix or suffix. Built from settings, asked by the guard.

/// Names that are accepted: `name`, `name:port`, `https://name`, `https://name:port`; `*` is all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowList {
    open: bool,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// `None`: http and https.
    scheme: Option<String>,
    name: String,
    /// `None`: any port, or with a scheme that scheme's own.
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

    /// Whether everything is accepted.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether a `Host` value is accepted.
    pub(super) fn has_host(&self, host: &str) -> bool {
        self.open
            || split_port(host).is_some_and(|(name, port)| {
                self.entries
                    .iter()
                    .any(|entry| entry.is_named(name) && entry.accepts_port(port, None))
            })
    }

    /// Whether an `Origin` value is accepted. `null` never is.
    pub(super) fn has_origin(&self, origin: &str) -> bool {
        if self.open {
            return true;
        }
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        let Some(usual) = usual_port(scheme) else {
            return false;
        };
        split_port(authority).is_some_and(|(name, port)| {
            self.entries.iter().any(|entry| {
                entry.is_named(name)
                    && entry
                        .scheme
                        .as_ref()
                        .is_none_or(|wanted| wanted.eq_ignore_ascii_case(scheme))
                    && entry.accepts_port(port, Some(usual))
            })
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = match text.split_once("://") {
            Some((scheme, authority)) => (Some(scheme), authority.trim_end_matches('/')),
            None => (None, text),
        };
        let usual = match scheme {
            Some(scheme) => Some(usual_port(scheme)?),
            None => None,
        };
        let (name, port) = split_port(authority)?;
        Some(Self {
            scheme: scheme.map(str::to_ascii_lowercase),
            name: name.to_ascii_lowercase(),
            port: port.or(usual),
        })
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// `usual` is the port that the peer's scheme implies, if it named a scheme.
    fn accepts_port(&self, port: Option<u16>, usual: Option<u16>) -> bool {
        match (self.port, port.or(usual)) {
            (None, _) => true,
            (Some(wanted), Some(port)) => wanted == port,
            // A `Host` without a port may have come by either scheme.
            (Some(wanted), None) => matches!(wanted, 80 | 443),
        }
    }
}

fn usual_port(scheme: &str) -> Option<u16> {
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
    fn a_wrong_entry_is_named() {
        assert_eq!(AllowList::parse(["a", "b c"]), Err("b c".to_owned()));
        assert_eq!(AllowList::parse(["ftp://a"]), Err("ftp://a".to_owned()));
        assert_eq!(AllowList::parse([""]), Err(String::new()));
    }
}
