//! Content negotiation: which form of answer a client prefers.
//!
//! Invariant: the best `q` wins, that of the most specific range of each media type; ties by the order
//! in which the client wrote them. Called once per HTTP request.

use http::{HeaderMap, HeaderValue, header::ACCEPT};

/// The media types of a single answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/graphql-response+json`: the status tells whether the operation was executed.
    Response,
    /// `application/json`: the status is 200 for whatever was understood.
    Json,
}

impl Media {
    /// The value of `Content-Type`.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Response => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }
}

/// What a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Accept {
    /// The form of a single answer, if it takes one.
    pub(crate) single: Option<Media>,
    /// Whether it takes `text/event-stream`, by name.
    pub(crate) stream: bool,
    /// Whether it prefers `text/html` to any single answer.
    pub(crate) html: bool,
}

/// The weight of one media type, and the place where it was written: larger is better.
type Rank = (u16, std::cmp::Reverse<usize>);

impl Accept {
    /// Reads the header; without one, JSON is taken.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let values: Vec<&str> = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let text = values.join(",");
        if text.trim().is_empty() {
            return Self {
                single: Some(Media::Json),
                stream: false,
                html: false,
            };
        }
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let entries: Vec<(&str, Rank)> = text
            .split(',')
            .enumerate()
            .filter_map(|(place, entry)| {
                let mut parts = entry.split(';').map(str::trim);
                let name = parts.next().filter(|name| !name.is_empty())?;
                let weight = parts.find_map(weight).unwrap_or(1000);
                Some((name, (weight, std::cmp::Reverse(place))))
            })
            .collect();
        let rank = |name: &str| {
            entries
                .iter()
                .filter(|entry| entry.0.eq_ignore_ascii_case(name))
                .map(|entry| entry.1)
                .max()
        };
        // A media type weighs what the range says that fits it best; a wildcard stands for JSON first.
        let any = rank("application/*").or(rank("*/*"));
        let weigh = |name: &str, media: Media| {
            let named = rank(name);
            let (weight, place) = named.or(any)?;
            (weight > 0).then_some(((weight, named.is_some(), place), media))
        };
        let single = [
            weigh("application/graphql-response+json", Media::Response),
            weigh("application/json", Media::Json),
        ];
        let single = single
            .into_iter()
            .flatten()
            .max_by_key(|candidate| candidate.0);
        let html = rank("text/html").filter(|rank| rank.0 > 0);
        Self {
            single: single.map(|(_, media)| media),
            stream: rank("text/event-stream").is_some_and(|rank| rank.0 > 0),
            html: html.is_some_and(|html| {
                single.is_none_or(|((weight, _, place), _)| html > (weight, place))
            }),
        }
    }
}

/// `q=0.5` in thousandths; `None` for other parameters. What is no number weighs nothing.
fn weight(parameter: &str) -> Option<u16> {
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

    fn single(text: &str) -> Option<Media> {
        Accept::parse(text).single
    }

    #[test]
    fn the_best_weight_wins_and_the_first_of_equals() {
        let both = "application/graphql-response+json,application/json";
        assert_eq!(single(both), Some(Media::Response));
        assert_eq!(
            single("application/json, application/graphql-response+json"),
            Some(Media::Json)
        );
        assert_eq!(
            single("application/graphql-response+json;q=0.8, application/json;q=0.9"),
            Some(Media::Json)
        );
        assert_eq!(
            single("application/json;q=0.5,*/*;q=0.1, application/graphql-response+json ; Q=0.55"),
            Some(Media::Response)
        );
    }

    #[test]
    fn a_wildcard_stands_for_json() {
        assert_eq!(single("*/*"), Some(Media::Json));
        assert_eq!(single("application/*"), Some(Media::Json));
        assert_eq!(single("text/html, */*;q=0.8"), Some(Media::Json));
        assert_eq!(single("application/json;q=0, */*"), Some(Media::Response));
        assert_eq!(single("*/*, application/json"), Some(Media::Json));
        let worse = "application/*;q=0.5, application/json;q=0.1, */*;q=0.9";
        assert_eq!(single(worse), Some(Media::Response));
        let ruled_out = "application/graphql-response+json;q=0, application/json;q=0, */*";
        assert_eq!(single(ruled_out), None);
    }

    #[test]
    fn what_cannot_be_served_is_not_acceptable() {
        assert_eq!(single("text/plain"), None);
        assert_eq!(single("application/json;q=0"), None);
        assert_eq!(single("text/event-stream"), None);
        assert_eq!(single("application/json;q=x"), None);
    }

    #[test]
    fn event_streams_count_only_by_name() {
        assert!(Accept::parse("text/event-stream").stream);
        assert!(Accept::parse("application/json;q=0.9, Text/Event-Stream;q=0.1").stream);
        assert!(!Accept::parse("*/*").stream);
        assert!(!Accept::parse("text/event-stream;q=0").stream);
    }

    #[test]
    fn a_browser_prefers_a_page() {
        assert!(Accept::parse("text/html,application/xhtml+xml,*/*;q=0.8").html);
        assert!(!Accept::parse("*/*").html);
        assert!(!Accept::parse("application/json, text/html").html);
        assert!(!Accept::parse("application/json, text/html;q=0.9").html);
    }
}
