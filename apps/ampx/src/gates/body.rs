use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use tree_sitter::Node;

use super::assertion::Assertion;
use super::skip::Skip;
use super::tree::{self, Budget, children, field, text, walk};

/// How many words of a body are compared.
const MOST_TOKENS: usize = 20_000;

/// How a language writes what stands in a test.
pub(super) trait Dialect {
    /// The assertion that `node` is, if it is one.
    fn assertion(&self, node: Node<'_>, around: &Around<'_>) -> Option<Assertion>;
    /// The skip that `node` is, if it is one.
    fn skip(&self, node: Node<'_>, around: &Around<'_>) -> Option<Skip>;
    /// The part below `node` in which a failed assertion goes unnoticed.
    fn swallows(&self, node: Node<'_>, around: &Around<'_>) -> Option<Range<usize>>;
    /// Whether nodes of that kind are functions of their own.
    fn is_function(&self, kind: &str) -> bool;
}

/// Where a node of a body stands.
pub(super) struct Around<'a> {
    pub(super) source: &'a str,
    pub(super) budget: &'a Budget,
    /// The condition of the innermost `if` around it.
    pub(super) condition: Option<&'a str>,
}

/// What stands in a test.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    pub(super) assertions: Vec<Assertion>,
    pub(super) skips: Vec<Skip>,
    /// How many ways out there are before the last assertion.
    pub(super) returns: usize,
    /// Hashes of its words, sorted.
    pub(super) words: Vec<u64>,
}

impl Body {
    pub(super) fn read(body: Node<'_>, dialect: &dyn Dialect, source: &str, budget: &Budget) -> Self {
        let mut read = Self { words: words(body, source, budget), ..Self::default() };
        let never = unreachable_from(body);
        let (mut conditions, mut swallowed, mut functions) = (Vec::new(), 0..0, 0);
        let mut returns = Vec::new();
        walk(body, budget, |node| {
            let kind = node.kind();
            if tree::is_comment(kind) || node.start_byte() >= never {
                return false;
            }
            while conditions.last().is_some_and(|(end, _): &(usize, &str)| node.start_byte() >= *end) {
                conditions.pop();
            }
            if is_branch(kind) {
                let condition = field(node, "condition", source);
                if is_false(condition) {
                    return false;
                }
                conditions.push((node.end_byte(), condition));
            }
            let around = Around { source, budget, condition: conditions.last().map(|(_, condition)| *condition) };
            if node.id() != body.id() && dialect.is_function(kind) {
                functions = functions.max(node.end_byte());
            }
            if is_return(kind) && node.start_byte() >= functions {
                returns.push(node.start_byte());
            }
            if let Some(range) = dialect.swallows(node, &around) {
                swallowed = if range.end > swallowed.end { range } else { swallowed.clone() };
            }
            if let Some(skip) = dialect.skip(node, &around) {
                read.skips.push(Skip { conditional: skip.conditional || !conditions.is_empty(), ..skip });
                return false;
            }
            match dialect.assertion(node, &around) {
                Some(mut assertion) => {
                    assertion.swallowed = swallowed.contains(&node.start_byte());
                    assertion.at = node.start_byte();
                    read.assertions.push(assertion);
                    false
                }
                None => true,
            }
        });
        let last = read.assertions.iter().map(|assertion| assertion.at).max().unwrap_or(0);
        read.returns = returns.iter().filter(|at| **at < last).count();
        if statements(body).first().is_some_and(|first| never < usize::MAX && is_way_out(*first)) {
            read.skips.push(Skip::new("return", false));
        }
        read
    }

    /// How alike two bodies are, from 0 to 1.
    pub(super) fn likeness(&self, other: &Self) -> f64 {
        if self.words.is_empty() || other.words.is_empty() {
            return 0.0;
        }
        let (mut left, mut right, mut shared) = (self.words.as_slice(), other.words.as_slice(), 0_usize);
        while let (Some(a), Some(b)) = (left.first(), right.first()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => left = &left[1..],
                std::cmp::Ordering::Greater => right = &right[1..],
                std::cmp::Ordering::Equal => {
                    (left, right) = (&left[1..], &right[1..]);
                    shared += 1;
                }
            }
        }
        let all = self.words.len() + other.words.len();
        // Counts of words in one test are far below what a float cannot hold.
        2.0 * f64::from(u32::try_from(shared).unwrap_or(u32::MAX)) / f64::from(u32::try_from(all).unwrap_or(u32::MAX))
    }
}

fn words(body: Node<'_>, source: &str, budget: &Budget) -> Vec<u64> {
    let mut words: Vec<u64> = tree::tokens(body, source, budget)
        .iter()
        .filter(|token| token.text.chars().any(char::is_alphanumeric))
        .take(MOST_TOKENS)
        .map(|token| {
            let mut hasher = DefaultHasher::new();
            token.text.hash(&mut hasher);
            hasher.finish()
        })
        .collect();
    words.sort_unstable();
    words
}

/// The statements of a body; Go has them in a list of their own.
fn statements(body: Node<'_>) -> Vec<Node<'_>> {
    let parts = children(body);
    match parts.as_slice() {
        [list] if list.kind() == "statement_list" => children(*list),
        _ => parts,
    }
}

/// Where the statements begin that come after a `return` of the body itself.
fn unreachable_from(body: Node<'_>) -> usize {
    let statements = statements(body);
    let out = statements.iter().position(|statement| is_way_out(*statement));
    out.and_then(|at| statements.get(at + 1)).map_or(usize::MAX, |next| next.start_byte())
}

fn is_way_out(statement: Node<'_>) -> bool {
    is_return(statement.kind())
        || (statement.kind() == "expression_statement"
            && children(statement).iter().any(|child| is_return(child.kind())))
}

fn is_return(kind: &str) -> bool {
    matches!(kind, "return_statement" | "return_expression")
}

fn is_branch(kind: &str) -> bool {
    matches!(kind, "if_statement" | "if_expression")
}

fn is_false(condition: &str) -> bool {
    let bare = condition.trim_matches(|c: char| c.is_whitespace() || c == '(' || c == ')');
    matches!(bare, "False" | "false" | "0" | "!true" | "not True")
}

/// Whether a part of a source mends what it caught by failing all the same.
pub(super) fn fails_on(handler: Node<'_>, source: &str) -> bool {
    let text = text(handler, source);
    ["raise", "throw", "fail", "assert", "expect("].iter().any(|word| text.contains(word))
}
