//! What carries the feed to the processes that follow it.
//!
//! One invariant: a URL is formatted without its user and password, and names servers that this product can use.

use std::fmt;

use url::Url;

use super::{
    DatabaseUrl, Secret,
    reader::Reader,
    value::{self, Parsed},
};

/// How the feed reaches its followers.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// The stream that carries it; without one, followers read the database.
    pub stream: Option<StreamUrl>,
}

/// The servers of NATS that keep the feed's stream. Formatting it tells where they are and nothing secret.
#[derive(Clone)]
pub struct StreamUrl {
    servers: Vec<Url>,
}

impl FeedSettings {
    pub(super) fn read(reader: &mut Reader<'_>, database: &DatabaseUrl) -> Self {
        let stream = reader.optional("FEED_URL", StreamUrl::parse);
        if stream.is_some() && matches!(database, DatabaseUrl::Sqlite(_)) {
            reader.fault(
                "FEED_URL",
                "needs a DATABASE_URL of postgres://…: nobody else follows a SQLite file"
                    .to_owned(),
            );
        }
        Self { stream }
    }
}

impl StreamUrl {
    /// Reads a comma list of URLs.
    ///
    /// # Errors
    ///
    /// What must be different, without repeating the URLs.
    pub fn parse(text: &str) -> Parsed<Self> {
        for url in text.split(',') {
            value::encoded_user(url)?;
        }
        let server = |text: &str| {
            let url = Url::parse(text.trim()).ok()?;
            let known = matches!(url.scheme(), "nats" | "tls") && url.has_host();
            let bare = matches!(url.path(), "" | "/") && url.query().is_none();
            (known && bare).then_some(url)
        };
        let servers: Option<Vec<Url>> = text.split(',').map(server).collect();
        servers.map(|servers| Self { servers }).ok_or_else(|| {
            "must be like nats://user:password@host:4222, or a comma list of such".to_owned()
        })
    }

    /// The servers' URLs, secrets and all, for connecting.
    pub fn expose(&self) -> impl Iterator<Item = Secret> {
        self.servers.iter().map(|url| Secret::new(url.as_str()))
    }
}

impl fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, url) in self.servers.iter().enumerate() {
            let host = url.host_str().unwrap_or_default();
            let between = if index == 0 { "" } else { ", " };
            write!(f, "{between}{host}:{}", url.port().unwrap_or(4222))?;
        }
        Ok(())
    }
}

impl fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
