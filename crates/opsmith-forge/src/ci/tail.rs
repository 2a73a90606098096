use std::collections::VecDeque;

/// The end of a stream of any length, in bounded memory.
#[derive(Debug)]
pub struct TailBuffer {
    bytes: VecDeque<u8>,
    capacity: usize,
    dropped_bytes: u64,
}

impl TailBuffer {
    /// Keeps the last `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        Self { bytes: VecDeque::new(), capacity, dropped_bytes: 0 }
    }

    /// Takes the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        let fits = &piece[piece.len().saturating_sub(self.capacity)..];
        let surplus = (self.bytes.len() + fits.len()).saturating_sub(self.capacity);
        self.bytes.drain(..surplus);
        self.bytes.extend(fits);
        self.dropped_bytes += (surplus + piece.len() - fits.len()) as u64;
    }

    /// How much of the stream is no longer here.
    pub fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }

    /// The kept end, without the line that its beginning was cut off from.
    pub fn into_bytes(self) -> Vec<u8> {
        let cut = self.dropped_bytes > 0;
        let mut bytes = Vec::from(self.bytes);
        if let Some(newline) = bytes.iter().position(|byte| *byte == b'\n')
            && cut
        {
            bytes.drain(..=newline);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(capacity: usize, pieces: &[&str]) -> (String, u64) {
        let mut tail = TailBuffer::new(capacity);
        for piece in pieces {
            tail.push(piece.as_bytes());
        }
        let dropped = tail.dropped_bytes();
        (String::from_utf8(tail.into_bytes()).unwrap(), dropped)
    }

    #[test]
    fn the_end_is_kept_from_the_start_of_a_line() {
        assert_eq!(tail(8, &["ab\n", "cd\n"]), ("ab\ncd\n".into(), 0));
        assert_eq!(tail(8, &["one\n", "two\n", "three"]), ("three".into(), 5));
        assert_eq!(tail(4, &["far more than four"]), ("four".into(), 14));
        assert_eq!(tail(4, &["a\nb\nc\nd\n"]), ("d\n".into(), 4));
    }

    #[test]
    fn memory_is_bounded_by_the_capacity() {
        let mut tail = TailBuffer::new(1000);
        for _ in 0..10_000 {
            tail.push(&[b'x'; 777]);
        }
        assert!(tail.bytes.capacity() <= 4096, "{}", tail.bytes.capacity());
        assert_eq!(tail.dropped_bytes(), 7_770_000 - 1000);
    }
}
