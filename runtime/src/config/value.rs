//! Parsers for values: booleans, durations, sizes, numbers, URLs and lists.
//!
//! Each is a pure function. Its error completes the sentence "the value …", such as "must be at
//! least 1s". It does not contain the value, which may be a secret; only that of [`list`] names
//! the invalid item.

use std::{fmt::Display, num::NonZeroU32, str::FromStr, time::Duration};

use url::{ParseError, Url};

/// The result of a parser.
pub(super) type Parsed<T> = Result<T, String>;

/// Maximum duration, a hundred years, so that adding it to a time does not overflow.
const MAX_DURATION: Duration = Duration::from_hours(36_500 * 24);

/// Parses a boolean.
pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}

/// Parses a duration: an integer with `ms`, `s`, `m`, `h` or `d`.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    let wrong = || "must be an integer with ms, s, m, h or d, such as 5m".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    if number.is_empty() {
        return Err(wrong());
    }
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(millis))
        .map(Duration::from_millis)
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| "must be at most 36500d".to_owned())
}

/// Parses a duration greater than 0.
pub(super) fn positive_duration(text: &str) -> Parsed<Duration> {
    match duration(text)? {
        Duration::ZERO => Err("must be greater than 0".to_owned()),
        duration => Ok(duration),
    }
}

/// Parses a TCP port; 0 stands for any free port.
pub(super) fn port(text: &str) -> Parsed<u16> {
    text.parse()
        .map_err(|_| "must be a port from 0 to 65535".to_owned())
}

/// Parses an integer of at least 1.
pub(super) fn count(text: &str) -> Parsed<NonZeroU32> {
    text.parse()
        .map_err(|_| format!("must be an integer from 1 to {}", u32::MAX))
}

/// Parses an integer from `least` to `most`.
pub(super) fn number(text: &str, least: u32, most: u32) -> Parsed<u32> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("must be an integer from {least} to {most}")),
    }
}

/// Parses a size in bytes: an integer, alone or with `KiB`, `MiB` or `GiB`.
pub(super) fn bytes(text: &str, least: usize, most: usize) -> Parsed<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start() {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = number.parse::<usize>().ok().zip(unit);
    match bytes.and_then(|(number, unit)| number.checked_mul(unit)) {
        Some(bytes) if (least..=most).contains(&bytes) => Ok(bytes),
        Some(_) => Err(format!("must be from {least} to {most} bytes")),
        None => Err("must be a size such as 65536, 64KiB or 1MiB".to_owned()),
    }
}

/// Parses an absolute `http` or `https` URL.
pub(super) fn http_url(text: &str) -> Parsed<Url> {
    absolute_url(text, ["http", "https"])
}

/// Parses an absolute URL with one of two schemes.
fn absolute_url(text: &str, schemes: [&str; 2]) -> Parsed<Url> {
    let [plain, encrypted] = schemes;
    let form = format!("must be a URL that begins with {plain}:// or {encrypted}://");
    let bad_port = || format!("has an invalid port; must be a port from 1 to {}", u16::MAX);
    match Url::parse(text) {
        Ok(url) if url.port() == Some(0) => Err(bad_port()),
        Ok(url) if schemes.contains(&url.scheme()) && url.has_host() => Ok(url),
        Ok(_) | Err(ParseError::RelativeUrlWithoutBase) => Err(form),
        Err(ParseError::InvalidPort) => Err(bad_port()),
        Err(problem) => Err(format!("is not a URL ({problem}); {form}")),
    }
}

/// Parses the origin of an `http` or `https` server: scheme, host and port, with or without `/` at
/// the end.
pub(super) fn http_origin(text: &str) -> Parsed<Url> {
    let url = http_url(text)?;
    let problem = if has_user(&url) {
        "has a user or password"
    } else if url.path() != "/" {
        "has a path"
    } else if url.query().is_some() {
        "has a query"
    } else if url.fragment().is_some() {
        "has a fragment"
    } else {
        return Ok(url);
    };
    Err(format!(
        "{problem}; must be scheme://host or scheme://host:port, such as https://api.example"
    ))
}

/// Parses an absolute `ws` or `wss` URL without a user or a fragment.
pub(super) fn ws_url(text: &str) -> Parsed<Url> {
    let url = absolute_url(text, ["ws", "wss"])?;
    let problem = if has_user(&url) {
        "has a user or password"
    } else if url.fragment().is_some() {
        "has a fragment"
    } else {
        return Ok(url);
    };
    Err(format!(
        "{problem}; must be scheme://host/path, such as wss://stream.example/v2"
    ))
}

/// Whether a URL has a user or a password.
fn has_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Checks that the user and password of a URL are percent-encoded. Otherwise a part of the password
/// is read as the host, the port or the path, which are not secret.
///
/// `@`, `#`, `/` and `?` each end a part of a URL, so an `@` that follows one of them is not the
/// separator before the host.
pub(super) fn encoded_user(url: &str) -> Parsed<()> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = rest.rsplit_once('@').map_or("", |(user, _)| user);
    let encoded = |escape: &str| {
        let mut digits = escape.bytes();
        let mut digit = || digits.next().is_some_and(|it| it.is_ascii_hexdigit());
        digit() && digit()
    };
    if rest.contains('#') || user.contains(['@', '/', '?']) || !user.split('%').skip(1).all(encoded)
    {
        return Err(
            "user and password must be percent-encoded: @ as %40, # as %23, / as %2F, \
                    ? as %3F and % as %25"
                .to_owned(),
        );
    }
    Ok(())
}

/// Parses a comma-separated list. Spaces around items and repeated items are dropped.
pub(super) fn list<T, E>(text: &str, item: impl Fn(&str) -> Result<T, E>) -> Parsed<Vec<T>>
where
    T: PartialEq,
    E: Display,
{
    let mut items = Vec::new();
    for text in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let item = item(text).map_err(|error| format!("{text:?} {error}"))?;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    if items.is_empty() {
        return Err("must have at least one item".to_owned());
    }
    Ok(items)
}

/// Parses a value with [`FromStr`].
pub(super) fn parsed<T: FromStr>(text: &str) -> Result<T, T::Err> {
    text.parse()
}
