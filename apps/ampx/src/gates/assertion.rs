use tree_sitter::Node;

use super::tree::{Budget, joined, line, shape, tokens};

/// What a test demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assertion {
    pub(super) line: u32,
    /// Its words.
    pub(super) text: String,
    /// Its words without the literals.
    pub(super) shape: String,
    pub(super) strength: Strength,
    /// It stands where its failure goes unnoticed.
    pub(super) swallowed: bool,
    /// Where it begins.
    pub(super) at: usize,
}

/// How much an assertion demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// It holds always.
    Trivial,
    /// It holds for many values.
    Loose,
    /// It holds for one value.
    Exact,
}

impl Assertion {
    pub(super) fn of(node: Node<'_>, source: &str, budget: &Budget, strength: Strength) -> Self {
        let words = tokens(node, source, budget);
        Self {
            line: line(node),
            text: joined(&words),
            shape: shape(&words),
            strength,
            swallowed: false,
            at: node.start_byte(),
        }
    }

    /// One that says the same with other words too, such as a message: `text` is what counts.
    pub(super) fn of_text(node: Node<'_>, text: String, strength: Strength) -> Self {
        let shape = blank_literals(&text);
        Self { line: line(node), text, shape, strength, swallowed: false, at: node.start_byte() }
    }

    /// One that lets the test fail under a condition, which says what is demanded.
    pub(super) fn under(node: Node<'_>, condition: Option<&str>) -> Self {
        let condition = condition.unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" ");
        let exact = condition.contains("!=") || condition.contains("==") || condition.contains("Equal");
        let strength = if exact { Strength::Exact } else { Strength::Loose };
        Self::of_text(node, format!("fails if {condition}"), strength)
    }
}

/// A text without its numbers and quoted parts.
fn blank_literals(text: &str) -> String {
    let (mut blank, mut quote, mut in_word) = (String::new(), None, false);
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => {
                quote = Some(c);
                blank.push('…');
            }
            None if c.is_ascii_digit() && !in_word => {
                if !blank.ends_with('…') {
                    blank.push('…');
                }
            }
            None => {
                in_word = c.is_alphanumeric() || c == '_';
                blank.push(c);
            }
        }
    }
    blank
}

/// What a call such as `assertEquals(a, b)` demands, from its name and its arguments' texts.
pub(super) fn of_call(name: &str, arguments: &[String]) -> Strength {
    let name: String = name.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase();
    let equality = is_equality(&name);
    let negative = name.contains("not") || name.ends_with("ne");
    let first = arguments.first().map_or("", String::as_str);
    let second = arguments.get(1).map(String::as_str);
    let trivial = match second {
        Some(second) if equality && !negative => first == second,
        _ if name.contains("false") => is_false(first),
        _ if name.contains("notnull") || name.contains("notnone") || name.contains("notnil") => is_constant(first),
        _ if !equality => is_true(first) || holds_always(first),
        _ => false,
    };
    match (trivial, equality && !negative) {
        (true, _) => Strength::Trivial,
        (false, true) => Strength::Exact,
        (false, false) if first.contains("==") => Strength::Exact,
        (false, false) => Strength::Loose,
    }
}

/// What `expect(subject).matcher(arguments)` demands.
pub(super) fn of_expectation(subject: &str, matchers: &[&str], arguments: Option<&[String]>) -> Strength {
    let Some(last) = matchers.last() else { return Strength::Trivial };
    let negative = matchers.contains(&"not");
    let argument = arguments.and_then(<[String]>::first).map(String::as_str);
    let constant = is_constant(subject);
    if !negative && (argument == Some(subject) || (constant && argument.is_none_or(is_constant))) {
        return Strength::Trivial;
    }
    let last = last.to_ascii_lowercase();
    let named = is_equality(&last) || ["snapshot", "with", "length", "throwing"].iter().any(|word| last.contains(word));
    let exact = named || matches!(last.as_str(), "tobe" | "tobecloseto" | "tomatchobject" | "eql" | "eq");
    if exact && !negative { Strength::Exact } else { Strength::Loose }
}

/// Whether a name, in lower case without `_`, says that two values are the same.
fn is_equality(name: &str) -> bool {
    let names_it = ["equal", "same", "asserteq", "isidentical"].iter().any(|word| name.contains(word));
    names_it && !name.contains("greater") && !name.contains("less")
}

fn is_false(text: &str) -> bool {
    matches!(text, "False" | "false" | "0" | "not True" | "! true" | "!true")
}

fn is_true(text: &str) -> bool {
    matches!(text, "True" | "true" | "1" | "not False" | "! false" | "!false")
}

/// `x == x`, or anything or true.
fn holds_always(text: &str) -> bool {
    let same = |operator: &str| text.split_once(operator).is_some_and(|(left, right)| left.trim() == right.trim());
    same(" == ") || same(" === ") || ["or True", "|| true"].iter().any(|end| text.ends_with(end))
}

/// Whether a text is one literal.
fn is_constant(text: &str) -> bool {
    let quoted = |c: char| text.len() >= 2 && text.starts_with(c) && text.ends_with(c) && text.matches(c).count() == 2;
    is_true(text)
        || is_false(text)
        || matches!(text, "None" | "null" | "undefined" | "nil")
        || text.parse::<f64>().is_ok()
        || ['"', '\'', '`'].into_iter().any(quoted)
}

/// The texts of a call's arguments, each with single spaces between its words.
pub(super) fn argument_texts(list: Node<'_>, source: &str, budget: &Budget) -> Vec<String> {
    super::tree::children(list).into_iter().map(|child| joined(&tokens(child, source, budget))).collect()
}
