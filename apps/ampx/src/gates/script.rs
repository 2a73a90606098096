use std::ops::Range;

use tree_sitter::Node;

use super::assertion::{self, Assertion, argument_texts};
use super::body::{Around, Dialect, fails_on};
use super::cases::{Collector, Draft, SourceTests};
use super::paths;
use super::skip::Skip;
use super::tree::{Budget, children, field, joined, text, tokens, walk};

/// The tests of jest, vitest, mocha, node:test and those that write tests as they do.
pub(super) fn collect(root: Node<'_>, path: &str, source: &str, budget: &Budget) -> SourceTests {
    let mut collector = Collector::new(source, budget, " > ");
    let of_tests = paths::is_test(path);
    let mut helpers_end = 0;
    walk(root, budget, |node| {
        collector.at(node);
        match node.kind() {
            "call_expression" => call(&mut collector, node),
            // What is within another one counts with it.
            "function_declaration" | "variable_declarator" if of_tests && node.start_byte() >= helpers_end => {
                helpers_end = node.end_byte();
                helper(&mut collector, node);
                // A group may be written within a function; its tests count on their own.
                true
            }
            _ => true,
        }
    });
    collector.finish()
}

/// Takes a function that asserts for tests, or a table that they run with.
fn helper(collector: &mut Collector<'_>, node: Node<'_>) {
    let (source, budget) = (collector.source, collector.budget);
    let draft = Draft::helper(field(node, "name", source));
    let value = node.child_by_field_name("value").unwrap_or(node);
    if is_function(value.kind()) {
        collector.add(node, value.child_by_field_name("body"), &Script, draft);
    } else if value.kind() == "array" && children(value).iter().any(|row| matches!(row.kind(), "array" | "object")) {
        let rows = children(value).into_iter().map(|row| joined(&tokens(row, source, budget))).collect();
        collector.add(node, None, &Script, Draft { rows, ..draft });
    }
}

/// What a call such as `describe.only.each(table)(title, body)` names.
struct Callee<'t, 's> {
    root: &'s str,
    modifiers: Vec<&'s str>,
    /// The arguments of the inner call or template.
    table: Option<Node<'t>>,
}

const MOST_LINKS: usize = 64;

fn callee<'t, 's>(call: Node<'t>, source: &'s str) -> Option<Callee<'t, 's>> {
    let (mut modifiers, mut table) = (Vec::new(), None);
    let mut at = call.child_by_field_name("function")?;
    for _ in 0..MOST_LINKS {
        match at.kind() {
            "identifier" => return Some(Callee { root: text(at, source), modifiers, table }),
            "member_expression" => {
                modifiers.push(field(at, "property", source));
                at = at.child_by_field_name("object")?;
            }
            "call_expression" => {
                table = at.child_by_field_name("arguments");
                at = at.child_by_field_name("function")?;
            }
            "non_null_expression" | "parenthesized_expression" | "await_expression" => at = at.named_child(0)?,
            _ => return None,
        }
    }
    None
}

/// Takes a group or a test; whether to look below.
fn call(collector: &mut Collector<'_>, node: Node<'_>) -> bool {
    let source = collector.source;
    let Some(Callee { root, modifiers, table }) = callee(node, source) else { return true };
    let group = matches!(root, "describe" | "context" | "suite" | "xdescribe" | "fdescribe" | "xcontext")
        || (root == "test" && modifiers.contains(&"describe"));
    let test = matches!(root, "it" | "test" | "specify" | "xit" | "xtest" | "fit" | "xspecify")
        || (matches!(root, "t" | "Deno" | "QUnit") && modifiers.contains(&"test"));
    if !group && !test {
        return true;
    }
    let arguments = node.child_by_field_name("arguments").map(children).unwrap_or_default();
    let function = arguments.iter().copied().find(|argument| is_function(argument.kind()));
    let titled = arguments.first().filter(|title| !is_function(title.kind())).map(|title| text(*title, source));
    let todo = modifiers.contains(&"todo") && titled.is_some();
    if function.is_none() && !(todo || modifiers.contains(&"skip") && arguments.len() > 1) {
        return true;
    }
    if modifiers.contains(&"only") || matches!(root, "fit" | "fdescribe") {
        collector.only(node);
    }
    let name = titled.unwrap_or("").trim_matches(|c| matches!(c, '"' | '\'' | '`')).to_owned();
    let skips = skips(root, &modifiers, table, &arguments, source);
    if group {
        collector.enter(node, &name, skips);
        return true;
    }
    let rows = table.map(|table| rows(table, &modifiers, collector)).unwrap_or_default();
    let body = function.map(|function| function.child_by_field_name("body").unwrap_or(function));
    collector.add(node, body, &Script, Draft { name, helper: false, skips, rows });
    false
}

fn skips(root: &str, modifiers: &[&str], table: Option<Node<'_>>, arguments: &[Node<'_>], source: &str) -> Vec<Skip> {
    let mut skips = Vec::new();
    if root.starts_with('x') {
        skips.push(Skip::new(root, false));
    }
    for modifier in modifiers {
        match *modifier {
            "skip" | "todo" | "failing" | "fails" | "fixme" => skips.push(Skip::new(&format!(".{modifier}"), false)),
            "skipIf" | "runIf" => {
                let condition = table.map_or("", |table| text(table, source));
                skips.push(Skip::new(&format!(".{modifier}{condition}"), true));
            }
            _ => {}
        }
    }
    for option in arguments.iter().filter(|argument| argument.kind() == "object").flat_map(|object| children(*object)) {
        let (key, value) = (field(option, "key", source), field(option, "value", source));
        if matches!(key, "skip" | "todo" | "ignore") && value != "false" {
            skips.push(Skip::new(text(option, source), value != "true"));
        }
    }
    skips
}

