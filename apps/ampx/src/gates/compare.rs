use std::collections::{HashMap, HashSet, VecDeque};

use super::assertion::{Assertion, Strength};
use super::cases::{SourceTests, TestCase};
use super::finding::{FindingKind, GateFinding};

/// How alike two tests of one file are at least that are the same under another name.
const ALIKE_IN_FILE: f64 = 0.7;
/// The same of two files, with the same name …
const ALIKE_BY_NAME: f64 = 0.5;
/// … and with another one.
const ALIKE_ANYWHERE: f64 = 0.85;
/// How many words are compared in search of moved tests; what is not found by then counts as deleted.
const MOST_COMPARED: usize = 10_000_000;
const MOST_QUOTED_CHARS: usize = 100;

/// The tests of a file before and after; a side that is not there has none.
#[derive(Debug, Default)]
pub(super) struct FilePair {
    pub(super) old_path: String,
    pub(super) new_path: String,
    pub(super) old: SourceTests,
    pub(super) new: SourceTests,
}

/// A test without its like on the other side.
struct Lone<'a> {
    file: usize,
    case: &'a TestCase,
    taken: bool,
}

/// What became of the old tests.
pub(super) fn compare(pairs: &[FilePair]) -> Vec<GateFinding> {
    let mut findings = Vec::new();
    let (mut gone, mut come) = (Vec::new(), Vec::new());
    for (file, pair) in pairs.iter().enumerate() {
        if let (None, Some(line)) = (pair.old.only, pair.new.only) {
            let what = "leaves only some of the tests to run".to_owned();
            let path = pair.new_path.clone();
            findings.push(GateFinding { kind: FindingKind::Skipped, path, line: Some(line), test: None, what });
        }
        // A test that became a plain function of the same name does not run any more.
        let mut by_name: HashMap<(&str, bool), VecDeque<&TestCase>> = HashMap::new();
        for case in &pair.new.cases {
            by_name.entry((&case.name, case.helper)).or_default().push_back(case);
        }
        for old in &pair.old.cases {
            match by_name.get_mut(&(old.name.as_str(), old.helper)).and_then(VecDeque::pop_front) {
                Some(new) => findings.extend(changed(old, new, &pair.new_path)),
                None => gone.push(Lone { file, case: old, taken: false }),
            }
        }
        come.extend(by_name.into_values().flatten().map(|case| Lone { file, case, taken: false }));
    }
    // Hash maps give no order, and the same change has to give the same findings.
    come.sort_by_key(|lone| (lone.file, lone.case.line));
    findings.extend(moved(&mut gone, &mut come, pairs));
    let all_new = || pairs.iter().flat_map(|pair| &pair.new.cases);
    let demanded = all_new().flat_map(demands).map(|assertion| assertion.text.as_str());
    let kept: HashSet<&str> = demanded.chain(all_new().flat_map(|case| &case.rows).map(String::as_str)).collect();
    findings.extend(gone.iter().filter(|lone| !lone.taken).filter_map(|lone| deleted(lone, pairs, &kept)));
    findings.sort_by(|a, b| (a.kind, &a.path, a.line).cmp(&(b.kind, &b.path, b.line)));
    findings
}

/// Pairs what was renamed or moved: first what has the same words, then the most alike first.
fn moved(gone: &mut [Lone<'_>], come: &mut [Lone<'_>], pairs: &[FilePair]) -> Vec<GateFinding> {
    let mut findings = Vec::new();
    let mut take = |gone: &mut [Lone<'_>], come: &mut [Lone<'_>], g: usize, c: usize| {
        if !gone[g].taken && !come[c].taken {
            (gone[g].taken, come[c].taken) = (true, true);
            findings.extend(changed(gone[g].case, come[c].case, &pairs[come[c].file].new_path));
        }
    };
    let mut by_words: HashMap<(&[u64], bool), VecDeque<usize>> = HashMap::new();
    for (c, new) in come.iter().enumerate().filter(|(_, new)| !new.case.body.words.is_empty()) {
        by_words.entry((&new.case.body.words, new.case.helper)).or_default().push_back(c);
    }
    for g in 0..gone.len() {
        let words = (gone[g].case.body.words.as_slice(), gone[g].case.helper);
        if let Some(c) = by_words.get_mut(&words).and_then(VecDeque::pop_front) {
            take(gone, come, g, c);
        }
    }
    for (g, c) in likely(gone, come) {
        take(gone, come, g, c);
    }
    findings
}

/// The pairs that may be the same test, the most alike first.
fn likely(gone: &[Lone<'_>], come: &[Lone<'_>]) -> Vec<(usize, usize)> {
    let (mut likely, mut compared) = (Vec::new(), 0);
    let untaken = |(_, lone): &(usize, &Lone<'_>)| !lone.taken;
    'search: for (g, old) in gone.iter().enumerate().filter(untaken) {
        let name = last_name(old.case);
        for (c, new) in come.iter().enumerate().filter(untaken) {
            compared += 1 + old.case.body.words.len() + new.case.body.words.len();
            if compared > MOST_COMPARED {
                break 'search;
            }
            if old.case.helper != new.case.helper {
                continue;
            }
            let same_name = name == last_name(new.case);
            let enough = match (same_name, old.file == new.file) {
                (true, _) => ALIKE_BY_NAME,
                (false, true) => ALIKE_IN_FILE,
                (false, false) => ALIKE_ANYWHERE,
            };
            let alike = old.case.body.likeness(&new.case.body);
            let bodiless = old.case.body.words.is_empty() && new.case.body.words.is_empty();
            if alike >= enough || (same_name && bodiless) {
                likely.push((alike + f64::from(u8::from(same_name)), g, c));
            }
        }
    }
    likely.sort_by(|a, b| b.0.total_cmp(&a.0));
    likely.into_iter().map(|(_, g, c)| (g, c)).collect()
}

