//! Foreign text (an agent's log, a branch name, a server's message) made harmless for a terminal.

/// The longest control string (a title, a link) that is taken out whole; what does not end within it is shown as text.
const CONTROL_STRING_LIMIT_BYTES: usize = 4_096;
const ESCAPE: char = '\u{1b}';

/// Takes out escape sequences and shows every other control character as U+FFFD; line breaks and tabs stay.
///
/// A carriage return becomes a line break, since it would let a text overwrite itself; marks that turn the direction
/// of writing become U+FFFD, since they let a text look like another.
pub fn clean(text: &str) -> String {
    cleaned(text, false)
}

/// The same, but colours and other renditions come through, and end with the text.
pub(super) fn clean_coloured(text: &str) -> String {
    let mut out = cleaned(text, true);
    if out.contains(ESCAPE) {
        out.insert_str(out.trim_end_matches('\n').len(), "\x1b[0m");
    }
    out
}

fn cleaned(text: &str, keep_colours: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == ESCAPE
            && let Some(bytes) = sequence_bytes(rest.as_bytes())
            && let Some(after) = rest.get(bytes..)
        {
            if keep_colours && is_rendition(&rest[..bytes]) {
                out.push_str(&rest[..bytes]);
            }
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if rest.starts_with('\n') => {}
            '\r' => out.push('\n'),
            c if is_unsafe(c) => out.push(char::REPLACEMENT_CHARACTER),
            c => out.push(c),
        }
    }
    out
}

/// The same on one line, for a table or a message: each line break or tab becomes a space.
pub fn clean_line(text: &str) -> String {
    clean(text.trim_end()).replace(['\n', '\t'], " ")
}

/// Writes the characters that are unsafe on a terminal the way JSON can: they occur in its strings only.
pub(super) fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unsafe(c) { out.push_str(&format!("\\u{:04x}", c as u32)) } else { out.push(c) }
    }
    out
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether an escape sequence only says how text looks (SGR); one with a private mark says something else.
fn is_rendition(sequence: &str) -> bool {
    let parameters = sequence.strip_prefix("\x1b[").and_then(|rest| rest.strip_suffix('m'));
    parameters.is_some_and(|text| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')))
}

/// The length of the whole escape sequence at the start of `bytes` (ECMA-48); `None` when it is not one.
fn sequence_bytes(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'[' => {
            let body = bytes.iter().skip(2).take(64).take_while(|byte| (0x20..=0x3f).contains(*byte)).count();
            bytes.get(2 + body).filter(|last| (0x40..=0x7e).contains(*last)).map(|_| body + 3)
        }
        b']' | b'P' | b'X' | b'^' | b'_' => {
            let string = &bytes[2..bytes.len().min(CONTROL_STRING_LIMIT_BYTES)];
            let end = string.iter().position(|byte| matches!(byte, 0x07 | 0x1b | b'\n'))?;
            match (string[end], string.get(end + 1)) {
                (0x07, _) => Some(2 + end + 1),
                (0x1b, Some(b'\\')) => Some(2 + end + 2),
                (_, _) => None,
            }
        }
        0x20..=0x2f => {
            let body = bytes.iter().skip(1).take(4).take_while(|byte| (0x20..=0x2f).contains(*byte)).count();
            bytes.get(1 + body).filter(|last| (0x30..=0x7e).contains(*last)).map(|_| body + 2)
        }
        0x30..=0x7e => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{clean, clean_coloured, clean_line, escape_json};

    #[test]
    fn nothing_that_acts_on_a_terminal_comes_through() {
        for (text, shown) in [
            ("plain é 漢 🎉\n\tindented", "plain é 漢 🎉\n\tindented"),
            ("\x1b[1;31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07after", "after"),
            ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1bP1$r\x1b\\x", "x"),
            ("\x1bc\x1b(Bx", "x"),
            ("\x1b]0;never ended", "\u{fffd}]0;never ended"),
            ("\x1b]0;never\nended\x07", "\u{fffd}]0;never\nended\u{fffd}"),
            ("\x1b\x1b[0m[31mx", "\u{fffd}[31mx"),
            ("\x1b", "\u{fffd}"),
            ("\x1b[", "\u{fffd}["),
            ("\x1b[31é", "\u{fffd}[31é"),
            ("\u{9b}31mx", "\u{fffd}31mx"),
            ("done\rfailed", "done\nfailed"),
            ("dos\r\nlines", "dos\nlines"),
            ("a\x08\x7f\0b", "a\u{fffd}\u{fffd}\u{fffd}b"),
            ("user\u{202e}gpj.exe", "user\u{fffd}gpj.exe"),
        ] {
            assert_eq!(clean(text), shown, "{text:?}");
        }
    }

    #[test]
    fn of_an_agents_output_colours_alone_come_through() {
        for (text, shown) in [
            ("plain\n", "plain\n"),
            ("\x1b[1;38;5;9mred\x1b[m\n", "\x1b[1;38;5;9mred\x1b[m\x1b[0m\n"),
            ("\x1b[31mnever ended", "\x1b[31mnever ended\x1b[0m"),
            ("\x1b[2J\x1b[H\x1b[5A\x1b[?25lquiet\x1b]0;title\x07\x1bc", "quiet"),
            ("\x1b[>4mkeys\x1b[?4mkeys\x1b[4 mkeys", "keyskeyskeys"),
            ("a\x08b\rc", "a\u{fffd}b\nc"),
        ] {
            assert_eq!(clean_coloured(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(clean_line("a\nb\r\nc\td\n"), "a b c d");
    }

    #[test]
    fn json_keeps_its_value_and_loses_its_teeth() {
        let json = serde_json::to_string_pretty(&["\u{9b}31m\u{202e}\x7f\x1b"]).unwrap();
        let safe = escape_json(&json);
        assert!(safe.chars().all(|c| c == '\n' || !c.is_control()), "{safe}");
        let value: Vec<String> = serde_json::from_str(&safe).unwrap();
        assert_eq!(value, ["\u{9b}31m\u{202e}\x7f\x1b"]);
    }

    #[test]
    fn a_long_control_string_costs_no_more_than_its_length() {
        let hostile = "\x1b]".repeat(100_000);
        assert_eq!(clean(&hostile).chars().count(), 200_000);
    }
}
