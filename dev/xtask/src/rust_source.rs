//! Rust source as far as tidy needs it: which paths a file names on which line, what is only test code, and which
//! comments excuse a line. Words in comments and string literals are no code and never found.

mod lexer;
mod paths;

use std::collections::BTreeMap;

pub use paths::NamedPath;

/// What tidy knows of one file.
#[derive(Debug)]
pub struct RustSource {
    /// Every path outside test code, `use` groups spelled out.
    pub paths: Vec<NamedPath>,
    /// The lines, from 1, that a `tidy: reason` comment stands on, with the line of the comment itself: a comment
    /// alone on its line excuses the next.
    pub excused: BTreeMap<usize, usize>,
}

/// Reads the source of one file.
pub fn read(text: &str) -> RustSource {
    let blanked = lexer::blank(text);
    let excused = blanked
        .comments
        .iter()
        .filter(|comment| marker(&comment.text).is_some())
        .map(|comment| (comment.line + usize::from(comment.alone), comment.line))
        .collect();
    let tests = test_lines(&blanked.code);
    let mut paths = paths::named(&blanked.code);
    paths.retain(|path| !tests.iter().any(|(first, last)| (*first..=*last).contains(&path.line)));
    RustSource { paths, excused }
}

/// The reason of a `tidy: reason` comment in `line`.
pub fn marker(line: &str) -> Option<&str> {
    ["// tidy:", "# tidy:", "<!-- tidy:"].iter().find_map(|start| {
        let (_, reason) = line.split_once(start)?;
        let reason = reason.trim().trim_end_matches("-->").trim_end();
        (!reason.is_empty()).then_some(reason)
    })
}

/// Whether `c` may be part of a name.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// First and last line of each item under `#[cfg(test)]`.
fn test_lines(code: &str) -> Vec<(usize, usize)> {
    let line_of = |at: usize| code[..at].matches('\n').count() + 1;
    ["#[cfg(test)]", "#[cfg(all(test", "#[cfg(any(test"]
        .iter()
        .flat_map(|attribute| code.match_indices(attribute))
        .map(|(at, _)| (line_of(at), line_of(end_of_item(code, at))))
        .collect()
}

/// The offset at which the item that starts at `at` ends: its first `;`, or the brace that closes its first.
fn end_of_item(code: &str, at: usize) -> usize {
    let mut depth = 0usize;
    for (offset, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b';' if depth == 0 => return offset,
            b'{' => depth += 1,
            b'}' if depth <= 1 => return offset,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        read(text).paths.iter().map(|path| format!("{}:{}", path.line, path.segments.join("::"))).collect()
    }

    #[test]
    fn test_modules_are_left_out_and_what_follows_them_is_not() {
        let text = "use a::b;\n#[cfg(test)]\nmod tests {\n  fn x() { c::d() }\n}\nfn y() { e::f() }\n";
        assert_eq!(named(text), ["1:a::b", "6:e::f"]);
        assert_eq!(named("#[cfg(test)]\nmod tests;\nuse a::b;\n"), ["3:a::b"]);
        assert_eq!(named("#[cfg(test)]\nuse a::{b, c};\nuse d::e;\n"), ["3:d::e"]);
        assert_eq!(named("#[cfg(all(test, unix))]\nmod t { use a::b; }\n"), Vec::<String>::new());
    }

    #[test]
    fn a_marker_excuses_its_line_or_the_next_and_needs_a_reason() {
        let text = "a::b(); // tidy: because\n// tidy: as well\nc::d();\ne::f(); // tidy:\nlet s = \"// tidy: no\";\n";
        assert_eq!(read(text).excused, BTreeMap::from([(1, 1), (3, 2)]));
    }
}
