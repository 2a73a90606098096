use std::ops::Range;

use tree_sitter::Node;

use super::assertion::{self, Assertion, Strength, argument_texts};
use super::body::{Around, Dialect, fails_on};
use super::cases::{Collector, Draft, SourceTests};
use super::paths;
use super::skip::Skip;
use super::tree::{Budget, children, field, joined, text, tokens, walk};

/// The tests that pytest or unittest would collect.
pub(super) fn collect(root: Node<'_>, path: &str, source: &str, budget: &Budget) -> SourceTests {
    let mut collector = Collector::new(source, budget, "::");
    let mut decorators: (usize, Vec<Node<'_>>) = (0, Vec::new());
    let of_tests = paths::is_test(path);
    // Whether the innermost class is one that is collected; the file is where it is one of tests.
    let mut classes: Vec<(usize, bool)> = vec![(usize::MAX, of_tests)];
    walk(root, budget, |node| {
        collector.at(node);
        while classes.last().is_some_and(|(end, _)| node.start_byte() >= *end) {
            classes.pop();
        }
        let collected = classes.last().is_none_or(|(_, collected)| *collected);
        match node.kind() {
            "decorated_definition" => {
                let definition = node.child_by_field_name("definition").map_or(0, |definition| definition.id());
                let marks = children(node).into_iter().filter(|child| child.kind() == "decorator").collect();
                decorators = (definition, marks);
                true
            }
            "class_definition" => {
                let (name, bases) = (field(node, "name", source), field(node, "superclasses", source));
                let cased = bases.contains("TestCase");
                let is_test = cased || (of_tests && (name.starts_with("Test") || bases.len() > "()".len()));
                let marks = if decorators.0 == node.id() { std::mem::take(&mut decorators.1) } else { Vec::new() };
                collector.enter(node, name, skips(&marks, source));
                classes.push((node.end_byte(), is_test));
                true
            }
            "function_definition" => {
                let marks = if decorators.0 == node.id() { std::mem::take(&mut decorators.1) } else { Vec::new() };
                function(&mut collector, node, &marks, collected, of_tests);
                false
            }
            "assignment" => {
                let (left, right) = (field(node, "left", source), field(node, "right", source));
                if left == "pytestmark" && is_skip_mark(right) {
                    collector.skip_scope(Skip::new(right, is_conditional(right)));
                } else if left == "__test__" && right == "False" {
                    collector.skip_scope(Skip::new("__test__ = False", false));
                } else if of_tests && node.child_by_field_name("right").is_some_and(|right| is_table(right)) {
                    let list = node.child_by_field_name("right").unwrap_or(node);
                    let rows = list_rows(list, source, budget);
                    collector.add(node, None, &Python, Draft { rows, ..Draft::helper(left) });
                }
                false
            }
            "call" => {
                let called = field(node, "function", source);
                if matches!(called, "pytest.skip" | "pytest.importorskip") {
                    collector.skip_file(Skip::new(text(node, source), called.ends_with("importorskip")));
                }
                false
            }
            _ => true,
        }
    });
    collector.finish()
}

fn function(collector: &mut Collector<'_>, node: Node<'_>, marks: &[Node<'_>], collected: bool, of_tests: bool) {
    let source = collector.source;
    let name = field(node, "name", source);
    let is_test = collected && name.starts_with("test");
    if is_test || of_tests {
        let draft = Draft {
            name: name.to_owned(),
            helper: !is_test,
            skips: skips(marks, source),
            rows: rows(marks, source, collector.budget),
        };
        collector.add(node, node.child_by_field_name("body"), &Python, draft);
    }
}

fn is_skip_mark(mark: &str) -> bool {
    ["skip", "xfail", "expectedFailure"].iter().any(|word| mark.contains(word)) && !mark.contains("parametrize")
}

/// Whether a list has rows of several values, which a test may run with.
fn is_table(list: Node<'_>) -> bool {
    let rows = children(list);
    list.kind() == "list" && rows.iter().any(|row| matches!(row.kind(), "tuple" | "list" | "dictionary" | "call"))
}

/// Whether a mark names the condition under which it holds.
fn is_conditional(mark: &str) -> bool {
    let mark = mark.to_ascii_lowercase();
    mark.contains("skipif")
        || mark.contains("skipunless")
        || (mark.contains("xfail(") && !mark.contains("xfail(reason"))
}

fn skips(marks: &[Node<'_>], source: &str) -> Vec<Skip> {
    let texts = marks.iter().map(|mark| text(*mark, source));
    texts.filter(|mark| is_skip_mark(mark)).map(|mark| Skip::new(mark, is_conditional(mark))).collect()
}

/// The rows that the `parametrize` marks give, those that are marked as skipped left out.
fn rows(marks: &[Node<'_>], source: &str, budget: &Budget) -> Vec<String> {
    let mut rows = Vec::new();
    for mark in marks {
        walk(*mark, budget, |node| {
            if node.kind() != "call" || !field(node, "function", source).ends_with("parametrize") {
                return true;
            }
            let arguments = node.child_by_field_name("arguments").map(children).unwrap_or_default();
            rows.extend(arguments.get(1).map(|list| list_rows(*list, source, budget)).unwrap_or_default());
            false
        });
    }
    rows
}

fn list_rows(list: Node<'_>, source: &str, budget: &Budget) -> Vec<String> {
    if !matches!(list.kind(), "list" | "tuple") {
        return Vec::new();
    }
    let runs = children(list).into_iter().filter(|row| !is_skip_mark(text(*row, source)));
    runs.map(|row| joined(&tokens(row, source, budget))).collect()
}

struct Python;

impl Dialect for Python {
    fn assertion(&self, node: Node<'_>, around: &Around<'_>) -> Option<Assertion> {
        let Around { source, budget, .. } = *around;
        let strength = match node.kind() {
            "assert_statement" => {
                // The message after the condition says nothing of what is demanded.
                let condition = *children(node).first()?;
                return Some(Assertion::of(condition, source, budget, statement(condition, source, budget)));
            }
            "call" => {
                let name = last_name(field(node, "function", source));
                let list = node.child_by_field_name("arguments")?;
                let arguments = || argument_texts(list, source, budget);
                match name {
                    "raises" | "assertRaises" | "assertRaisesRegex" => raises(&arguments()),
                    "warns" | "fail" => Strength::Loose,
                    name if name.starts_with("assert") && name.ends_with("_with") => Strength::Exact,
                    name if name.starts_with("assert") => assertion::of_call(name, &arguments()),
                    _ => return None,
                }
            }
            _ => return None,
        };
        Some(Assertion::of(node, source, budget, strength))
    }

    fn skip(&self, node: Node<'_>, around: &Around<'_>) -> Option<Skip> {
        let called = match node.kind() {
            "call" => field(node, "function", around.source),
            "raise_statement" => text(node, around.source).trim_start_matches("raise").trim(),
            _ => return None,
        };
        let skips = matches!(last_name(called), "skipTest" | "importorskip" | "SkipTest")
            || matches!(called, "pytest.skip" | "pytest.xfail" | "unittest.skip")
            || (node.kind() == "raise_statement" && called.contains("SkipTest"));
        skips.then(|| Skip::new(text(node, around.source), called.ends_with("importorskip")))
    }

    fn swallows(&self, node: Node<'_>, around: &Around<'_>) -> Option<Range<usize>> {
        let source = around.source;
        match node.kind() {
            "try_statement" => {
                let swallowing = |handler: &Node<'_>| {
                    let parts = children(*handler);
                    let body = parts.iter().rev().find(|part| part.kind() == "block");
                    let end = body.map_or(handler.end_byte(), Node::start_byte);
                    let head = source.get(handler.start_byte()..end).unwrap_or_default();
                    let bare = head.trim().trim_end_matches(':').trim() == "except";
                    let broad = bare || ["Exception", "AssertionError"].iter().any(|name| head.contains(name));
                    broad && body.is_none_or(|body| !fails_on(*body, source))
                };
                let parts = children(node);
                let swallows = parts.iter().filter(|part| part.kind() == "except_clause").any(swallowing);
                let body = node.child_by_field_name("body")?;
                swallows.then(|| body.byte_range())
            }
            "with_statement" => {
                let body = node.child_by_field_name("body")?;
                let head = source.get(node.start_byte()..body.start_byte()).unwrap_or_default();
                let broad = ["Exception", "AssertionError"].iter().any(|word| head.contains(word));
                (head.contains("suppress(") && broad).then(|| body.byte_range())
            }
            _ => None,
        }
    }

    fn is_function(&self, kind: &str) -> bool {
        matches!(kind, "function_definition" | "lambda")
    }
}

/// What `assert condition` demands.
fn statement(condition: Node<'_>, source: &str, budget: &Budget) -> Strength {
    let words = joined(&tokens(condition, source, budget));
    match condition.kind() {
        // A tuple with something in it is true, whatever that is.
        "tuple" | "string" => Strength::Trivial,
        "comparison_operator" => assertion::of_call("assert", &[words]),
        _ => assertion::of_call("assert", &[words]).min(Strength::Loose),
    }
}

fn raises(arguments: &[String]) -> Strength {
    match arguments.first().map(String::as_str) {
        Some("Exception" | "BaseException") | None => Strength::Loose,
        Some(_) => Strength::Exact,
    }
}

fn last_name(called: &str) -> &str {
    called.rsplit('.').next().unwrap_or(called).split('(').next().unwrap_or(called).trim()
}
