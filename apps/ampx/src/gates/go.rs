use std::ops::Range;

use tree_sitter::Node;

use super::assertion::{self, Assertion, argument_texts};
use super::body::{Around, Dialect};
use super::cases::{Collector, Draft, SourceTests};
use super::skip::Skip;
use super::tree::{Budget, children, field, is_comment, joined, text, tokens, walk};

/// The functions that `go test` runs.
pub(super) fn collect(root: Node<'_>, source: &str, budget: &Budget) -> SourceTests {
    let mut collector = Collector::new(source, budget, "/");
    walk(root, budget, |node| match node.kind() {
        "source_file" => true,
        kind if is_comment(kind) => {
            let comment = text(node, source);
            if let Some(constraint) = comment.strip_prefix("//go:build ") {
                collector.skip_file(Skip::new(comment, constraint.trim() != "ignore"));
            }
            false
        }
        "function_declaration" | "method_declaration" => {
            let name = field(node, "name", source);
            let takes_t = field(node, "parameters", source).contains("testing.");
            let of_suite = node.kind() == "method_declaration" && name.starts_with("Test");
            let plain = node.kind() == "function_declaration"
                && (is_test_name(name, "Test") || is_test_name(name, "Benchmark") || is_test_name(name, "Fuzz"))
                && takes_t;
            let example = is_test_name(name, "Example") && node.kind() == "function_declaration";
            let body = node.child_by_field_name("body");
            let rows = body.map(|body| rows(body, source, budget)).unwrap_or_default();
            let helper = !(plain || of_suite || example);
            let draft = Draft { name: name.to_owned(), helper, skips: Vec::new(), rows };
            collector.add(node, body, &Go, draft);
            false
        }
        "var_declaration" => {
            let name = children(node).first().map_or("", |spec| field(*spec, "name", source));
            let draft = Draft { rows: rows(node, source, budget), ..Draft::helper(name) };
            collector.add(node, None, &Go, draft);
            false
        }
        _ => false,
    });
    collector.finish()
}

/// `Test` followed by nothing or by no lower-case letter.
fn is_test_name(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with(char::is_lowercase)) && name != "TestMain"
}

/// The structs in the lists and maps below a node: where a test runs over a table, its rows are among them.
fn rows(within: Node<'_>, source: &str, budget: &Budget) -> Vec<String> {
    let mut rows = Vec::new();
    walk(within, budget, |node| {
        let kind = node.child_by_field_name("type").map_or("", |of| of.kind());
        if node.kind() != "composite_literal"
            || !matches!(kind, "slice_type" | "map_type" | "implicit_length_array_type")
        {
            return true;
        }
        let elements = node.child_by_field_name("body").map(children).unwrap_or_default();
        let structs = elements.into_iter().filter(|element| holds_struct(*element));
        rows.extend(structs.map(|element| joined(&tokens(element, source, budget))));
        false
    });
    rows
}

/// Whether a row of a table is a struct: plain lists are values that a test may shorten.
fn holds_struct(element: Node<'_>) -> bool {
    let parts = children(element);
    let is_value = |node: &Node<'_>| matches!(node.kind(), "literal_value" | "composite_literal");
    parts.iter().any(is_value) || parts.iter().any(|part| children(*part).iter().any(is_value))
}

struct Go;

impl Dialect for Go {
    fn assertion(&self, node: Node<'_>, around: &Around<'_>) -> Option<Assertion> {
        let Around { source, budget, condition } = *around;
        let (object, method) = method(node, source)?;
        if matches!(object, "t" | "b" | "f" | "tb" | "tt" | "g") {
            let fails = matches!(method, "Error" | "Errorf" | "Fatal" | "Fatalf" | "Fail" | "FailNow");
            return fails.then(|| Assertion::under(node, condition));
        }
        let suite = object.starts_with("s.") || object.starts_with("suite.") || matches!(object, "s" | "suite");
        let is_assertion = matches!(object, "assert" | "require" | "is" | "a" | "r" | "qt")
            || object.ends_with(".Require()")
            || object.ends_with(".Assert()")
            || (suite && method.starts_with(|c: char| c.is_uppercase()) && is_suite_method(method));
        if !is_assertion {
            return None;
        }
        let mut arguments = argument_texts(node.child_by_field_name("arguments")?, source, budget);
        if arguments.first().is_some_and(|first| matches!(first.as_str(), "t" | "b" | "tt" | "c")) {
            arguments.remove(0);
        }
        Some(Assertion::of(node, source, budget, assertion::of_call(method, &arguments)))
    }

    fn skip(&self, node: Node<'_>, around: &Around<'_>) -> Option<Skip> {
        let (_, method) = method(node, around.source)?;
        matches!(method, "Skip" | "Skipf" | "SkipNow").then(|| Skip::new(text(node, around.source), false))
    }

    fn swallows(&self, _: Node<'_>, _: &Around<'_>) -> Option<Range<usize>> {
        None
    }

    fn is_function(&self, kind: &str) -> bool {
        kind == "func_literal"
    }
}

fn is_suite_method(method: &str) -> bool {
    ["Equal", "True", "False", "Nil", "Error", "Contains", "Len", "Empty", "Panics"]
        .iter()
        .any(|word| method.contains(word))
}

/// The object and the name of a method call.
fn method<'s>(node: Node<'_>, source: &'s str) -> Option<(&'s str, &'s str)> {
    let called = node.child_by_field_name("function").filter(|called| called.kind() == "selector_expression")?;
    Some((field(called, "operand", source), field(called, "field", source)))
}
