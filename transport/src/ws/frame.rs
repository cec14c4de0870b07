//! Encodes the frames of a server (RFC 6455, section 5.2): not fragmented and not masked.

const FINAL: u8 = 0x80;
const TEXT: u8 = FINAL | 1;
const PING: u8 = FINAL | 9;

/// Appends a text message that consists of `parts`.
pub(super) fn put_text(frames: &mut Vec<u8>, parts: &[&[u8]]) {
    let length = parts.iter().map(|part| part.len()).sum();
    frames.reserve(MAX_HEADER + length);
    frames.push(TEXT);
    put_length(frames, length);
    for part in parts {
        frames.extend_from_slice(part);
    }
}

/// Appends a ping without a payload.
pub(super) fn put_ping(frames: &mut Vec<u8>) {
    frames.extend_from_slice(&[PING, 0]);
}

/// Maximum size of the header of a frame, in bytes.
const MAX_HEADER: usize = 10;

fn put_length(frames: &mut Vec<u8>, length: usize) {
    if let Ok(length @ ..126) = u8::try_from(length) {
        frames.push(length);
    } else if let Ok(length) = u16::try_from(length) {
        frames.push(126);
        frames.extend_from_slice(&length.to_be_bytes());
    } else {
        frames.push(127);
        frames.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio_tungstenite::tungstenite::{Message, WebSocket, protocol::Role};

    use super::*;

    #[test]
    fn a_client_reads_frames_of_all_sizes() {
        let sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000];
        let texts = sizes.map(|size| "é".repeat(size / 2) + &"x".repeat(size % 2));
        let mut frames = Vec::new();
        for text in &texts {
            let (start, end) = text.as_bytes().split_at(text.len() / 3);
            put_text(&mut frames, &[start, b"", end]);
        }
        put_ping(&mut frames);
        let mut client = WebSocket::from_raw_socket(Cursor::new(frames), Role::Client, None);
        for text in texts {
            assert_eq!(client.read().expect("a frame"), Message::text(text));
        }
        assert!(client.read().expect("a frame").is_ping());
    }
}
