//! Settings for the NATS stream that distributes the feed.

use std::fmt;

use url::Url;

use super::{
    DatabaseUrl, Secret,
    reader::SettingsReader,
    value::{self, Parsed},
};

/// How the feed is distributed.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// The stream that distributes it; without one, followers read the database.
    pub stream: Option<StreamUrl>,
}

/// The NATS servers of the stream. `Display` and `Debug` show the hosts, and never user or
/// password.
#[derive(Clone)]
pub struct StreamUrl {
    servers: Vec<Url>,
}

impl FeedSettings {
    pub(super) fn read(reader: &mut SettingsReader<'_>, database: &DatabaseUrl) -> Self {
        let stream = reader.optional("FEED_URL", StreamUrl::parse);
        if stream.is_some() && matches!(database, DatabaseUrl::Sqlite(_)) {
            reader.reject(
                "FEED_URL",
                "requires a DATABASE_URL that begins with postgres://",
            );
        }
        Self { stream }
    }
}

impl StreamUrl {
    /// Parses a comma-separated list of URLs.
    ///
    /// # Errors
    ///
    /// A message that does not contain the URLs.
    pub fn parse(text: &str) -> Parsed<Self> {
        for url in text.split(',') {
            value::encoded_user(url)?;
        }
        let server = |text: &str| {
            let url = Url::parse(text.trim()).ok()?;
            let known = matches!(url.scheme(), "nats" | "tls") && url.has_host();
            let is_base = matches!(url.path(), "" | "/") && url.query().is_none();
            (known && is_base).then_some(url)
        };
        let servers: Option<Vec<Url>> = text.split(',').map(server).collect();
        servers.map(|servers| Self { servers }).ok_or_else(|| {
            "must be like nats://user:password@host:4222, or a comma-separated list".to_owned()
        })
    }

    /// The URLs of the servers, including user and password, to connect to.
    pub fn expose(&self) -> impl Iterator<Item = Secret> {
        self.servers.iter().map(|url| Secret::new(url.as_str()))
    }
}

impl fmt::Display for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, url) in self.servers.iter().enumerate() {
            let host = url.host_str().unwrap_or_default();
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{host}:{}", url.port().unwrap_or(4222))?;
        }
        Ok(())
    }
}

impl fmt::Debug for StreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
