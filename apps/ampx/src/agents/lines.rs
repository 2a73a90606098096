/// The longest line that is read; more of it is dropped.
pub(super) const MOST_LINE_BYTES: usize = 1024 * 1024;

/// Cuts a stream of bytes into lines, whatever comes: endless lines, half ones, bytes that are no text.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pending: Vec<u8>,
    /// How much was dropped of the line that is being read.
    dropped_bytes: usize,
}

/// One line of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its text; what was not UTF-8 is U+FFFD.
    Text(String),
    /// It was longer than [`MOST_LINE_BYTES`]; how long.
    TooLong(usize),
}

impl Lines {
    /// Takes bytes as they come, and gives the lines that are whole with them.
    pub(super) fn push(&mut self, mut bytes: &[u8]) -> Vec<Line> {
        let mut lines = Vec::new();
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            self.take(&bytes[..at]);
            lines.extend(self.end());
            bytes = &bytes[at + 1..];
        }
        self.take(bytes);
        lines
    }

    /// The last line, where the stream ends without a line's end.
    pub(super) fn end(&mut self) -> Option<Line> {
        let length = std::mem::take(&mut self.dropped_bytes) + self.pending.len();
        let pending = std::mem::take(&mut self.pending);
        if length > MOST_LINE_BYTES {
            return Some(Line::TooLong(length));
        }
        let text = String::from_utf8_lossy(&pending);
        let text = text.trim_end();
        (!text.is_empty()).then(|| Line::Text(text.to_owned()))
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = (MOST_LINE_BYTES - self.pending.len()).min(bytes.len());
        self.pending.extend_from_slice(&bytes[..room]);
        self.dropped_bytes += bytes.len() - room;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"{\"a\":1}\n{\"b\""), [text("{\"a\":1}")]);
        assert_eq!(lines.push(b":2}\r"), []);
        assert_eq!(lines.push(b"\n\n\nthe end"), [text("{\"b\":2}")]);
        assert_eq!(lines.end(), Some(text("the end")));
        assert_eq!(lines.end(), None);
    }

    #[test]
    fn a_line_without_end_is_counted_and_dropped_and_the_next_one_is_read() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; 300 * 1024];
        for _ in 0..5 {
            assert_eq!(lines.push(&chunk), []);
            assert!(lines.pending.len() <= MOST_LINE_BYTES);
        }
        assert_eq!(lines.push(b"\nnext\n"), [Line::TooLong(1500 * 1024), text("next")]);
        let full = vec![b'y'; MOST_LINE_BYTES];
        assert_eq!(lines.push(&full), []);
        assert!(matches!(lines.push(b"\n").as_slice(), [Line::Text(line)] if line.len() == MOST_LINE_BYTES));
    }

    #[test]
    fn bytes_that_are_no_text_are_survived() {
        assert_eq!(Lines::default().push(b"a\xff\xfeb\n"), [text("a\u{fffd}\u{fffd}b")]);
    }
}
