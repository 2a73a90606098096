use std::ops::Range;

use tree_sitter::Node;

use super::assertion::{self, Assertion, Strength, argument_texts};
use super::body::{Around, Dialect, fails_on};
use super::cases::{Collector, Draft, SourceTests};
use super::paths;
use super::skip::Skip;
use super::tree::{Budget, children, field, is_comment, joined, text, tokens, walk};

/// The methods that JUnit 3 to 5 and TestNG run.
pub(super) fn collect(root: Node<'_>, path: &str, source: &str, budget: &Budget) -> SourceTests {
    let mut collector = Collector::new(source, budget, ".");
    let of_tests = paths::is_test(path);
    let mut classes: Vec<(usize, bool)> = Vec::new();
    walk(root, budget, |node| {
        collector.at(node);
        while classes.last().is_some_and(|(end, _)| node.start_byte() >= *end) {
            classes.pop();
        }
        match node.kind() {
            "class_declaration" | "record_declaration" | "interface_declaration" => {
                let marks = annotations(node);
                collector.enter(node, field(node, "name", source), skips(&marks, source));
                classes.push((node.end_byte(), field(node, "superclass", source).contains("TestCase")));
                true
            }
            "method_declaration" => {
                let marks = annotations(node);
                let name = field(node, "name", source);
                let old_style = classes.last().is_some_and(|(_, cased)| *cased) && name.starts_with("test");
                let is_test = old_style || marks.iter().any(|mark| is_test(name_of(*mark, source)));
                if is_test || of_tests {
                    let draft = Draft {
                        name: name.to_owned(),
                        helper: !is_test,
                        skips: skips(&marks, source),
                        rows: rows(&marks, source, budget),
                    };
                    collector.add(node, node.child_by_field_name("body"), &Java, draft);
                }
                false
            }
            kind => !is_comment(kind),
        }
    });
    collector.finish()
}

/// The annotations before a declaration.
fn annotations(declaration: Node<'_>) -> Vec<Node<'_>> {
    let modifiers = children(declaration).into_iter().find(|child| child.kind() == "modifiers");
    let marks = modifiers.map(children).unwrap_or_default();
    marks.into_iter().filter(|mark| matches!(mark.kind(), "annotation" | "marker_annotation")).collect()
}

fn name_of<'s>(annotation: Node<'_>, source: &'s str) -> &'s str {
    field(annotation, "name", source).rsplit('.').next().unwrap_or_default()
}

fn is_test(name: &str) -> bool {
    matches!(
        name,
        "Test" | "ParameterizedTest" | "RepeatedTest" | "TestFactory" | "TestTemplate" | "Property" | "Theory"
    )
}

fn skips(marks: &[Node<'_>], source: &str) -> Vec<Skip> {
    let skip = |mark: &Node<'_>| {
        let (name, words) = (name_of(*mark, source), text(*mark, source));
        let compact: String = words.chars().filter(|c| !c.is_whitespace()).collect();
        let conditional = ["DisabledIf", "DisabledOn", "DisabledFor", "EnabledIf", "EnabledOn", "EnabledFor"];
        if matches!(name, "Disabled" | "Ignore") || (is_test(name) && compact.contains("enabled=false")) {
            Some(Skip::new(words, false))
        } else {
            conditional.iter().any(|prefix| name.starts_with(prefix)).then(|| Skip::new(words, true))
        }
    };
    marks.iter().filter_map(skip).collect()
}

/// The values of the sources of a parameterized test.
fn rows(marks: &[Node<'_>], source: &str, budget: &Budget) -> Vec<String> {
    let mut rows = Vec::new();
    for mark in marks.iter().filter(|mark| name_of(**mark, source).ends_with("Source")) {
        walk(*mark, budget, |node| {
            if node.kind() != "element_value_array_initializer" {
                return true;
            }
            rows.extend(children(node).into_iter().map(|value| joined(&tokens(value, source, budget))));
            false
        });
    }
    rows
}

struct Java;

impl Dialect for Java {
    fn assertion(&self, node: Node<'_>, around: &Around<'_>) -> Option<Assertion> {
        let Around { source, budget, .. } = *around;
        let strength = match node.kind() {
            "assert_statement" => {
                let condition = children(node).first().map_or("", |condition| text(*condition, source));
                assertion::of_call("assert", &[condition.to_owned()])
            }
            "method_invocation" => invocation(node, source, budget)?,
            _ => return None,
        };
        Some(Assertion::of(node, source, budget, strength))
    }

    fn skip(&self, node: Node<'_>, around: &Around<'_>) -> Option<Skip> {
        let words = text(node, around.source);
        match node.kind() {
            "method_invocation" if field(node, "name", around.source).starts_with("assume") => {
                let arguments = field(node, "arguments", around.source);
                let never = matches!(arguments, "(false)" | "(true)");
                Some(Skip::new(words, !never))
            }
            "throw_statement" if words.contains("SkipException") || words.contains("TestAbortedException") => {
                Some(Skip::new(words, false))
            }
            _ => None,
        }
    }

    fn swallows(&self, node: Node<'_>, around: &Around<'_>) -> Option<Range<usize>> {
        if !matches!(node.kind(), "try_statement" | "try_with_resources_statement") {
            return None;
        }
        let swallowing = |clause: &Node<'_>| {
            let caught = children(*clause).first().map_or("", |parameter| text(*parameter, around.source));
            let broad = ["Throwable", "AssertionError", "Error "].iter().any(|name| caught.contains(name));
            broad && clause.child_by_field_name("body").is_some_and(|body| !fails_on(body, around.source))
        };
        let clauses = children(node).into_iter().filter(|child| child.kind() == "catch_clause").collect::<Vec<_>>();
        let body = node.child_by_field_name("body")?;
        clauses.iter().any(swallowing).then(|| body.byte_range())
    }

    fn is_function(&self, kind: &str) -> bool {
        matches!(kind, "lambda_expression" | "method_declaration")
    }
}

const MOST_LINKS: usize = 64;

/// What a call demands whose name, or whose chain's first name, is that of an assertion.
fn invocation(node: Node<'_>, source: &str, budget: &Budget) -> Option<Strength> {
    let name = field(node, "name", source);
    let own =
        || node.child_by_field_name("arguments").map(|list| argument_texts(list, source, budget)).unwrap_or_default();
    let (mut at, mut names) = (node, Vec::new());
    for _ in 0..MOST_LINKS {
        names.push(field(at, "name", source));
        match at.child_by_field_name("object").filter(|object| object.kind() == "method_invocation") {
            Some(object) => at = object,
            None => break,
        }
    }
    let first = *names.last()?;
    if matches!(first, "assertThat" | "assertThatThrownBy" | "assertThatCode" | "expectThat") && names.len() > 1 {
        let subject = field(at, "arguments", source).trim_matches(['(', ')']).to_owned();
        names.pop();
        names.reverse();
        return Some(assertion::of_expectation(&subject, &names, Some(&own())));
    }
    match first {
        // Without a matcher AssertJ and Truth check nothing; Hamcrest has it as the second argument.
        "assertThat" => Some(if own().len() > 1 { Strength::Exact } else { Strength::Trivial }),
        "verify" | "verifyNoMoreInteractions" | "verifyNoInteractions" | "fail" => Some(Strength::Loose),
        "assertThrows" | "assertThrowsExactly" => Some(match own().first().map(String::as_str) {
            Some("Exception . class" | "Throwable . class") => Strength::Loose,
            _ => Strength::Exact,
        }),
        first if first.starts_with("assert") => Some(assertion::of_call(name, &own())),
        _ => None,
    }
}
