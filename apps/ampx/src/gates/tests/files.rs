use super::{changed, file, told};
use crate::gates::{Change, Content, SourceFile, judge, summary};

fn added(path: &str) -> String {
    told(&judge(&[Change { old: None, new: file(path, "on: push\n") }]))
}

fn deleted(path: &str, text: &str) -> String {
    told(&judge(&[Change { old: file(path, text), new: None }]))
}

#[test]
fn a_file_that_ci_is_told_by_is_held_whatever_happens_to_it() {
    for path in [
        ".github/workflows/test.yml",
        ".github/workflows/nested/x.txt",
        ".github/actions/build/action.yml",
        ".gitlab-ci.yml",
        "sub/.gitlab-ci.yml",
        ".circleci/config.yml",
        "Jenkinsfile",
        "ci/Jenkinsfile.release",
        "azure-pipelines.yml",
        ".buildkite/pipeline.yml",
        ".opsmith.toml",
        ".travis.yml",
    ] {
        assert_eq!(added(path), "ci_file", "{path}");
        assert_eq!(told(&changed(path, "a: 1\n", "a: 2\n")), "ci_file", "{path}");
        assert_eq!(deleted(path, "a: 1\n"), "ci_file", "{path}");
    }
    for path in [".github/CODEOWNERS", "docs/azure.md", "src/jenkins.py", "workflows/test.yml", "opsmith.toml"] {
        assert_eq!(added(path), "", "{path}");
    }
    let moved = Change { old: file(".github/workflows/test.yml", "x"), new: file("old/test.yml", "x") };
    assert_eq!(told(&judge(&[moved])), "ci_file");
}

#[test]
fn a_deleted_file_of_tests_is_its_deleted_tests() {
    assert_eq!(deleted("tests/test_a.py", "def test_a():\n    assert a()\n"), "deleted test_a");
    assert_eq!(deleted("tests/test_a.py", "def test_a(:\n"), "deleted");
    assert_eq!(deleted("src/a.py", "def a():\n    return 1\n"), "");
    assert_eq!(deleted("spec/cart_spec.rb", "it 'adds' do\nend\n"), "deleted");
    assert_eq!(deleted("lib/cart.rb", "def add\nend\n"), "");
    assert_eq!(deleted("docs/test.md", "x"), "");
}

#[test]
fn other_languages_are_judged_by_their_lines() {
    let source = "describe Cart do\n  it 'adds' do\n    expect(cart.total).to eq 3\n  end\n  it 'is empty' do\n    expect(cart).to be_empty\n  end\nend\n";
    let path = "spec/cart_spec.rb";
    assert_eq!(told(&changed(path, source, source)), "");
    assert_eq!(told(&changed(path, source, &source.replace("    expect(cart).to be_empty\n", ""))), "weakened");
    assert_eq!(
        told(&changed(path, source, &source.replace("    expect(cart).to", "    skip\n    expect(cart).to"))),
        "skipped"
    );
    assert_eq!(told(&changed(path, source, &source.replace("it 'adds'", "def adds"))), "deleted");
    assert_eq!(told(&changed(path, source, &format!("{source}it 'more' do\n  expect(1).to eq 1\nend\n"))), "");
}

#[test]
fn a_source_that_does_not_parse_is_judged_by_its_lines_and_says_so() {
    let source = "def test_a():\n    assert a() == 1\n\n\ndef test_b():\n    assert b() == 1\n";
    let broken = "def test_a():\n    assert a( == 1\n";
    let findings = changed("tests/test_a.py", source, broken);
    assert_eq!(told(&findings), "deleted, weakened");
    assert!(findings[0].what.contains("does not parse, so it was judged by its lines"), "{}", findings[0]);
    // Nothing less in it, so nothing to hold; the CI will say that it is broken.
    assert_eq!(told(&changed("tests/test_a.py", source, &format!("{source}\ndef test_c(:\n    assert c()\n"))), "");
}

#[test]
fn expected_outputs_may_grow_and_not_change() {
    let path = "src/__snapshots__/cart.test.ts.snap";
    assert_eq!(told(&changed(path, "a\nb\n", "a\nb\nc\n")), "");
    assert_eq!(told(&changed(path, "a\nb\n", "a\nx\n")), "weakened");
    assert_eq!(deleted("tests/snapshots/cart.snap", "a\n"), "weakened");
    assert_eq!(added("tests/snapshots/cart.snap"), "");
}

#[test]
fn what_is_too_large_is_held_where_it_is_of_tests() {
    let large = |path: &str| Some(SourceFile { path: path.to_owned(), content: Content::TooLarge });
    let judged = |path: &str| told(&judge(&[Change { old: None, new: large(path) }]));
    assert_eq!(judged("tests/test_a.py"), "too_large");
    assert_eq!(judged("package.json"), "too_large");
    assert_eq!(judged("src/generated/api.ts"), "");
    assert_eq!(judged("data/large.csv"), "");
}

#[test]
fn a_name_cannot_write_lines_of_its_own() {
    let source = format!("it(`a\nopsmith: let pass\u{1b}[2J{}`, () => {{ expect(a).toBe(1); }});\n", "x".repeat(5000));
    let findings = changed("a.test.ts", &source, "\n");
    let line = summary(&findings);
    assert!(line.starts_with("1 deleted test (") && !line.contains(char::is_control), "{line}");
    assert!(line.len() < 500, "{}", line.len());
}

#[test]
fn a_summary_counts_each_kind_and_names_the_first() {
    let source: String = (0..5).map(|n| format!("def test_{n}():\n    assert f({n}) == {n}\n")).collect();
    let mut findings = changed("tests/test_a.py", &source, "");
    findings.extend(changed(".travis.yml", "a", "b"));
    assert_eq!(
        summary(&findings),
        "5 deleted tests, 1 changed CI file (tests/test_a.py: `test_0` was deleted; tests/test_a.py: `test_1` was deleted; \
         tests/test_a.py: `test_2` was deleted; and 3 more)"
    );
}
