//! Content negotiation: parses `Accept`.
//!
//! The media type with the highest weight wins, ties by the order in the header. Of the ranges that
//! match a media type, the most specific one gives its weight.

use std::cmp::Reverse;

use http::{HeaderMap, HeaderValue, header::ACCEPT};

/// The media type of a single response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaType {
    /// `application/graphql-response+json`: the status shows whether the operation was executed.
    Response,
    /// `application/json`: the status is 200 for any GraphQL response.
    Json,
}

impl MediaType {
    /// The value of `Content-Type`.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Response => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }
}

/// The response formats that a client accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accept {
    /// The preferred media type of a single response, if the client accepts one.
    pub(crate) single: Option<MediaType>,
    /// Whether `text/event-stream` is accepted, by name.
    pub(crate) stream: bool,
    /// Whether `text/html` is preferred to any single response.
    pub(crate) html: bool,
}

/// Whether a client accepts a media type. A client without `Accept` accepts any.
pub fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let text = header_value(headers);
    let ranges = MediaRanges::parse(&text);
    ranges.0.is_empty() || ranges.weigh(media_type).is_some()
}

/// The weight of a media type and its place in the header: greater is preferred.
type Rank = (u16, Reverse<usize>);

/// The media ranges of a header.
struct MediaRanges<'a>(Vec<(&'a str, Rank)>);

impl<'a> MediaRanges<'a> {
    fn parse(text: &'a str) -> Self {
        let ranges = text.split(',').enumerate().filter_map(|(place, range)| {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().filter(|name| !name.is_empty())?;
            let weight = parts.find_map(parse_weight).unwrap_or(1000);
            Some((name, (weight, Reverse(place))))
        });
        Self(ranges.collect())
    }

    /// The rank of a media type that is listed by name.
    fn rank(&self, name: &str) -> Option<Rank> {
        let ranges = self.0.iter();
        ranges
            .filter(|range| range.0.eq_ignore_ascii_case(name))
            .map(|range| range.1)
            .max()
    }

    /// The weight of a media type, whether it is listed by name, and its place; `None` if it is not
    /// accepted.
    fn weigh(&self, name: &str) -> Option<(u16, bool, Reverse<usize>)> {
        let named = self.rank(name);
        let wildcard = || {
            let (kind, _) = name.split_once('/')?;
            self.rank(&format!("{kind}/*")).or(self.rank("*/*"))
        };
        let (weight, place) = named.or_else(wildcard)?;
        (weight > 0).then_some((weight, named.is_some(), place))
    }
}

impl Accept {
    /// Parses the header. Without it, JSON is accepted.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = header_value(headers);
        if text.trim().is_empty() {
            return Self {
                single: Some(MediaType::Json),
                stream: false,
                html: false,
            };
        }
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let ranges = MediaRanges::parse(text);
        // For a wildcard JSON is preferred, because it is last here.
        let single = [
            ("application/graphql-response+json", MediaType::Response),
            ("application/json", MediaType::Json),
        ];
        let single = single
            .into_iter()
            .filter_map(|(name, media_type)| Some((ranges.weigh(name)?, media_type)))
            .max_by_key(|candidate| candidate.0);
        let is_accepted = |rank: &Rank| rank.0 > 0;
        let html = ranges.rank("text/html").filter(is_accepted);
        let stream = ranges.rank("text/event-stream").filter(is_accepted);
        Self {
            single: single.map(|(_, media_type)| media_type),
            stream: stream.is_some(),
            html: html.is_some_and(|html| {
                single.is_none_or(|((weight, _, place), _)| html > (weight, place))
            }),
        }
    }
}

fn header_value(headers: &HeaderMap) -> String {
    let values = headers.get_all(ACCEPT).iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// Parses `q=0.5` into thousandths. Returns `None` for other parameters, and 0 for an invalid
/// weight.
fn parse_weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let fraction: String = format!("{fraction:0<3}").chars().take(3).collect();
    let thousandths = match (whole.parse::<u16>(), fraction.parse::<u16>()) {
        (Ok(0), Ok(thousandths)) => thousandths,
        (Ok(1), Ok(_)) => 1000,
        _ => 0,
    };
    Some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(text: &str) -> Option<MediaType> {
        Accept::parse(text).single
    }

    #[test]
    fn the_highest_weight_wins_and_ties_go_to_the_first() {
        let both = "application/graphql-response+json,application/json";
        assert_eq!(single(both), Some(MediaType::Response));
        assert_eq!(
            single("application/json, application/graphql-response+json"),
            Some(MediaType::Json)
        );
        assert_eq!(
            single("application/graphql-response+json;q=0.8, application/json;q=0.9"),
            Some(MediaType::Json)
        );
        assert_eq!(
            single("application/json;q=0.5,*/*;q=0.1, application/graphql-response+json ; Q=0.55"),
            Some(MediaType::Response)
        );
    }

    #[test]
    fn a_wildcard_matches_json_first() {
        assert_eq!(single("*/*"), Some(MediaType::Json));
        assert_eq!(single("application/*"), Some(MediaType::Json));
        assert_eq!(single("text/html, */*;q=0.8"), Some(MediaType::Json));
        assert_eq!(
            single("application/json;q=0, */*"),
            Some(MediaType::Response)
        );
        assert_eq!(single("*/*, application/json"), Some(MediaType::Json));
        let worse = "application/*;q=0.5, application/json;q=0.1, */*;q=0.9";
        assert_eq!(single(worse), Some(MediaType::Response));
        let ruled_out = "application/graphql-response+json;q=0, application/json;q=0, */*";
        assert_eq!(single(ruled_out), None);
    }

    #[test]
    fn other_media_types_are_not_acceptable() {
        assert_eq!(single("text/plain"), None);
        assert_eq!(single("application/json;q=0"), None);
        assert_eq!(single("text/event-stream"), None);
        assert_eq!(single("application/json;q=x"), None);
    }

    #[test]
    fn event_streams_are_accepted_only_by_name() {
        assert!(Accept::parse("text/event-stream").stream);
        assert!(Accept::parse("application/json;q=0.9, Text/Event-Stream;q=0.1").stream);
        assert!(!Accept::parse("*/*").stream);
        assert!(!Accept::parse("text/event-stream;q=0").stream);
    }

    #[test]
    fn browsers_prefer_html() {
        assert!(Accept::parse("text/html,application/xhtml+xml,*/*;q=0.8").html);
        assert!(!Accept::parse("*/*").html);
        assert!(!Accept::parse("application/json, text/html").html);
        assert!(!Accept::parse("application/json, text/html;q=0.9").html);
    }

    #[test]
    fn a_media_type_is_accepted_by_name_by_wildcard_or_without_the_header() {
        let json = |value: &str| {
            let value = value.parse().expect("a header value");
            accepts(&HeaderMap::from_iter([(ACCEPT, value)]), "application/json")
        };
        for value in [
            "*/*",
            "text/html, application/json;q=0.1",
            "Application/*",
            "",
            "a/b, */*",
        ] {
            assert!(json(value), "{value}");
        }
        for value in [
            "application/xml",
            "application/json;q=0",
            "application/json;q=0, */*",
            "text/*;q=1, image/png",
        ] {
            assert!(!json(value), "{value}");
        }
        assert!(accepts(&HeaderMap::new(), "application/json"));
    }
}
