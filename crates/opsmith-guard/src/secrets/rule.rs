use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::meta::Regex;
use regex_automata::{Anchored, Input};
use serde::Deserialize;

use super::{RuleError, Severity, entropy, syntax};

/// From so many tries on, a rule's table is worth its making.
const OFTEN: u32 = 256;
const DEFAULT_REACH: usize = 256;
/// What the longest secret may take, and so what a stream may hold back.
const MAX_REACH: usize = 64 * 1024;

/// A rule as it stands in a file of rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleText {
    id: String,
    /// Where the form of the secret is documented; for people.
    source: String,
    severity: Severity,
    keywords: Vec<String>,
    pattern: String,
    #[serde(default)]
    min_entropy: f64,
    #[serde(default)]
    mixed: bool,
    #[serde(default)]
    generic: bool,
    #[serde(default)]
    stopwords: Vec<String>,
    reach: Option<usize>,
}

/// What one kind of secret looks like. Its pattern is compiled when one of its keywords is met first.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: Arc<str>,
    pub(super) severity: Severity,
    pub(super) generic: bool,
    pub(super) keywords: Vec<String>,
    pattern: String,
    min_entropy: f64,
    mixed: bool,
    stopwords: Vec<String>,
    reach: usize,
    regex: OnceLock<Option<Regex>>,
    /// Walks a text whose end is not there yet.
    walker: OnceLock<Option<DFA>>,
    tries: AtomicU32,
    /// Says quickly that nothing is there, which is so nearly always.
    table: OnceLock<Option<dense::DFA<Vec<u32>>>>,
}

/// What a rule says of one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// No secret begins here.
    Clean,
    /// The match, and the secret in it.
    Secret { matched: Range<usize>, secret: Range<usize> },
    /// What comes next decides.
    Open,
}

impl Rule {
    /// A rule whose pattern is not compiled yet; `shared` are stopwords for generic rules.
    pub(super) fn new(text: RuleText, shared: &[String]) -> Result<Self, RuleError> {
        let RuleText { id, source, severity, keywords, pattern, min_entropy, mixed, generic, mut stopwords, reach } =
            text;
        let wrong = |reason: &str| RuleError::Rule { rule: id.clone(), reason: reason.to_owned() };
        if source.is_empty() {
            return Err(wrong("`source` does not say where the form is documented"));
        }
        if keywords.is_empty() || keywords.iter().any(|keyword| !(2..=64).contains(&keyword.len())) {
            return Err(wrong("it needs `keywords`, of 2 to 64 bytes each"));
        }
        let reach = reach.unwrap_or(DEFAULT_REACH);
        if !(1..=MAX_REACH).contains(&reach) {
            return Err(wrong("`reach` is 1 to 65536"));
        }
        if generic {
            stopwords.extend_from_slice(shared);
        }
        let stopwords = stopwords.iter().map(|word| word.to_ascii_lowercase()).collect();
        Ok(Self {
            id: id.into(),
            severity,
            generic,
            keywords,
            pattern,
            min_entropy,
            mixed,
            stopwords,
            reach,
            regex: OnceLock::new(),
            walker: OnceLock::new(),
            tries: AtomicU32::new(0),
            table: OnceLock::new(),
        })
    }

    /// The rule with its pattern compiled, or why it cannot be.
    pub(super) fn compiled(self) -> Result<Self, RuleError> {
        let regex =
            syntax::regex(&self.pattern).map_err(|reason| RuleError::Rule { rule: self.id.to_string(), reason })?;
        Ok(Self { regex: OnceLock::from(Some(regex)), ..self })
    }

    /// Judges a secret that begins with the keyword at `start`; `is_last` says that the text ends where it ends.
    pub(super) fn judge(&self, text: &[u8], start: usize, is_last: bool) -> Judgement {
        let Some(regex) = self.regex() else { return Judgement::Clean };
        let end = text.len().min(start + self.reach);
        // A pattern may look at the byte behind.
        if !is_last && end == text.len() && self.may_go_on(text, start) {
            return Judgement::Open;
        }
        let input = Input::new(text).range(start..end).anchored(Anchored::Yes);
        if self.is_ruled_out(&input) {
            return Judgement::Clean;
        }
        let Some(matched) = regex.search(&input) else { return Judgement::Clean };
        let mut captures = regex.create_captures();
        regex.search_captures(&input, &mut captures);
        let secret = captures.get_group(1).map_or(matched.range(), |group| group.range());
        if self.is_no_secret(&text[secret.clone()]) {
            return Judgement::Clean;
        }
        Judgement::Secret { matched: matched.range(), secret }
    }

    /// Whether the table says that nothing matches.
    fn is_ruled_out(&self, input: &Input<'_>) -> bool {
        if self.table.get().is_none() && self.tries.fetch_add(1, Ordering::Relaxed) < OFTEN {
            return false;
        }
        let table = self.table.get_or_init(|| syntax::table(&self.pattern)).as_ref();
        table.is_some_and(|table| matches!(table.try_search_fwd(&input.clone().earliest(true)), Ok(None)))
    }

    fn is_no_secret(&self, secret: &[u8]) -> bool {
        let has = |test: fn(&u8) -> bool| secret.iter().any(test);
        if self.mixed && !(has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)) {
            return true;
        }
        if entropy::bits_per_byte(secret) < self.min_entropy {
            return true;
        }
        !self.stopwords.is_empty() && {
            let lower = String::from_utf8_lossy(secret).to_ascii_lowercase();
            self.stopwords.iter().any(|word| lower.contains(word))
        }
    }

    /// Whether more text could change what the rule says of `start`.
    fn may_go_on(&self, text: &[u8], start: usize) -> bool {
        let Some(walker) = self.walker.get_or_init(|| syntax::walker(&self.pattern)) else { return true };
        let mut cache = Cache::new(walker);
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        let Ok(mut state) = walker.start_state_forward(&mut cache, &input) else { return true };
        for &byte in &text[start..] {
            match walker.next_state(&mut cache, state, byte) {
                Ok(next) if next.is_dead() => return false,
                Ok(next) if !next.is_quit() => state = next,
                Ok(_) | Err(_) => return true,
            }
        }
        true
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| syntax::regex(&self.pattern).ok()).as_ref()
    }
}
