use ampx::gates::{Change, Content, SourceFile, judge};

use crate::cut;

const MOST_FINDINGS: usize = 501;

/// A unified diff as a page shows it: every line of a hunk, in order and unchanged.
pub fn diff(data: &[u8]) {
    let diff = String::from_utf8_lossy(data);
    let mut lines = diff.split_terminator('\n');
    let files = ampx::http::lines_by_file(&diff);
    let shown: usize = files.iter().map(|(notes, lines)| notes + lines.len()).sum();
    assert!(shown <= diff.split_terminator('\n').count(), "more lines than there are");
    for line in files.iter().flat_map(|(_, lines)| lines) {
        assert!(lines.any(|one| one == line), "a line that is not there, or not in this order: {line:?}");
    }
}

/// A change of a file of tests, CI or settings. The input is its path, a line's end, and both sides.
pub fn gates(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (path, rest) = (String::from_utf8_lossy(&data[..end]), data.get(end + 1..).unwrap_or_default());
    let (old, new) = cut::halves(rest);
    let side = |bytes: &[u8]| Some(SourceFile { path: path.to_string(), content: Content::Bytes(bytes.to_vec()) });
    let change = |old: &[u8], new: &[u8]| [Change { old: side(old), new: side(new) }];
    let found = judge(&change(old, new));
    assert_eq!(found, judge(&change(old, new)), "the same change, judged otherwise");
    assert!(found.len() <= MOST_FINDINGS);
}
