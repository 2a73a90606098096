use super::cases::SourceTests;
use super::compare::{FilePair, compare};
use super::finding::{FindingKind, GateFinding};
use super::tree::{Budget, Language, parse};
use super::{go, java, lines, paths, python, rust, script, settings};

/// The largest file that is judged; a larger one is held where it is one of tests.
pub const MOST_FILE_BYTES: u64 = 2 * 1024 * 1024;
/// How many findings of a change are kept.
const MOST_FINDINGS: usize = 500;

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Before; none for a new file.
    pub old: Option<SourceFile>,
    /// Now; none for a deleted file.
    pub new: Option<SourceFile>,
}

/// One side of a [`Change`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// From the root of the repository.
    pub path: String,
    /// What is in it.
    pub content: Content,
}

/// A file's content, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// All of it.
    Bytes(Vec<u8>),
    /// Nobody asked for it: see [`is_read`](super::is_read).
    Unread,
    /// It is too large.
    TooLarge,
}

/// A file whose content is at hand.
struct Read<'a> {
    path: &'a str,
    text: std::borrow::Cow<'a, str>,
}

impl SourceFile {
    fn read(&self) -> Option<Read<'_>> {
        match &self.content {
            Content::Bytes(bytes) => Some(Read { path: &self.path, text: String::from_utf8_lossy(bytes) }),
            Content::Unread | Content::TooLarge => None,
        }
    }
}

/// What a change does to tests, CI and coverage settings; the same for the same change.
pub fn judge(changes: &[Change]) -> Vec<GateFinding> {
    let budget = Budget::new();
    let mut findings = Vec::new();
    let mut pairs = Vec::new();
    for change in changes {
        one(change, &budget, &mut findings, &mut pairs);
        if budget.is_spent() {
            let path = change.new.as_ref().or(change.old.as_ref()).map_or("", |file| &file.path);
            let what = "comes after more than can be judged of one change";
            findings.push(GateFinding::of_file(FindingKind::TooLarge, path, what));
            break;
        }
    }
    findings.extend(compare(&pairs));
    let mut findings: Vec<GateFinding> = findings.into_iter().map(GateFinding::cleaned).collect();
    findings.sort_by_key(|finding| finding.kind);
    findings.dedup();
    if findings.len() > MOST_FINDINGS {
        let more = findings.len() - MOST_FINDINGS;
        findings.truncate(MOST_FINDINGS);
        findings.push(GateFinding::of_rest(format!("has {more} more findings")));
    }
    findings
}

fn one(change: &Change, budget: &Budget, findings: &mut Vec<GateFinding>, pairs: &mut Vec<FilePair>) {
    let sides = [change.old.as_ref(), change.new.as_ref()];
    let Some(shown) = change.new.as_ref().or(change.old.as_ref()) else { return };
    if let Some(file) = sides.into_iter().flatten().find(|file| paths::is_ci(&file.path)) {
        let what = match sides {
            [None, _] => "was added",
            [_, None] => "was deleted",
            [Some(_), Some(_)] => "was changed",
        };
        findings.push(GateFinding::of_file(FindingKind::CiFile, &file.path, what));
    }
    let large = sides.into_iter().flatten().find(|file| file.content == Content::TooLarge);
    if let Some(file) = large {
        let matters = sides.into_iter().flatten().any(|file| {
            let of_tests = paths::is_test(&file.path) || paths::is_snapshot(&file.path);
            of_tests || settings::Form::of(&file.path).is_some()
        });
        if matters {
            findings.push(GateFinding::of_file(FindingKind::TooLarge, &file.path, "is too large to be judged"));
        }
        return;
    }
    let (old, new) = (change.old.as_ref().and_then(SourceFile::read), change.new.as_ref().and_then(SourceFile::read));
    findings.extend(settings::judge(
        old.as_ref().map(|file| (file.path, &*file.text)),
        new.as_ref().map(|file| (file.path, &*file.text)),
    ));
    if let Some(old) = old.as_ref().filter(|old| paths::is_snapshot(old.path)) {
        let now = new.as_ref().map_or("", |new| &*new.text);
        findings.extend(lines::snapshot(&shown.path, &old.text, now));
    } else {
        tests(old.as_ref(), new.as_ref(), budget, findings, pairs);
    }
}

