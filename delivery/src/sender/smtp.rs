//! Mail, through the mail server of the operator.
//!
//! An attempt uses a connection of its own. The guard does not apply, because the server is part of
//! the settings.

use std::{fmt, time::Duration};

use lettre::{
    Address, Message,
    transport::smtp::{
        Error as SmtpError,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use runtime::config::SmtpSettings;
use tokio::time::timeout;
use url::{Host, Url};

use super::{Answer, Error, cause};
use crate::{Advice, Failure};

/// The ports of mail submission: with implicit TLS, and with STARTTLS.
const SUBMISSIONS_PORT: u16 = 465;
const SUBMISSION_PORT: u16 = 587;
/// How long to wait for the answer to `QUIT`, after the mail was accepted.
const QUIT_TIMEOUT: Duration = Duration::from_millis(500);

/// Sends mail.
pub(super) struct Mailer {
    host: String,
    port: u16,
    tls: TlsParameters,
    /// Whether the connection begins with TLS. Otherwise STARTTLS is used if it is offered.
    implicit_tls: bool,
    credentials: Option<Credentials>,
    from: Address,
}

/// When an attempt failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Before the mail was offered: a rejection is not about the mail.
    Connect,
    /// When the mail was offered.
    Send,
}

impl Mailer {
    /// Creates a mailer.
    pub(super) fn new(settings: &SmtpSettings) -> Result<Self, Error> {
        let url = Url::parse(settings.url.expose()).map_err(|_| Error::SmtpUrl)?;
        let implicit_tls = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(Error::SmtpUrl),
        };
        let host = host(&url).ok_or(Error::SmtpUrl)?;
        let port = url.port().unwrap_or(if implicit_tls {
            SUBMISSIONS_PORT
        } else {
            SUBMISSION_PORT
        });
        Ok(Self {
            tls: TlsParameters::new(host.clone()).map_err(Error::Mail)?,
            port,
            implicit_tls,
            credentials: credentials(&url)?,
            from: settings.from.parse().map_err(|_| Error::SmtpFrom)?,
            host,
        })
    }

    /// The sender address.
    pub(super) fn from(&self) -> &Address {
        &self.from
    }

    /// Sends a mail.
    pub(super) async fn send(&self, mail: &Message) -> Answer {
        let mut connection = match self.connect().await {
            Ok(connection) => connection,
            Err(error) => return failed(&error, Step::Connect),
        };
        match connection.send(mail.envelope(), &mail.formatted()).await {
            Ok(response) => {
                // The mail is accepted, whatever the answer.
                let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
                Answer::delivered(response.code().into())
            }
            Err(error) => failed(&error, Step::Send),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let name = ClientId::Domain(self.from.domain().to_owned());
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(super::TIMEOUT),
            &name,
            self.implicit_tls.then(|| self.tls.clone()),
            None,
        )
        .await?;
        if connection.can_starttls() {
            connection.starttls(self.tls.clone(), &name).await?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, credentials).await?;
        }
        Ok(connection)
    }
}

/// Returns the host, without the brackets of an IPv6 address.
fn host(url: &Url) -> Option<String> {
    match url.host()? {
        Host::Domain("") => None,
        Host::Domain(name) => Some(name.to_owned()),
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(address.to_string()),
    }
}

/// Returns the user and password, if there are any.
fn credentials(url: &Url) -> Result<Option<Credentials>, Error> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(Into::into).map_err(|_| Error::SmtpUrl)
    };
    let user: String = decoded(url.username())?;
    let password: String = decoded(url.password().unwrap_or_default())?;
    Ok((!user.is_empty()).then(|| Credentials::new(user, password)))
}

/// Returns the result of an error. The reply of the server may contain the address, so only its
/// codes are shown.
fn failed(error: &SmtpError, step: Step) -> Answer {
    let Some(status) = error.status() else {
        let text = cause::of(error).unwrap_or_else(|| {
            let text = match step {
                _ if error.is_tls() => "the TLS handshake with the mail server failed",
                Step::Connect if error.is_client() => {
                    "the mail server offers no supported authentication"
                }
                Step::Connect => "no connection to the mail server",
                Step::Send => "the mail server did not complete the transfer",
            };
            text.to_owned()
        });
        return Answer::failed(Failure::new(&text, Advice::Retry));
    };
    let advice = if error.is_permanent() && step == Step::Send {
        Advice::Never
    } else {
        Advice::Retry
    };
    let reply = std::error::Error::source(error).map(ToString::to_string);
    let enhanced = reply.as_deref().and_then(enhanced_code);
    let enhanced = enhanced.map(|code| format!(" {code}")).unwrap_or_default();
    let what = match step {
        Step::Connect => "the mail server rejects the connection or the user",
        Step::Send => "the mail server rejects the mail",
    };
    let text = format!("{what}: SMTP {status}{enhanced}");
    Answer::rejected(status.into(), Failure::new(&text, advice))
}

/// Returns the enhanced code at the beginning of a reply, such as `5.1.1` (RFC 3463).
fn enhanced_code(reply: &str) -> Option<&str> {
    let code = reply.split_whitespace().next()?;
    let is_number = |text: &str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let numbers: Vec<_> = code.split('.').collect();
    (numbers.len() == 3 && numbers.into_iter().all(is_number)).then_some(code)
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}
