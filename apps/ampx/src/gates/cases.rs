use tree_sitter::Node;

use super::body::{Body, Dialect};
use super::skip::Skip;
use super::tree::{Budget, line};

/// Names are copied to each test below them, so they are cut …
const MOST_NAME_CHARS: usize = 200;
/// … and so are the levels that they come from.
const MOST_LEVELS: usize = 64;

/// The tests of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceTests {
    /// Tests, and functions that assert something for them.
    pub(super) cases: Vec<TestCase>,
    /// The line of a mark that leaves only some tests to run.
    pub(super) only: Option<u32>,
}

/// One test, or one function that asserts something for tests.
#[derive(Clone, Debug)]
pub(super) struct TestCase {
    /// With the names of what is around it.
    pub(super) name: String,
    pub(super) line: u32,
    /// No test itself: it may go, as long as the tests keep their assertions.
    pub(super) helper: bool,
    /// Marks on it or around it that keep it from running.
    pub(super) skips: Vec<Skip>,
    /// The sets of values it runs with, where the source lists them.
    pub(super) rows: Vec<String>,
    pub(super) body: Body,
}

/// A test as its language finds it, before names and marks of what is around it are added.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) helper: bool,
    pub(super) skips: Vec<Skip>,
    pub(super) rows: Vec<String>,
}

impl Draft {
    /// Something that is no test, but that tests use.
    pub(super) fn helper(name: &str) -> Self {
        Self { name: name.to_owned(), helper: true, ..Self::default() }
    }
}

/// Something that tests stand in: the file, a module, a class, a group.
#[derive(Debug)]
struct Scope {
    name: String,
    parent: usize,
    end: usize,
    skips: Vec<Skip>,
}

/// Gathers a file's tests during one walk, parents first.
pub(super) struct Collector<'a> {
    pub(super) source: &'a str,
    pub(super) budget: &'a Budget,
    separator: &'static str,
    scopes: Vec<Scope>,
    innermost: usize,
    cases: Vec<(usize, TestCase)>,
    only: Option<u32>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(source: &'a str, budget: &'a Budget, separator: &'static str) -> Self {
        let file = Scope { name: String::new(), parent: 0, end: usize::MAX, skips: Vec::new() };
        Self { source, budget, separator, scopes: vec![file], innermost: 0, cases: Vec::new(), only: None }
    }

    /// Leaves the scopes that end before `node`; to be called with each visited node.
    pub(super) fn at(&mut self, node: Node<'_>) {
        while node.start_byte() >= self.scopes[self.innermost].end {
            self.innermost = self.scopes[self.innermost].parent;
        }
    }

    /// Everything up to the end of `node` stands in a scope of that name.
    pub(super) fn enter(&mut self, node: Node<'_>, name: &str, skips: Vec<Skip>) {
        self.scopes.push(Scope {
            name: name.chars().take(MOST_NAME_CHARS).collect(),
            parent: self.innermost,
            end: node.end_byte(),
            skips,
        });
        self.innermost = self.scopes.len() - 1;
    }

    /// The name of the innermost scope; empty for the file.
    pub(super) fn around(&self) -> &str {
        &self.scopes[self.innermost].name
    }

    /// The innermost scope has that mark, for what came before too.
    pub(super) fn skip_scope(&mut self, skip: Skip) {
        self.scopes[self.innermost].skips.push(skip);
    }

    /// The whole file has that mark.
    pub(super) fn skip_file(&mut self, skip: Skip) {
        self.scopes[0].skips.push(skip);
    }

    pub(super) fn only(&mut self, node: Node<'_>) {
        self.only.get_or_insert(line(node));
    }

    /// Adds a test with that body.
    pub(super) fn add(&mut self, at: Node<'_>, body: Option<Node<'_>>, dialect: &dyn Dialect, draft: Draft) {
        let body = body.map(|body| Body::read(body, dialect, self.source, self.budget)).unwrap_or_default();
        if draft.helper && body.assertions.is_empty() && draft.rows.is_empty() {
            return;
        }
        let Draft { name, helper, skips, rows } = draft;
        self.cases.push((self.innermost, TestCase { name, line: line(at), helper, skips, rows, body }));
    }

    pub(super) fn finish(self) -> SourceTests {
        let Self { scopes, cases, separator, only, .. } = self;
        let cases = cases.into_iter().map(|(scope, mut case)| {
            let (mut at, mut names) = (scope, vec![std::mem::take(&mut case.name)]);
            for _ in 0..MOST_LEVELS {
                case.skips.extend(scopes[at].skips.iter().cloned());
                if at == 0 {
                    break;
                }
                names.push(scopes[at].name.clone());
                at = scopes[at].parent;
            }
            names.reverse();
            case.name = names.join(separator);
            case.skips.extend(case.body.skips.iter().cloned());
            case
        });
        SourceTests { cases: cases.collect(), only }
    }
}