/// Compares the tests of a file, by its trees where both sides have one.
fn tests(
    old: Option<&Read<'_>>,
    new: Option<&Read<'_>>,
    budget: &Budget,
    findings: &mut Vec<GateFinding>,
    pairs: &mut Vec<FilePair>,
) {
    let grammar = |file: Option<&Read<'_>>| file.and_then(|file| paths::language(file.path));
    if let Some(old) = old.filter(|old| paths::language(old.path).is_none()) {
        if paths::is_other_source(old.path) && paths::is_test(old.path) {
            findings.extend(of_other(old, new));
        }
        return;
    }
    if grammar(old).is_none() && grammar(new).is_none() {
        return;
    }
    let (before, after) = (old.map(|old| collect(old, budget)), new.map(|new| collect(new, budget)));
    let why = |side: &Option<Collected>| match side {
        Some(Collected::Broken(why)) => Some(*why),
        Some(Collected::Tests(_)) | None => None,
    };
    if let (Some(old), Some(why)) = (old, why(&after).or(why(&before))) {
        findings.extend(match new {
            Some(new) => lines::judge(new.path, &old.text, &new.text, why),
            None => vec![GateFinding::of_file(FindingKind::Deleted, old.path, DELETED_FILE)],
        });
        return;
    }
    let path = |file: Option<&Read<'_>>| file.map(|file| file.path.to_owned()).unwrap_or_default();
    let cases = |side: Option<Collected>| match side {
        Some(Collected::Tests(tests)) => tests,
        // A new source that does not parse has no test that an old one could have become.
        Some(Collected::Broken(_)) | None => SourceTests::default(),
    };
    pairs.push(FilePair { old_path: path(old), new_path: path(new), old: cases(before), new: cases(after) });
}

const DELETED_FILE: &str = "was deleted, a file of tests";

fn of_other(old: &Read<'_>, new: Option<&Read<'_>>) -> Vec<GateFinding> {
    match new {
        Some(new) if paths::is_test(new.path) => {
            lines::judge(new.path, &old.text, &new.text, "there is no grammar for its language here")
        }
        Some(_) | None => {
            vec![GateFinding::of_file(FindingKind::Deleted, old.path, DELETED_FILE)]
        }
    }
}

/// What could be made of a source.
enum Collected {
    Tests(SourceTests),
    /// It cannot be parsed, and why not.
    Broken(&'static str),
}

fn collect(file: &Read<'_>, budget: &Budget) -> Collected {
    let (path, source) = (file.path, &*file.text);
    let Some(language) = paths::language(path).filter(|language| may_hold_tests(*language, path, source)) else {
        return Collected::Tests(SourceTests::default());
    };
    let Some(tree) = parse(language, source, budget) else {
        return Collected::Broken("it takes too long to parse");
    };
    let root = tree.root_node();
    if root.has_error() {
        return Collected::Broken("it does not parse");
    }
    Collected::Tests(match language {
        Language::Python => python::collect(root, path, source, budget),
        Language::TypeScript | Language::Tsx => script::collect(root, path, source, budget),
        Language::Rust => rust::collect(root, path, source, budget),
        Language::Go => go::collect(root, source, budget),
        Language::Java => java::collect(root, path, source, budget),
    })
}

/// Whether it is worth while to parse a source: most of a change has no tests in it.
fn may_hold_tests(language: Language, path: &str, source: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| source.contains(word));
    match language {
        Language::Python => paths::is_test(path) || has(&["TestCase"]),
        Language::TypeScript | Language::Tsx => paths::is_test(path) || has(&["describe", "it(", "test(", "test."]),
        Language::Rust => paths::is_test(path) || has(&["test]", "test(", "(test", "test_case", "rstest", "#[case"]),
        Language::Go => paths::file_name(path).ends_with("_test.go"),
        Language::Java => paths::is_test(path) || has(&["@Test", "Test\n", "@ParameterizedTest", "TestCase"]),
    }
}
