use std::cell::Cell;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use tree_sitter::{Node, ParseOptions, Parser, Tree};

/// The longest one file's parse may take …
const MOST_PARSE: Duration = Duration::from_secs(10);
/// … and all parses of a change.
const MOST_PARSES: Duration = Duration::from_secs(60);
/// How many nodes are looked at in a change.
const MOST_VISITS: u64 = 50_000_000;

/// The grammars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Python,
    /// TypeScript without JSX.
    TypeScript,
    /// TypeScript with JSX, and JavaScript.
    Tsx,
    Rust,
    Go,
    Java,
}

/// What judging one change may still cost.
#[derive(Debug)]
pub(super) struct Budget {
    visits: Cell<u64>,
    parses_end: Instant,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { visits: Cell::new(MOST_VISITS), parses_end: Instant::now() + MOST_PARSES }
    }

    /// Takes one visit; false where none is left.
    fn visit(&self) -> bool {
        let left = self.visits.get();
        self.visits.set(left.saturating_sub(1));
        left > 0
    }

    /// Whether a walk was cut short.
    pub(super) fn is_spent(&self) -> bool {
        self.visits.get() == 0
    }
}

/// Parses a text; none where that takes too long.
pub(super) fn parse(language: Language, text: &str, budget: &Budget) -> Option<Tree> {
    let mut parser = Parser::new();
    let grammar = match language {
        Language::Python => tree_sitter_python::LANGUAGE,
        Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT,
        Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX,
        Language::Rust => tree_sitter_rust::LANGUAGE,
        Language::Go => tree_sitter_go::LANGUAGE,
        Language::Java => tree_sitter_java::LANGUAGE,
    };
    parser.set_language(&grammar.into()).ok()?;
    let end = budget.parses_end.min(Instant::now() + MOST_PARSE);
    let mut in_time = |_: &_| if Instant::now() < end { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let options = ParseOptions::new().progress_callback(&mut in_time);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}

/// Visits `root` and what is below it, parents first; below a node only where `visit` says so.
pub(super) fn walk<'t>(root: Node<'t>, budget: &Budget, mut visit: impl FnMut(Node<'t>) -> bool) {
    let mut cursor = root.walk();
    loop {
        if !budget.visit() {
            return;
        }
        if visit(cursor.node()) && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// The source of a node.
pub(super) fn text<'s>(node: Node<'_>, source: &'s str) -> &'s str {
    source.get(node.byte_range()).unwrap_or_default()
}

/// The source of one of a node's fields; empty where there is none.
pub(super) fn field<'s>(node: Node<'_>, name: &str, source: &'s str) -> &'s str {
    node.child_by_field_name(name).map_or("", |child| text(child, source))
}

/// The named children of a node, without comments.
pub(super) fn children<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| !is_comment(child.kind())).collect()
}

/// The line of a node, from 1.
pub(super) fn line(node: Node<'_>) -> u32 {
    u32::try_from(node.start_position().row).unwrap_or(u32::MAX).saturating_add(1)
}

pub(super) fn is_comment(kind: &str) -> bool {
    matches!(kind, "comment" | "line_comment" | "block_comment")
}

/// Whether a node of that kind is a number, a text, or a word such as `true`.
pub(super) fn is_literal(kind: &str) -> bool {
    matches!(
        kind,
        "string" | "template_string" | "integer" | "float" | "number" | "true" | "false" | "none" | "null" | "nil"
    ) || (kind.ends_with("_literal") && !matches!(kind, "composite_literal" | "class_literal" | "func_literal"))
}

/// The leaves of a node without comments; literals are one token each.
pub(super) fn tokens<'s>(node: Node<'_>, source: &'s str, budget: &Budget) -> Vec<Token<'s>> {
    let mut tokens = Vec::new();
    walk(node, budget, |node| {
        if is_comment(node.kind()) {
            return false;
        }
        let literal = is_literal(node.kind());
        if literal || node.child_count() == 0 {
            tokens.push(Token { text: text(node, source), literal });
        }
        !literal
    });
    tokens
}

/// One word of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'s> {
    pub(super) text: &'s str,
    pub(super) literal: bool,
}

/// The tokens as one text, spaces between them.
pub(super) fn joined(tokens: &[Token<'_>]) -> String {
    tokens.iter().map(|token| token.text.trim()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The same with every literal left out, so that two that differ in literals alone are the same.
pub(super) fn shape(tokens: &[Token<'_>]) -> String {
    let word = |token: &Token<'_>| if token.literal { "…".to_owned() } else { token.text.trim().to_owned() };
    tokens.iter().map(word).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}
