//! Mail, through a server that accepts, rejects, stalls and closes.

use std::time::Duration;

use delivery::{Advice, Attempt, Outcome, Sender, Target};
use entity::WebhookFormat;

use crate::{
    fixture::{assert_failed, let_time_out, mail_settings, message, now, settings},
    mail_server::{MailServer, Replies, accept},
};

const TO: &str = "mailto:some.S3CRET@example.org";

fn sender(server: &MailServer, user: &str) -> (Sender, Target) {
    let settings = mail_settings(&format!("smtp://{user}{}", server.address));
    let sender = Sender::new(&settings).expect("a sender");
    let target = Target::parse(WebhookFormat::Email, TO, None, &settings);
    (sender, target.expect("a target"))
}

async fn attempt(replies: Replies) -> Attempt {
    let server = MailServer::start(replies);
    let (sender, target) = sender(&server, "me:S3CRET%40@");
    let attempt = sender.send(&target, &message(), now()).await;
    assert!(!format!("{sender:?} {target:?} {attempt:?}").contains("S3CRET"));
    attempt
}

#[tokio::test]
async fn a_mail_server_accepts_a_mail() {
    let server = MailServer::start(accept);
    // `me`, with a password of `S3CRET@`.
    let (sender, target) = sender(&server, "me:S3CRET%40@");
    let attempt = sender.send(&target, &message(), now()).await;
    assert_eq!(
        (attempt.status, attempt.outcome),
        (Some(250), Outcome::Delivered)
    );
    let lines = server.lines();
    for line in [
        "EHLO example.com",
        "AUTH PLAIN AG1lAFMzQ1JFVEA=",
        "MAIL FROM:<alerts@example.com>",
        "RCPT TO:<some.S3CRET@example.org>",
        "Message-ID: <Alert-7@example.com>",
        "To: some.S3CRET@example.org",
        "QUIT",
    ] {
        assert!(lines.iter().any(|it| it == line), "{line}: {lines:#?}");
    }
}

#[tokio::test]
async fn a_mail_server_may_need_no_user() {
    let server = MailServer::start(|line| match line {
        "EHLO example.com" => "250 mail.example\r\n",
        line => accept(line),
    });
    let (sender, target) = sender(&server, "");
    let attempt = sender.send(&target, &message(), now()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    assert!(!server.lines().iter().any(|line| line.starts_with("AUTH")));
}

#[tokio::test]
async fn a_temporary_rejection_is_retried_and_a_permanent_one_is_not() {
    let mail = "the mail server rejects the mail";
    let temporary = attempt(|line| match line {
        line if line.starts_with("RCPT") => "450 4.2.1 <some.S3CRET@example.org>: later\r\n",
        line => accept(line),
    });
    let error = format!("{mail}: SMTP 450 4.2.1");
    assert_failed(&temporary.await, Some(450), &error, Advice::Retry);
    let permanent = attempt(|line| match line {
        line if line.starts_with("RCPT") => "550 5.1.1 <some.S3CRET@example.org>: no\r\n",
        line => accept(line),
    });
    let error = format!("{mail}: SMTP 550 5.1.1");
    assert_failed(&permanent.await, Some(550), &error, Advice::Never);
    let spam = attempt(|line| match line {
        "." => "554 some.S3CRET is spam\r\n",
        line => accept(line),
    });
    let error = format!("{mail}: SMTP 554");
    assert_failed(&spam.await, Some(554), &error, Advice::Never);
    let later = attempt(|line| match line {
        "." => "452-4.3.1 S3CRET\r\n452 4.3.1 full\r\n",
        line => accept(line),
    });
    let error = format!("{mail}: SMTP 452 4.3.1");
    assert_failed(&later.await, Some(452), &error, Advice::Retry);
}

#[tokio::test]
async fn a_rejected_user_is_retried_because_it_is_not_about_the_mail() {
    let attempt = attempt(|line| match line {
        line if line.starts_with("AUTH") => "535 5.7.8 S3CRET is wrong\r\n",
        line => accept(line),
    });
    let error = "the mail server rejects the connection or the user: SMTP 535 5.7.8";
    assert_failed(&attempt.await, Some(535), error, Advice::Retry);
    let greeting = self::attempt(|_| "554 5.7.1 S3CRET is blocked\r\n");
    let error = "the mail server rejects the connection or the user: SMTP 554 5.7.1";
    assert_failed(&greeting.await, Some(554), error, Advice::Retry);
    let no_login = self::attempt(|line| match line {
        "EHLO example.com" => "250 mail.example\r\n",
        line => accept(line),
    });
    let error = "the mail server offers no supported authentication";
    assert_failed(&no_login.await, None, error, Advice::Retry);
}

#[tokio::test]
async fn a_broken_or_nonsensical_dialogue_is_retried() {
    let closed = attempt(|line| if line == "." { "" } else { accept(line) });
    let error = "the mail server did not complete the transfer";
    assert_failed(&closed.await, None, error, Advice::Retry);
    let nonsense = attempt(|_| "HTTP/1.1 400 S3CRET\r\n");
    let error = "no connection to the mail server";
    assert_failed(&nonsense.await, None, error, Advice::Retry);
    let settings = mail_settings("smtps://me:S3CRET@127.0.0.1:1");
    let sender = Sender::new(&settings).expect("a sender");
    let target = Target::parse(WebhookFormat::Email, TO, None, &settings).expect("a target");
    let refused = sender.send(&target, &message(), now()).await;
    assert_failed(&refused, None, "the connection was refused", Advice::Retry);
}

#[tokio::test]
async fn a_server_that_stalls_is_a_timeout() {
    let server = MailServer::start(|line| if line == "." { "stall" } else { accept(line) });
    let (sender, target) = sender(&server, "");
    let message = message();
    let (attempt, ()) = tokio::join!(
        sender.send(&target, &message, now()),
        let_time_out(|| server.lines().iter().any(|line| line == ".")),
    );
    assert_failed(&attempt, None, "no answer within 15 s", Advice::Retry);
}

#[tokio::test]
async fn an_accepted_mail_is_delivered_whatever_follows() {
    let replies: [Replies; 2] = [
        |line| {
            if line == "QUIT" {
                "stall"
            } else {
                accept(line)
            }
        },
        |line| if line == "QUIT" { "" } else { accept(line) },
    ];
    for replies in replies {
        let attempt = attempt(replies).await;
        assert_eq!(
            (attempt.status, attempt.outcome),
            (Some(250), Outcome::Delivered)
        );
        assert!(attempt.duration < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn without_a_mail_server_a_stored_mailbox_is_retried() {
    let with = mail_settings("smtp://127.0.0.1:1");
    let target = Target::parse(WebhookFormat::Email, TO, None, &with).expect("a target");
    let sender = Sender::new(&settings(false)).expect("a sender");
    let attempt = sender.send(&target, &message(), now()).await;
    assert_failed(&attempt, None, "SMTP_URL is not set", Advice::Retry);
}

#[test]
fn an_invalid_mail_server_is_an_error_without_the_url() {
    for url in [
        "S3CRET",
        "https://S3CRET",
        "smtp://",
        "smtp://%ff:S3CRET@mail.example",
    ] {
        let error = Sender::new(&mail_settings(url)).expect_err(url);
        assert!(
            !format!("{error} {error:?}").contains("S3CRET"),
            "{error:?}"
        );
    }
    let mut settings = mail_settings("smtp://127.0.0.1:1");
    if let Some(smtp) = &mut settings.smtp {
        smtp.from = "nobody".to_owned();
    }
    assert!(Sender::new(&settings).is_err());
}
