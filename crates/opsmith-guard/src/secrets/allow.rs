use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use globset::{Glob, GlobSet, GlobSetBuilder};
use regex_automata::meta::Regex;
use serde::Deserialize;

use super::{Fingerprint, RuleError, syntax};

/// What is not a secret after all, as configured.
///
/// There is no comment in a text that allows what stands beside it: who writes the text is who is to be stopped.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AllowSettings {
    /// Patterns of secrets; one that is found anywhere in the secret allows it.
    pub patterns: Vec<String>,
    /// Words that are in no real secret, in any case.
    pub stopwords: Vec<String>,
    /// Globs of files that are not looked at, from the repository's root.
    pub paths: Vec<String>,
    /// Fingerprints of findings that were looked at.
    pub fingerprints: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Allow {
    patterns: Vec<Regex>,
    stopwords: Option<AhoCorasick>,
    paths: GlobSet,
    fingerprints: BTreeSet<String>,
}

impl Allow {
    pub(super) fn new(settings: &AllowSettings) -> Result<Self, RuleError> {
        let wrong = |pattern: &str, reason: String| RuleError::Allow { pattern: pattern.to_owned(), reason };
        let compile = |pattern: &String| syntax::regex(pattern).map_err(|reason| wrong(pattern, reason));
        let patterns = settings.patterns.iter().map(compile).collect::<Result<_, _>>()?;
        let mut paths = GlobSetBuilder::new();
        for path in &settings.paths {
            paths.add(Glob::new(path).map_err(|error| wrong(path, error.kind().to_string()))?);
        }
        let paths = paths.build().map_err(|error| wrong("paths", error.kind().to_string()))?;
        let words: Vec<&String> = settings.stopwords.iter().filter(|word| !word.is_empty()).collect();
        let stopwords = AhoCorasick::builder().ascii_case_insensitive(true).build(&words);
        let stopwords = stopwords.map_err(|error| wrong("stopwords", error.to_string()))?;
        let stopwords = (!words.is_empty()).then_some(stopwords);
        Ok(Self { patterns, stopwords, paths, fingerprints: settings.fingerprints.iter().cloned().collect() })
    }

    pub(super) fn path(&self, path: &str) -> bool {
        self.paths.is_match(path)
    }

    pub(super) fn fingerprint(&self, fingerprint: &Fingerprint) -> bool {
        self.fingerprints.contains(fingerprint.as_str())
    }

    pub(super) fn secret(&self, secret: &[u8], fingerprint: &Fingerprint) -> bool {
        self.fingerprint(fingerprint)
            || self.stopwords.as_ref().is_some_and(|words| words.is_match(secret))
            || self.patterns.iter().any(|pattern| pattern.is_match(secret))
    }
}
