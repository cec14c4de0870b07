//! Mailboxes: `mailto:` and one address.

use lettre::Address;
use percent_encoding::percent_decode_str;
use runtime::config::DeliverySettings;

use super::{MASK, TargetError};

const SCHEME: &str = "mailto:";
/// The error of a URL that is not one address.
const FORM: &str = "must be mailto: and one address, such as mailto:someone@example.com";

/// Parses the URL of a mailbox.
pub(super) fn parse(url: &str, settings: &DeliverySettings) -> Result<Address, TargetError> {
    let wrong = || TargetError::url(FORM);
    let address = address(url).ok_or_else(wrong)?;
    let decoded = percent_decode_str(address)
        .decode_utf8()
        .map_err(|_| wrong())?;
    // Quoted local parts, comments, lists, header fields and address literals are left out.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&byte);
    let is_one = decoded
        .split_once('@')
        .is_some_and(|(_, domain)| is_domain(domain));
    if !is_one || !decoded.bytes().all(is_plain) || address.contains('?') {
        return Err(wrong());
    }
    let address = decoded.parse().map_err(|_| wrong())?;
    if settings.smtp.is_none() {
        let problem = "needs a mail server, which is not configured; set SMTP_URL and SMTP_FROM";
        return Err(TargetError::url(problem));
    }
    Ok(address)
}

/// Returns the text after `mailto:`.
fn address(url: &str) -> Option<&str> {
    let (scheme, address) = url.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(address)
}

/// Returns the domain of the address in a URL.
pub(super) fn domain(url: &str) -> Option<&str> {
    let (_, domain) = address(url)?.rsplit_once('@')?;
    is_domain(domain).then_some(domain)
}

/// Whether a text has only the characters of a domain name.
fn is_domain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    text.bytes().all(is_plain)
}

/// Returns the URL of a mailbox without its local part.
pub(super) fn mask(domain: &str) -> String {
    format!("{SCHEME}{MASK}@{domain}")
}
