//! Patterns over bytes: one syntax and one size limit, whichever engine walks them.

use regex_automata::dfa::{StartKind, dense};
use regex_automata::hybrid::dfa::DFA;
use regex_automata::meta::{self, Regex};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

/// What one compiled pattern may take.
const SIZE_LIMIT: usize = 8 << 20;
/// What its table may take.
const TABLE_LIMIT: usize = 1 << 20;

fn bytes() -> syntax::Config {
    syntax::Config::new().unicode(false).utf8(false)
}

/// Compiles `pattern`, or says why it cannot be.
pub(super) fn regex(pattern: &str) -> Result<Regex, String> {
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(SIZE_LIMIT));
    Regex::builder().syntax(bytes()).configure(config).build(pattern).map_err(|error| error.to_string())
}

/// The same pattern as an automaton that is walked byte by byte; `None` where it has none.
pub(super) fn walker(pattern: &str) -> Option<DFA> {
    let size = thompson::Config::new().utf8(false).nfa_size_limit(Some(SIZE_LIMIT));
    let config = DFA::config().skip_cache_capacity_check(true);
    DFA::builder().syntax(bytes()).thompson(size).configure(config).build(pattern).ok()
}

/// The same pattern as a table of all its states, which says fastest that nothing matches; `None` where it is too large.
pub(super) fn table(pattern: &str) -> Option<dense::DFA<Vec<u32>>> {
    let size = thompson::Config::new().utf8(false).nfa_size_limit(Some(SIZE_LIMIT));
    let config = dense::Config::new().start_kind(StartKind::Anchored);
    let config = config.dfa_size_limit(Some(TABLE_LIMIT)).determinize_size_limit(Some(SIZE_LIMIT));
    dense::Builder::new().syntax(bytes()).thompson(size).configure(config).build(pattern).ok()
}
