//! Server-sent events, within bounds: a line or an event that does not end is an error, not memory.

use std::collections::VecDeque;

/// A whole tool call may come as one event.
const MAX_EVENT_BYTES: usize = 8 << 20;

/// One event; its name and id are the wire's business and told again in its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) data: String,
}

/// An event is larger than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Oversized;

impl Oversized {
    pub(crate) const LIMIT_BYTES: usize = MAX_EVENT_BYTES;
}

/// Puts events together from bytes that may be cut anywhere, in the middle of a character too.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a carriage return, which a line feed may complete.
    after_return: bool,
    /// A byte order mark may stand at the very beginning.
    begun: bool,
    ready: VecDeque<Event>,
}

impl Decoder {
    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Oversized> {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    self.end_line();
                }
                _ => {
                    self.after_return = false;
                    self.line.push(byte);
                    if self.line.len() + self.data.len() > MAX_EVENT_BYTES {
                        return Err(Oversized);
                    }
                }
            }
        }
        Ok(())
    }

    /// The next whole event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            if std::mem::take(&mut self.has_data) {
                self.ready.push_back(Event { data: String::from_utf8_lossy(&data).into_owned() });
            }
            return;
        }
        let Some(value) = line.strip_prefix(b"data") else { return };
        let value = match value {
            [] => value,
            [b':', b' ', rest @ ..] | [b':', rest @ ..] => rest,
            // A field whose name only begins like it.
            _ => return,
        };
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let mut decoder = Decoder::default();
        let mut found = Vec::new();
        for chunk in chunks {
            decoder.push(chunk).unwrap();
            found.extend(std::iter::from_fn(|| decoder.next()).map(|event| event.data));
        }
        found
    }

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let whole = "\u{feff}: hello\r\nevent: x\r\ndata: {\"a\":\"é漢\"}\r\n\r\ndata:one\ndata\ndata:  two\n\nid: 3\rdata: last\r\r";
        let expected = ["{\"a\":\"é漢\"}", "one\n\n two", "last"];
        assert_eq!(events(&[whole.as_bytes()]), expected);
        for cut in 1..whole.len() {
            let (first, second) = whole.as_bytes().split_at(cut);
            assert_eq!(events(&[first, second]), expected, "{cut}");
        }
        let bytes: Vec<&[u8]> = whole.as_bytes().chunks(1).collect();
        assert_eq!(events(&bytes), expected);
    }

    #[test]
    fn comments_other_fields_and_half_events_are_no_events() {
        assert_eq!(
            events(&[b": ping\n\nevent: ping\n\ndatum: x\n\ndata-x: y\n\n\n\ndata: half"]),
            Vec::<String>::new()
        );
        assert_eq!(events(&[b"data\n\n"]), [""]);
        assert_eq!(events(&[b"data: \xff\xfe\n\n"]), ["\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn a_line_or_an_event_without_end_is_refused() {
        let chunk = vec![b'x'; 1 << 20];
        let mut decoder = Decoder::default();
        let refused = (0..20).find(|_| decoder.push(&chunk).is_err());
        assert_eq!(refused, Some(8));
        let mut line = b"data: ".to_vec();
        line.extend_from_slice(&chunk);
        line.push(b'\n');
        let mut decoder = Decoder::default();
        assert!((0..20).any(|_| decoder.push(&line).is_err()));
    }
}