fn last_name(case: &TestCase) -> &str {
    case.name.rsplit([':', '>', '/', '.']).next().unwrap_or(&case.name).trim()
}

fn deleted(lone: &Lone<'_>, pairs: &[FilePair], kept: &HashSet<&str>) -> Option<GateFinding> {
    let (case, pair) = (lone.case, &pairs[lone.file]);
    let in_place = pair.new_path == pair.old_path;
    let (path, line) = if in_place { (&pair.new_path, None) } else { (&pair.old_path, Some(case.line)) };
    let (kind, what) = if !case.helper {
        (FindingKind::Deleted, "was deleted")
    } else if demands(case).map(|assertion| &assertion.text).chain(&case.rows).all(|text| kept.contains(text.as_str()))
    {
        return None;
    } else {
        (FindingKind::Weakened, "is gone with what it demanded for the tests")
    };
    Some(GateFinding { kind, path: path.clone(), line, test: Some(case.name.clone()), what: what.to_owned() })
}

/// The assertions that can fail.
fn demands(case: &TestCase) -> impl Iterator<Item = &Assertion> {
    case.body.assertions.iter().filter(|assertion| assertion.strength > Strength::Trivial && !assertion.swallowed)
}

/// What makes `new` less than `old`.
fn changed(old: &TestCase, new: &TestCase, path: &str) -> Vec<GateFinding> {
    let mut findings = Vec::new();
    let mut found = |kind, line, what| {
        findings.push(GateFinding { kind, path: path.to_owned(), line, test: Some(new.name.clone()), what });
    };
    let skipped_before = old.skips.iter().any(|skip| !skip.conditional);
    if let Some(skip) = new.skips.iter().find(|skip| !skipped_before && !old.skips.contains(skip)) {
        found(FindingKind::Skipped, Some(new.line), format!("is now skipped by `{}`", quoted(&skip.text)));
    }
    if let Some((line, what)) = weaker(old, new) {
        found(FindingKind::Weakened, Some(line), what);
    }
    if new.body.returns > old.body.returns {
        found(FindingKind::Weakened, Some(new.line), "may now return before its last assertion".to_owned());
    }
    let rows: HashSet<&String> = new.rows.iter().collect();
    let lost: Vec<&String> = old.rows.iter().filter(|row| !rows.contains(row)).collect();
    if let Some(first) = lost.first() {
        let what =
            format!("no longer runs with {} of its {} rows, such as `{}`", lost.len(), old.rows.len(), quoted(first));
        found(FindingKind::Weakened, Some(new.line), what);
    }
    findings
}

/// Which of its assertions demands less, and in which line.
fn weaker(old: &TestCase, new: &TestCase) -> Option<(u32, String)> {
    let texts = |case| demands(case).map(|assertion| assertion.text.as_str()).collect::<HashSet<_>>();
    let (old_texts, new_texts) = (texts(old), texts(new));
    let (before, after) = (demands(old).count(), demands(new).count());
    if after < before {
        let known: HashSet<&str> = old.body.assertions.iter().map(|assertion| assertion.text.as_str()).collect();
        let mut made_trivial = new.body.assertions.iter().filter(|new| new.strength == Strength::Trivial);
        if let Some(trivial) = made_trivial.find(|new| !known.contains(new.text.as_str())) {
            return Some((trivial.line, format!("has an assertion that always holds: `{}`", quoted(&trivial.text))));
        }
        if let Some(caught) = new.body.assertions.iter().find(|assertion| assertion.swallowed) {
            return Some((caught.line, "catches the failure of its own assertions".to_owned()));
        }
        return Some((new.line, format!("has {after} of the {before} assertions it had")));
    }
    let exact = |case: &TestCase| demands(case).filter(|assertion| assertion.strength == Strength::Exact).count();
    if exact(new) < exact(old) {
        let mut loose = demands(new).filter(|new| new.strength == Strength::Loose);
        let loose = loose.find(|new| !old_texts.contains(new.text.as_str()));
        let line = loose.map_or(new.line, |assertion| assertion.line);
        let such = loose.map_or_else(String::new, |assertion| format!(": `{}`", quoted(&assertion.text)));
        return Some((line, format!("has an assertion that is less exact than before{such}")));
    }
    // The same words around another literal: what the test expects was changed to what it gets.
    let come = demands(new).filter(|new| !old_texts.contains(new.text.as_str()));
    let come: HashMap<&str, &Assertion> = come.map(|assertion| (assertion.shape.as_str(), assertion)).collect();
    let mut lost = demands(old).filter(|old| !new_texts.contains(old.text.as_str()));
    lost.find_map(|old| come.get(old.shape.as_str()).map(|new| (old, new))).map(|(old, new)| {
        (new.line, format!("expects something else: `{}` was `{}`", quoted(&new.text), quoted(&old.text)))
    })
}

fn quoted(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('`', "'");
    if line.chars().count() <= MOST_QUOTED_CHARS {
        return line;
    }
    format!("{}…", line.chars().take(MOST_QUOTED_CHARS).collect::<String>())
}
