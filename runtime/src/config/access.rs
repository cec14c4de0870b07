//! Who may do what, from where.
//!
//! One invariant: a listener that others can reach never runs without a token that its operator chose.

use url::{Origin, Url};

use super::{
    ListenSettings, Secret,
    reader::Reader,
    value::{self, Parsed},
};

/// Tokens, names and switches of the API listener.
#[derive(Clone, Debug)]
pub struct AccessSettings {
    /// Token of mutations; none means that one is to be drawn ([`crate::random::draw_token`]) and logged.
    pub admin_token: Option<Secret>,
    /// Token of reads; none means that they are open.
    pub read_token: Option<Secret>,
    /// `Host` values that are answered: lower case, with a port where one was given.
    pub allowed_hosts: Allowed,
    /// Origins that are answered: lower case, without a trailing slash or a scheme's own port.
    pub allowed_origins: Allowed,
    /// Whether the GraphQL schema is told.
    pub introspection: bool,
    /// Whether GraphiQL is served.
    pub graphiql: bool,
}

/// Which names are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// `localhost`, `127.0.0.1`, `[::1]`, with any port.
    Loopback,
    /// All.
    Any,
    /// These and no others.
    These(Vec<String>),
}

impl AccessSettings {
    pub(super) fn read(reader: &mut Reader<'_>, api: &ListenSettings) -> Self {
        if !api.is_loopback() && !reader.has("ADMIN_TOKEN") {
            reader.fault(
                "ADMIN_TOKEN",
                "must be set, as API_HOST is an address that others can reach",
            );
        }
        Self {
            admin_token: reader.optional("ADMIN_TOKEN", token),
            read_token: reader.optional("READ_TOKEN", token),
            allowed_hosts: reader
                .optional("ALLOWED_HOSTS", |text| allowed(text, host))
                .unwrap_or(Allowed::Loopback),
            allowed_origins: reader
                .optional("ALLOWED_ORIGINS", |text| allowed(text, origin))
                .unwrap_or(Allowed::Loopback),
            introspection: reader.value("INTROSPECTION", value::switch),
            graphiql: reader.value("GRAPHIQL", value::switch),
        }
    }
}

/// What can be sent after `Bearer` (RFC 6750, `b64token`).
fn token(text: &str) -> Parsed<Secret> {
    let bare = text.trim_end_matches('=');
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/')
    };
    if bare.is_empty() || !bare.bytes().all(allowed) {
        return Err("may only hold letters, digits and - . _ ~ + /, and = at its end".to_owned());
    }
    Ok(Secret::new(text))
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
    let wrong = "is not a host, such as desk.example or desk.example:8080";
    match Url::parse(&format!("http://{text}/")) {
        Ok(url) if url.path() == "/" && url.username().is_empty() && url.password().is_none() => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Err(wrong.to_owned()),
    }
}

fn origin(text: &str) -> Parsed<String> {
    let wrong = || "is not an origin, such as https://desk.example".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let origin = url.origin();
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    match origin {
        Origin::Tuple(..) if bare && matches!(url.scheme(), "http" | "https") => {
            Ok(origin.ascii_serialization())
        }
        _ => Err(wrong()),
    }
}
