use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde::Deserialize;

use super::allow::Allow;
use super::progress::Progress;
use super::rule::Rule;
use super::tail::Prefixes;
use super::{AllowSettings, Finding, Fingerprint, RuleError, ScanStream, Severity, rules};

/// What is looked for, as configured in `[secrets]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanSettings {
    /// A file of rules beside the built-in ones.
    pub rules: Option<PathBuf>,
    /// Ids of built-in rules that do not count.
    pub disabled: Vec<String>,
    /// What is not a secret after all.
    pub allow: AllowSettings,
}

/// Finds secrets by their form; cheap to clone, and shared between threads.
///
/// Keywords are looked for in one walk over the text, and only where one stands is the pattern of its rule tried, within a
/// bounded reach. So the time is linear in the text, whatever it holds.
#[derive(Clone)]
pub struct Scanner(Arc<Inner>);

struct Inner {
    rules: Vec<Rule>,
    keywords: AhoCorasick,
    /// The rules of each keyword.
    by_keyword: Vec<Vec<usize>>,
    prefixes: Prefixes,
    longest_keyword: usize,
    allow: Allow,
}

/// One rule, as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleName {
    /// Its id.
    pub id: Arc<str>,
    /// How bad what it finds is.
    pub severity: Severity,
}

impl Scanner {
    /// A scanner of the built-in rules and those of `settings`, whose file it reads.
    pub fn new(settings: &ScanSettings) -> Result<Self, RuleError> {
        let rules = rules::load(settings)?;
        let mut keywords: Vec<&str> = rules.iter().flat_map(|rule| &rule.keywords).map(String::as_str).collect();
        keywords.sort_unstable();
        keywords.dedup();
        let rules_of = |keyword: &&str| {
            let has = |(_, rule): &(usize, &Rule)| rule.keywords.iter().any(|own| own == keyword);
            rules.iter().enumerate().filter(has).map(|(n, _)| n).collect()
        };
        let by_keyword = keywords.iter().map(rules_of).collect();
        let longest_keyword = keywords.iter().map(|keyword| keyword.len()).max().unwrap_or(1);
        let prefixes = Prefixes::ignoring_case(keywords.iter().map(|keyword| keyword.as_bytes()));
        // Keywords are a few hundred short words: the automaton that takes one step per byte is small enough.
        let mut automaton = AhoCorasick::builder();
        automaton.ascii_case_insensitive(true).match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::DFA));
        let keywords = automaton
            .build(&keywords)
            .map_err(|error| RuleError::Malformed { reason: format!("the keywords are too many: {error}") })?;
        let allow = Allow::new(&settings.allow)?;
        Ok(Self(Arc::new(Inner { rules, keywords, by_keyword, prefixes, longest_keyword, allow })))
    }

    /// The findings in `text`, in order.
    pub fn scan(&self, text: &[u8]) -> Vec<Finding> {
        let mut findings = Vec::new();
        Progress::default().advance(self, text, true, &mut findings);
        findings
    }

    /// The findings in a file of a repository; none where the allow-list has its path.
    pub fn scan_file(&self, path: &str, text: &[u8]) -> Vec<Finding> {
        if self.0.allow.path(path) { Vec::new() } else { self.scan(text) }
    }

    /// Whether the allow-list has this fingerprint.
    pub fn is_allowed(&self, fingerprint: &Fingerprint) -> bool {
        self.0.allow.fingerprint(fingerprint)
    }

    /// Scans a text that comes in chunks.
    pub fn stream(&self) -> ScanStream {
        ScanStream::new(self.clone())
    }

    /// The rules that count.
    pub fn rules(&self) -> impl Iterator<Item = RuleName> {
        self.0.rules.iter().map(|rule| RuleName { id: rule.id.clone(), severity: rule.severity })
    }

    pub(super) fn rule(&self, n: usize) -> &Rule {
        &self.0.rules[n]
    }

    pub(super) fn allow(&self) -> &Allow {
        &self.0.allow
    }

    /// Adds each place in `from..to` where a keyword stands, with its rule, in order.
    pub(super) fn places(&self, text: &[u8], from: usize, to: usize, places: &mut Vec<(usize, usize)>) {
        let end = text.len().min(to + self.0.longest_keyword - 1);
        for hit in self.0.keywords.find_overlapping_iter(&text[from..end]) {
            let start = from + hit.start();
            if start < to {
                places.extend(self.0.by_keyword[hit.pattern().as_usize()].iter().map(|rule| (start, *rule)));
            }
        }
        places.sort_unstable();
        places.dedup();
    }

    /// Where a keyword begins whose end is not there yet; else the end of `text`.
    pub(super) fn cut_keyword(&self, text: &[u8]) -> usize {
        self.0.prefixes.cut(text)
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("rules", &self.0.rules.len()).finish_non_exhaustive()
    }
}
