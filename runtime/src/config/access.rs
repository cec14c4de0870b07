//! Settings for access to the API: tokens, accepted hosts and origins, and the rate limit.
//!
//! An API address other than loopback requires an admin token that the operator chose.

use std::{fs, net::IpAddr, num::NonZeroU32, path::PathBuf};

use ipnet::IpNet;
use url::{Origin, Url};

use super::{
    ListenSettings, Secret,
    reader::SettingsReader,
    value::{self, Parsed},
};

/// Who may access the API.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// Token that mutations require. If it is not set, the program generates one
    /// ([`crate::random::draw_token`]) and logs it.
    pub admin_token: Option<Secret>,
    /// Token that reads require; `None` if they require no token.
    pub read_token: Option<Secret>,
    /// Accepted values of `Host`: lower case, with a port if one was given.
    pub allowed_hosts: Allowed,
    /// Accepted web origins, of any scheme: lower case, without a trailing slash or the default
    /// port.
    pub allowed_origins: Allowed,
    /// Whether the GraphQL schema can be introspected.
    pub introspection: bool,
    /// Whether errors about unknown names suggest similar ones.
    pub suggestions: bool,
    /// The web pages that are served.
    pub pages: PageSettings,
    /// The directory of trusted documents, which was readable; `None` to accept all documents.
    pub trusted_documents: Option<PathBuf>,
    /// Maximum requests per minute and client, or `None` for no limit.
    pub rate_limit: Option<NonZeroU32>,
    /// Proxies whose `X-Forwarded-For` determines the client address.
    pub trusted_proxies: Vec<IpNet>,
}

/// Which web pages are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSettings {
    /// The console.
    pub console: bool,
    /// GraphiQL.
    pub graphiql: bool,
}

/// A list of accepted hosts or origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// `localhost`, `127.0.0.1` and `[::1]`, with any port.
    Loopback,
    /// Any.
    Any,
    /// Only these.
    These(Vec<String>),
}

impl AccessSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>, api: &ListenSettings) -> Self {
        if !api.is_loopback() && !reader.has("ADMIN_TOKEN") {
            reader.reject(
                "ADMIN_TOKEN",
                "must be set because API_HOST is not a loopback address",
            );
        }
        let introspection = reader.value("INTROSPECTION", value::switch);
        Self {
            admin_token: reader.optional("ADMIN_TOKEN", token),
            read_token: reader.optional("READ_TOKEN", token),
            allowed_hosts: reader
                .optional("ALLOWED_HOSTS", |text| allowed(text, host))
                .unwrap_or(Allowed::Loopback),
            allowed_origins: reader
                .optional("ALLOWED_ORIGINS", |text| allowed(text, origin))
                .unwrap_or(Allowed::Loopback),
            introspection,
            suggestions: reader
                .optional("SUGGESTIONS", value::switch)
                .unwrap_or(introspection),
            pages: PageSettings {
                console: reader.value("CONSOLE", value::switch),
                graphiql: reader.value("GRAPHIQL", value::switch),
            },
            trusted_documents: reader.optional("TRUSTED_DOCUMENTS", directory),
            rate_limit: reader.value("RATE_LIMIT", rate),
            trusted_proxies: reader
                .optional("TRUSTED_PROXIES", |text| value::list(text, network))
                .unwrap_or_default(),
        }
    }
}

/// Parses a bearer token (RFC 6750, `b64token`).
fn token(text: &str) -> Parsed<Secret> {
    let bare = text.trim_end_matches('=');
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
    };
    if bare.is_empty() || !bare.bytes().all(allowed) {
        return Err(
            "may only contain letters, digits and - . _ ~ + /, and = at its end".to_owned(),
        );
    }
    Ok(Secret::new(text))
}

/// Checks that the directory is readable. Its content is checked when it is loaded.
fn directory(text: &str) -> Parsed<PathBuf> {
    match fs::read_dir(text) {
        Ok(_) => Ok(text.into()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

fn rate(text: &str) -> Parsed<Option<NonZeroU32>> {
    match text {
        "off" => Ok(None),
        _ => value::count(text)
            .map(Some)
            .map_err(|reason| format!("{reason}, or off")),
    }
}

/// Parses an IP address, or a network in CIDR notation whose host bits are 0.
fn network(text: &str) -> Parsed<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.into()),
        Err(_) => text.parse::<IpNet>(),
    };
    match network {
        Ok(network) if network.trunc() == network => Ok(network),
        Ok(network) => Err(format!("must be {}", network.trunc())),
        Err(_) => Err("is not an IP address or a network such as 10.0.0.0/8".to_owned()),
    }
}

fn allowed(text: &str, item: impl Fn(&str) -> Parsed<String>) -> Parsed<Allowed> {
    let items = value::list(text, |text| match text {
        "*" => Ok("*".to_owned()),
        _ => item(text),
    })?;
    if items.iter().any(|item| item == "*") {
        return Ok(Allowed::Any);
    }
    Ok(Allowed::These(items))
}

fn host(text: &str) -> Parsed<String> {
    let wrong = "is not a host such as desk.example or desk.example:8080";
    match Url::parse(&format!("http://{text}/")) {
        Ok(url) if url.path() == "/" && url.username().is_empty() && url.password().is_none() => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err(wrong.to_owned()),
    }
}

/// Parses an origin of any scheme. Origins of `http` and `https` are normalized as in browsers.
fn origin(text: &str) -> Parsed<String> {
    let wrong = |reason: &str| {
        Err(format!(
            "{reason}; an origin is scheme://host or scheme://host:port, such as https://desk.example"
        ))
    };
    if !text.contains("://") {
        return wrong("has no scheme");
    }
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return wrong(&format!("is not a URL ({error})")),
    };
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return wrong("has no host");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("has a user name or password");
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return wrong("has a path, query or fragment");
    }
    if url.scheme() == "file" {
        return wrong("is a file URL, which has no origin");
    }
    if !host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte))
    {
        return wrong("has a host with a character other than letters, digits, - . _");
    }
    Ok(match (url.origin(), url.port()) {
        (origin @ Origin::Tuple(..), _) => origin.ascii_serialization(),
        (Origin::Opaque(_), None) => format!("{}://{}", url.scheme(), host.to_ascii_lowercase()),
        (Origin::Opaque(_), Some(port)) => {
            format!("{}://{}:{port}", url.scheme(), host.to_ascii_lowercase())
        }
    })
}
