//! Content negotiation by `Accept-Encoding` (RFC 9110, section 12.5.3).

use axum::http::{HeaderMap, header::ACCEPT_ENCODING};

/// The encodings that files are stored in, in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    const ALL: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// The name in headers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }
}

/// Returns the encodings that the client accepts, best first. If it excludes all of them, this is
/// only the identity, which the standard recommends over an error.
pub(crate) fn accepted(headers: &HeaderMap) -> Vec<Encoding> {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let items: Vec<_> = values
        .flat_map(|value| value.split(','))
        .map(parse)
        .collect();
    let weight_of = |name: &str| {
        let mut items = items.iter();
        items
            .find(|item| item.0.eq_ignore_ascii_case(name))
            .map(|item| item.1)
    };
    let mut accepted: Vec<_> = Encoding::ALL
        .into_iter()
        .filter_map(|encoding| {
            let weight = weight_of(encoding.name()).or_else(|| weight_of("*"));
            // The identity is accepted unless it is excluded, but only as the last resort.
            let is_identity = encoding == Encoding::Identity;
            let weight = weight.or(is_identity.then_some(f32::MIN_POSITIVE))?;
            (weight > 0.0).then_some((encoding, weight))
        })
        .collect();
    // The sort is stable, so encodings of equal weight stay in the order of preference.
    accepted.sort_by(|a, b| b.1.total_cmp(&a.1));
    if accepted.is_empty() {
        return vec![Encoding::Identity];
    }
    accepted.into_iter().map(|(encoding, _)| encoding).collect()
}

/// Parses an item such as `gzip;q=0.5`. An invalid weight counts as 0.
fn parse(item: &str) -> (&str, f32) {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case("q")
            .then(|| value.trim().parse().unwrap_or(0.0))
    });
    (name, weight.unwrap_or(1.0))
}

#[cfg(test)]
mod tests {
    use Encoding::{Brotli, Gzip, Identity};

    use super::*;

    fn of(value: &str) -> Vec<Encoding> {
        let value = value.parse().expect("a header value");
        accepted(&HeaderMap::from_iter([(ACCEPT_ENCODING, value)]))
    }

    #[test]
    fn the_best_encoding_comes_first() {
        assert_eq!(of("gzip, deflate, br, zstd"), [Brotli, Gzip, Identity]);
        assert_eq!(of("gzip"), [Gzip, Identity]);
        assert_eq!(of("GZIP;q=0.9, BR ; Q=0.5"), [Gzip, Brotli, Identity]);
        assert_eq!(of("br;q=0.1, *;q=0.5"), [Gzip, Identity, Brotli]);
        assert_eq!(of("*"), [Brotli, Gzip, Identity]);
        assert_eq!(of("identity, gzip;q=0.5"), [Identity, Gzip]);
    }

    #[test]
    fn an_encoding_that_is_not_listed_or_excluded_is_not_used() {
        assert_eq!(accepted(&HeaderMap::new()), [Identity]);
        assert_eq!(of(""), [Identity]);
        assert_eq!(of("zstd"), [Identity]);
        assert_eq!(of("br;q=0, gzip;q=0.001"), [Gzip, Identity]);
        assert_eq!(of("gzip, identity;q=0"), [Gzip]);
        assert_eq!(of("gzip;q=x"), [Identity]);
        assert_eq!(of("gzip;q=NaN, *;q=0"), [Identity]);
    }
}
