//! The causes of transport errors, as fixed texts, so that no part of a URL or of an answer gets
//! into the log.

use std::{error::Error, io, io::ErrorKind, iter};

use rustls::CertificateError;

use crate::guard::{LookupFailed, NotGloballyReachable};

/// Returns the cause of a transport error, if it is a known one.
pub(super) fn of(error: &(dyn Error + 'static)) -> Option<String> {
    iter::successors(Some(error), |&error| error.source()).find_map(known)
}

fn known(error: &(dyn Error + 'static)) -> Option<String> {
    if error.is::<NotGloballyReachable>() || error.is::<LookupFailed>() {
        return Some(error.to_string());
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls(error).to_owned());
    }
    let error = error.downcast_ref::<io::Error>()?;
    if let Some(inner) = error.get_ref() {
        let inner: &(dyn Error + 'static) = inner;
        // TLS errors are wrapped.
        if let Some(cause) = of(inner) {
            return Some(cause);
        }
    }
    let text = match error.kind() {
        ErrorKind::ConnectionRefused => "the connection was refused",
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            "the connection was reset"
        }
        ErrorKind::UnexpectedEof => "the connection was closed",
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => "the host is unreachable",
        ErrorKind::TimedOut => "the connection timed out",
        _ => return None,
    };
    Some(text.to_owned())
}

fn tls(error: &rustls::Error) -> &'static str {
    let rustls::Error::InvalidCertificate(error) = error else {
        return "the TLS handshake failed";
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate of the server has expired"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate of the server is for another host"
        }
        CertificateError::UnknownIssuer => "the certificate of the server has an unknown issuer",
        CertificateError::Revoked => "the certificate of the server is revoked",
        _ => "the certificate of the server is invalid",
    }
}
