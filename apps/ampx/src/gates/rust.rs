use std::ops::Range;

use tree_sitter::Node;

use super::assertion::{self, Assertion, Strength};
use super::body::{Around, Dialect};
use super::cases::{Collector, Draft, SourceTests};
use super::paths;
use super::skip::Skip;
use super::tree::{Budget, Token, children, field, joined, text, tokens, walk};

/// The functions with a test attribute, and the declarations of modules of tests.
pub(super) fn collect(root: Node<'_>, path: &str, source: &str, budget: &Budget) -> SourceTests {
    let mut collector = Collector::new(source, budget, "::");
    let of_tests = paths::is_test(path);
    let mut attributes: Vec<&str> = Vec::new();
    walk(root, budget, |node| {
        collector.at(node);
        match node.kind() {
            "attribute_item" => {
                attributes.push(inner(text(node, source)));
                return false;
            }
            "inner_attribute_item" => {
                skip_of(inner(text(node, source))).into_iter().for_each(|skip| collector.skip_scope(skip));
                return false;
            }
            "line_comment" | "block_comment" => return false,
            _ => {}
        }
        let on_it = std::mem::take(&mut attributes);
        let skips: Vec<Skip> = on_it.iter().filter_map(|attribute| skip_of(attribute)).collect();
        let name = field(node, "name", source);
        match node.kind() {
            "mod_item" => {
                let for_tests = of_tests || on_it.iter().any(|attribute| is_cfg_test(attribute));
                if node.child_by_field_name("body").is_some() {
                    collector.enter(node, name, skips);
                } else if for_tests {
                    // Without this line no test of that file is compiled.
                    let name = format!("mod {name}");
                    collector.add(node, None, &Rust, Draft { name, skips, ..Draft::default() });
                }
                true
            }
            "function_item" => {
                let is_test = on_it.iter().any(|attribute| is_test_attribute(attribute));
                let rows = on_it.iter().filter(|attribute| is_row(attribute));
                let rows = rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
                let draft = Draft { name: name.to_owned(), helper: !is_test, skips, rows };
                if is_test || of_tests || collector.around().contains("test") {
                    collector.add(node, node.child_by_field_name("body"), &Rust, draft);
                }
                false
            }
            _ => true,
        }
    });
    collector.finish()
}

/// An attribute's words, without `#[` and `]`.
fn inner(attribute: &str) -> &str {
    let bare = attribute.trim_start_matches('#').trim_start_matches('!').trim();
    bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')).unwrap_or(bare).trim()
}

fn path_of(attribute: &str) -> &str {
    attribute.split(['(', '=', ' ']).next().unwrap_or("").trim()
}

fn is_test_attribute(attribute: &str) -> bool {
    let last = path_of(attribute).rsplit("::").next().unwrap_or("");
    matches!(last, "test" | "rstest" | "test_case" | "case" | "quickcheck" | "wasm_bindgen_test" | "bench" | "proptest")
}

fn is_row(attribute: &str) -> bool {
    let path = path_of(attribute);
    matches!(path, "test_case" | "case" | "test_case::case") || path.starts_with("case::")
}

fn is_cfg_test(attribute: &str) -> bool {
    path_of(attribute) == "cfg" && attribute.contains("test") && !attribute.contains("not(")
}

fn skip_of(attribute: &str) -> Option<Skip> {
    let compact: String = attribute.chars().filter(|c| !c.is_whitespace()).collect();
    match path_of(attribute) {
        "ignore" => Some(Skip::new(attribute, false)),
        "should_panic" => Some(Skip::new(attribute, true)),
        "cfg_attr" if compact.contains("ignore") => Some(Skip::new(attribute, true)),
        "cfg" if compact != "cfg(test)" => {
            let never = ["cfg(any())", "cfg(false)", "cfg(not(test))"].contains(&compact.as_str());
            Some(Skip::new(attribute, !never))
        }
        _ => None,
    }
}

struct Rust;

impl Dialect for Rust {
    fn assertion(&self, node: Node<'_>, around: &Around<'_>) -> Option<Assertion> {
        let Around { source, budget, .. } = *around;
        if node.kind() != "macro_invocation" {
            return None;
        }
        let name = field(node, "macro", source).rsplit("::").next()?;
        let bare = name.trim_start_matches("debug_").trim_start_matches("prop_");
        if !bare.starts_with("assert") {
            return None;
        }
        let arguments = children_tree(node).map(|tree| arguments(tree, source, budget)).unwrap_or_default();
        let strength = match bare {
            name if name.contains("snapshot") => Strength::Exact,
            name => assertion::of_call(name, &arguments),
        };
        // What comes after what is compared is a message.
        let compared = if bare == "assert" { 1 } else { 2 };
        let words = arguments.iter().take(compared).cloned().collect::<Vec<_>>().join(" , ");
        Some(Assertion::of_text(node, format!("{name} ! ( {words} )"), strength))
    }

    fn skip(&self, _: Node<'_>, _: &Around<'_>) -> Option<Skip> {
        None
    }

    fn swallows(&self, node: Node<'_>, around: &Around<'_>) -> Option<Range<usize>> {
        let caught =
            node.kind() == "call_expression" && field(node, "function", around.source).ends_with("catch_unwind");
        caught.then(|| node.byte_range())
    }

    fn is_function(&self, kind: &str) -> bool {
        matches!(kind, "function_item" | "closure_expression" | "async_block")
    }
}

fn children_tree(invocation: Node<'_>) -> Option<Node<'_>> {
    children(invocation).into_iter().find(|child| child.kind() == "token_tree")
}

/// A macro's arguments: the words between its outermost commas.
fn arguments(tree: Node<'_>, source: &str, budget: &Budget) -> Vec<String> {
    let words = tokens(tree, source, budget);
    let words = words.get(1..words.len().saturating_sub(1)).unwrap_or_default();
    let mut depth = 0_usize;
    let is_comma = |token: &Token<'_>| {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.text == ","
    };
    words.split(is_comma).map(joined).filter(|text| !text.is_empty()).collect()
}
