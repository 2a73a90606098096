use std::collections::VecDeque;

/// The most characters of an [`excerpt`].
pub const EXCERPT_CHARS: usize = 4000;

/// Stands for the beginning of a last line that alone is too long.
const CUT: char = '…';

/// The end of a raw log as plain text, from the start of a line.
///
/// Escape codes and control characters are gone, of a line that was written over only what was seen last is left, and
/// bytes that are not UTF-8 are replaced. A line that could close a code fence is indented by four columns, which no
/// closing fence may be, whatever its length; [`fence`] puts a fence around that is longer than any run inside, for
/// readers that take markdown less exactly.
pub fn excerpt(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let mut kept: VecDeque<String> = VecDeque::new();
    let mut left = EXCERPT_CHARS;
    for line in text.trim_end().rsplit('\n') {
        let line = cannot_close_a_fence(shown_last(line));
        let length = line.chars().count();
        if length + usize::from(!kept.is_empty()) > left {
            if kept.is_empty() {
                let end = line.chars().skip(length + 1 - left);
                kept.push_front(cannot_close_a_fence(std::iter::once(CUT).chain(end).collect()));
            }
            break;
        }
        left -= length + usize::from(!kept.is_empty());
        kept.push_front(line);
    }
    let text = Vec::from(kept).join("\n");
    text.trim_start_matches('\n').trim_end().to_owned()
}

/// Puts `text` into a code fence that is longer than any run of backticks inside, and at least three.
pub fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    let newline = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}text\n{text}{newline}{fence}\n")
}

/// What a terminal would show of a line: progress bars rewrite it after a carriage return.
fn shown_last(line: &str) -> String {
    line.rsplit('\r').map(plain).find(|text| !text.trim().is_empty()).unwrap_or_default()
}

/// One piece of a line without escape codes; cleaned by itself, so that an escape left open hides no more than it.
fn plain(piece: &str) -> String {
    // The stripper takes tabs for controls and drops them.
    let text = strip_ansi_escapes::strip_str(piece.replace('\t', "    "));
    text.chars().filter(|c| !is_unseen(*c)).collect::<String>().trim_end().to_owned()
}

/// Characters that are no text: controls, line separators that only some readers know, and those that turn the
/// direction of what follows.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn cannot_close_a_fence(line: String) -> String {
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    if indent < 4 && (text.starts_with("```") || text.starts_with("~~~")) { format!("    {text}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_becomes_plain_text() {
        for (raw, shown) in [
            (&b"ok\n"[..], "ok"),
            (b"\x1b[31mFAILED\x1b[0m tests/a.py\r\n\r\n", "FAILED tests/a.py"),
            (b"10%\r50%\r100%\r\x1b[2K\ndone\n", "100%\ndone"),
            (b"\tindented\ttwice", "    indented    twice"),
            (b"a\x00b\x08c\x07\xff\xe2\x80\xaed", "abc\u{fffd}d"),
            (b"\x1b]0;a title that never ends\nstill here", "still here"),
            (b"\x1b[38;5;1", ""),
            (b"", ""),
        ] {
            assert_eq!(excerpt(raw), shown, "{:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn the_end_is_kept_on_a_line_boundary() {
        let raw: String = (0..2000).map(|n| format!("line {n:05}\n")).collect();
        let text = excerpt(raw.as_bytes());
        assert!(text.starts_with("line 0") && text.ends_with("line 01999"), "{text}");
        assert!((EXCERPT_CHARS - 11..=EXCERPT_CHARS).contains(&text.chars().count()), "{}", text.len());
    }

    #[test]
    fn one_endless_line_keeps_its_end() {
        let text = excerpt(format!("{}the end", "é".repeat(100_000)).as_bytes());
        assert_eq!(text.chars().count(), EXCERPT_CHARS);
        assert!(text.starts_with("…é") && text.ends_with("the end"));
    }

    #[test]
    fn no_line_can_close_a_fence() {
        let raw = "a\n```\n   ~~~~~~\n\x1b[0m`````` \n  ```x\n\u{200b}~~~\n    ```\n \u{2028}```\nb";
        for line in excerpt(raw.as_bytes()).lines() {
            let text = line.trim_start_matches(' ');
            let closes = text.starts_with("```") || text.starts_with("~~~");
            assert!(!closes || line.len() - text.len() >= 4, "{line:?} closes a fence");
        }
    }

    #[test]
    fn a_fence_is_longer_than_any_run_inside() {
        assert_eq!(fence("plain"), "```text\nplain\n```\n");
        assert_eq!(fence("a ```` b\n"), "`````text\na ```` b\n`````\n");
        assert_eq!(fence(""), "```text\n```\n");
    }
}
