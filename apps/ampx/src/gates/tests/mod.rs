mod files;
mod go;
mod java;
mod python;
mod robust;
mod rust;
mod script;
mod settings;

use super::{Change, Content, GateFinding, SourceFile, judge};

fn file(path: &str, text: &str) -> Option<SourceFile> {
    Some(SourceFile { path: path.to_owned(), content: Content::Bytes(text.as_bytes().to_vec()) })
}

fn changed(path: &str, old: &str, new: &str) -> Vec<GateFinding> {
    judge(&[Change { old: file(path, old), new: file(path, new) }])
}

/// Findings as `kind test`, joined.
fn told(findings: &[GateFinding]) -> String {
    let one = |finding: &GateFinding| {
        let test = finding.test.as_deref().map(|test| format!(" {test}")).unwrap_or_default();
        format!("{}{test}", finding.kind.as_str())
    };
    findings.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Checks that replacing a part of a source gives the findings that the row says.
fn table(path: &str, source: &str, rows: &[(&str, &str, &str)]) {
    assert_eq!(told(&changed(path, source, source)), "", "the source against itself");
    let mut wrong = Vec::new();
    for (from, to, expected) in rows {
        assert!(source.contains(from), "no `{from}` in the source");
        let findings = changed(path, source, &source.replacen(from, to, 1));
        if told(&findings) != *expected {
            wrong.push(format!("`{from}` → `{to}`\n  wanted: {expected}\n  found: {findings:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
