//! A mail server that answers as a test wants.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the server answers to a command; its end without an answer if that is empty.
pub(crate) type Replies = fn(&str) -> &'static str;

/// The server. Its threads end with the test's process.
pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
}

/// Accepts everything.
pub(crate) fn accept(line: &str) -> &'static str {
    match line.split(' ').next().unwrap_or_default() {
        "EHLO" => "250-mail.example\r\n250 AUTH PLAIN LOGIN\r\n",
        "AUTH" => "235 2.7.0 Authentication successful\r\n",
        "DATA" => "354 Go on\r\n",
        "." => "250 2.0.0 Queued as S3CRET\r\n",
        "QUIT" => "221 2.0.0 Bye\r\n",
        "MAIL" | "RCPT" => "250 2.1.0 Ok\r\n",
        "CONNECT" => "220 mail.example ESMTP\r\n",
        _ => "500 5.5.2 Unknown command\r\n",
    }
}

impl MailServer {
    /// Starts a server on a loopback address.
    pub(crate) fn start(replies: Replies) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
        let server = Self {
            address: listener.local_addr().expect("an address"),
            lines: Arc::default(),
        };
        let lines = server.lines.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let lines = lines.clone();
                thread::spawn(move || serve(stream, replies, &lines));
            }
        });
        server
    }

    /// What clients have sent.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("a lock").clone()
    }
}

fn serve(stream: TcpStream, replies: Replies, lines: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    let mut is_data = false;
    let mut line = "CONNECT".to_owned();
    loop {
        if !is_data || line == "." {
            is_data = line == "DATA";
            match replies(&line) {
                "" => return Ok(()),
                // Until the client closes the connection.
                "stall" => return reader.read_to_end(&mut Vec::new()).map(drop),
                reply => writer.write_all(reply.as_bytes())?,
            }
        }
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        line.truncate(line.trim_end().len());
        lines.lock().expect("a lock").push(line.clone());
    }
}