/// The rows of `each(table)`, of an array or of a template with a row to a line.
fn rows(table: Node<'_>, modifiers: &[&str], collector: &Collector<'_>) -> Vec<String> {
    if !modifiers.contains(&"each") && !modifiers.contains(&"for") {
        return Vec::new();
    }
    if table.kind() == "template_string" {
        let lines = text(table, collector.source).lines().filter(|line| line.contains("${"));
        return lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    }
    let list = children(table).into_iter().next().filter(|list| list.kind() == "array");
    let rows = list.map(children).unwrap_or_default();
    rows.into_iter().map(|row| joined(&tokens(row, collector.source, collector.budget))).collect()
}

fn is_function(kind: &str) -> bool {
    matches!(kind, "arrow_function" | "function_expression" | "function_declaration" | "generator_function")
}

struct Script;

impl Dialect for Script {
    fn assertion(&self, node: Node<'_>, around: &Around<'_>) -> Option<Assertion> {
        let Around { source, budget, .. } = *around;
        if !matches!(node.kind(), "call_expression" | "member_expression") {
            return None;
        }
        let chain = Chain::of(node, source)?;
        let is_call = node.kind() == "call_expression";
        let arguments = |list: Option<Node<'_>>| list.map(|list| argument_texts(list, source, budget));
        let strength = match chain.root {
            "expect" | "expectTypeOf" | "assertType" => {
                let subject = arguments(chain.first).unwrap_or_default().join(" , ");
                let own = is_call.then(|| node.child_by_field_name("arguments")).flatten();
                let matched = own.filter(|own| Some(own.id()) != chain.first.map(|first| first.id()));
                assertion::of_expectation(&subject, &chain.names, arguments(matched).as_deref())
            }
            "assert" | "chai" | "t"
                if chain.names.iter().any(|name| is_assert_method(name)) || chain.root == "assert" =>
            {
                let own = arguments(node.child_by_field_name("arguments")).filter(|_| is_call)?;
                assertion::of_call(chain.names.last().unwrap_or(&"assert"), &own)
            }
            _ => return None,
        };
        Some(Assertion::of(node, source, budget, strength))
    }

    fn skip(&self, node: Node<'_>, around: &Around<'_>) -> Option<Skip> {
        if node.kind() != "call_expression" {
            return None;
        }
        let called = node.child_by_field_name("function").filter(|called| called.kind() == "member_expression")?;
        let object = field(called, "object", around.source);
        let skips = matches!(field(called, "property", around.source), "skip" | "fixme" | "todo" | "fail");
        let of_test = matches!(object, "this" | "t" | "ctx" | "context" | "test" | "it" | "testInfo");
        let arguments = node.child_by_field_name("arguments").map(children).unwrap_or_default();
        // With a body it is a test of its own.
        let has_body = arguments.iter().any(|argument| is_function(argument.kind()));
        (skips && of_test && !has_body)
            .then(|| Skip::new(text(node, around.source), object == "test" && !arguments.is_empty()))
    }

    fn swallows(&self, node: Node<'_>, around: &Around<'_>) -> Option<Range<usize>> {
        if node.kind() != "try_statement" {
            return None;
        }
        let handler = node.child_by_field_name("handler")?;
        let ends = node.child_by_field_name("finalizer").is_some_and(|last| fails_on(last, around.source));
        let body = node.child_by_field_name("body")?;
        (!fails_on(handler, around.source) && !ends).then(|| body.byte_range())
    }

    fn is_function(&self, kind: &str) -> bool {
        is_function(kind) || kind == "method_definition"
    }
}

fn is_assert_method(name: &str) -> bool {
    matches!(name, "assert" | "equal" | "deepEqual" | "is" | "ok" | "strictEqual" | "deepStrictEqual" | "throws")
}

/// `root(first).name.name(…)`, from its outermost part.
struct Chain<'t, 's> {
    root: &'s str,
    /// The arguments of the call of the root itself.
    first: Option<Node<'t>>,
    /// The names after it, in the order of the source.
    names: Vec<&'s str>,
}

impl<'t, 's> Chain<'t, 's> {
    fn of(node: Node<'t>, source: &'s str) -> Option<Self> {
        let (mut at, mut names, mut first) = (node, Vec::new(), None);
        for _ in 0..MOST_LINKS {
            match at.kind() {
                "identifier" => {
                    names.reverse();
                    return Some(Self { root: text(at, source), first, names });
                }
                "call_expression" => {
                    first = at.child_by_field_name("arguments");
                    at = at.child_by_field_name("function")?;
                }
                "member_expression" => {
                    names.push(field(at, "property", source));
                    first = None;
                    at = at.child_by_field_name("object")?;
                }
                "await_expression" | "parenthesized_expression" | "non_null_expression" => at = at.named_child(0)?,
                _ => return None,
            }
        }
        None
    }
}
