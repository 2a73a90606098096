use super::{changed, file, told};
use crate::gates::{Change, FindingKind, judge};

fn table(path: &str, source: &str, rows: &[(&str, &str, bool)]) {
    assert_eq!(told(&changed(path, source, source)), "");
    let mut wrong = Vec::new();
    for (from, to, held) in rows {
        assert!(source.contains(from), "no `{from}` in the source");
        let findings = changed(path, source, &source.replacen(from, to, 1));
        let of_settings = findings.iter().all(|finding| finding.kind == FindingKind::Settings);
        if findings.is_empty() == *held || !of_settings {
            wrong.push(format!("{path}: `{from}` → `{to}`: {findings:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const PYPROJECT: &str = r#"[project]
name = "shop"
dependencies = ["requests"]

[tool.pytest.ini_options]
addopts = "-q --strict-markers --cov=shop --cov-fail-under=80"
testpaths = ["tests"]
markers = ["slow: takes long"]

[tool.coverage.report]
fail_under = 85
omit = ["shop/vendor/*"]
"#;

#[test]
fn thresholds_may_rise_and_options_may_not_leave_out() {
    table(
        "pyproject.toml",
        PYPROJECT,
        &[
            ("name = \"shop\"", "name = \"cart\"", false),
            ("\"requests\"", "\"requests\", \"rich\"", false),
            ("fail_under = 85", "fail_under = 90", false),
            ("fail_under = 85", "fail_under = 84.5", true),
            ("fail_under = 85\n", "", true),
            ("cov-fail-under=80", "cov-fail-under=95", false),
            ("cov-fail-under=80", "cov-fail-under=8", true),
            (" --cov-fail-under=80", "", true),
            ("-q ", "-q -v ", false),
            ("-q ", "", false),
            (" --strict-markers", "", true),
            ("-q ", "-q --deselect tests/test_a.py::test_b ", true),
            ("-q ", "-q --ignore=tests/slow ", true),
            ("-q ", "-q -k 'not slow' ", true),
            ("[\"tests\"]", "[\"tests\", \"more\"]", false),
            ("[\"tests\"]", "[\"tests/unit\"]", true),
            ("takes long", "takes very long", false),
            ("[\"shop/vendor/*\"]", "[]", true),
            ("[\"shop/vendor/*\"]", "[\"shop/vendor/*\", \"shop/cart.py\"]", true),
            ("[tool.coverage.report]", "[tool.coverage.report", true),
        ],
    );
}

#[test]
fn ini_files() {
    table(
        "setup.cfg",
        "[metadata]\nname = shop\n\n[tool:pytest]\naddopts =\n    -q\n    --strict\n\n[coverage:report]\nfail_under = 80\nexclude_lines =\n    pragma: no cover\n",
        &[
            ("name = shop", "name = cart", false),
            ("    -q\n", "    -q\n    --deselect=tests/a.py\n", true),
            ("fail_under = 80", "fail_under = 79", true),
            ("fail_under = 80", "fail_under = 81", false),
            ("    pragma: no cover\n", "    pragma: no cover\n    def total\n", true),
        ],
    );
    let added = |text: &str| told(&judge(&[Change { old: None, new: file("pytest.ini", text) }]));
    assert_eq!(added("[pytest]\naddopts = -q\n"), "");
    assert_eq!(added("[pytest]\naddopts = --ignore=tests/test_a.py\n"), "settings");
    let removed = Change { old: file(".coveragerc", "[report]\nfail_under = 80\n"), new: None };
    assert_eq!(told(&judge(&[removed])), "settings");
}

#[test]
fn packages_of_npm() {
    table(
        "package.json",
        r#"{"name": "shop", "scripts": {"build": "tsc", "test": "jest --ci", "test:unit": "jest unit"}, "jest": {"testEnvironment": "node", "coverageThreshold": {"global": {"branches": 80, "lines": 90}}, "testPathIgnorePatterns": ["/dist/"]}, "dependencies": {"a": "1"}}"#,
        &[
            ("\"a\": \"1\"", "\"a\": \"2\"", false),
            ("\"tsc\"", "\"tsc -p .\"", false),
            ("jest --ci", "jest --ci --coverage", false),
            ("jest --ci", "jest --ci || true", true),
            ("jest --ci", "exit 0", true),
            ("jest --ci", "jest --ci --passWithNoTests", true),
            (", \"test:unit\": \"jest unit\"", "", true),
            ("\"branches\": 80", "\"branches\": 85", false),
            ("\"branches\": 80", "\"branches\": 10", true),
            ("\"lines\": 90", "\"functions\": 90", true),
            ("[\"/dist/\"]", "[\"/dist/\", \"cart\"]", true),
            ("\"node\"", "\"jsdom\"", false),
        ],
    );
}

#[test]
fn files_that_are_read_by_their_lines() {
    table(
        "codecov.yml",
        "coverage:\n  status:\n    project:\n      default:\n        target: 80%\n        threshold: 1%\n",
        &[
            ("target: 80%", "target: 85%", false),
            ("target: 80%", "target: 60%", true),
            ("threshold: 1%", "threshold: 5%", true),
            ("        threshold: 1%\n", "        threshold: 1%\nignore:\n  - shop/**\n", true),
        ],
    );
    table(
        "vitest.config.ts",
        "import { defineConfig } from 'vitest/config';\n\nexport default defineConfig({\n  test: {\n    environment: 'node',\n    exclude: ['dist'],\n    coverage: { thresholds: { lines: 80 } },\n  },\n});\n",
        &[
            ("'node'", "'jsdom'", false),
            ("lines: 80", "lines: 90", false),
            ("lines: 80", "lines: 20", true),
            ("['dist']", "['dist', 'src/cart.test.ts']", true),
        ],
    );
    table(
        "vite.config.ts",
        "export default {\n  server: { port: 1 },\n  test: { coverage: { lines: 80 } },\n};\n",
        &[("port: 1", "port: 2", false)],
    );
    table(
        "pom.xml",
        "<project>\n  <version>1</version>\n  <minimum>0.80</minimum>\n  <skipTests>false</skipTests>\n</project>\n",
        &[
            ("<version>1", "<version>2", false),
            ("0.80", "0.90", false),
            ("0.80", "0.10", true),
            ("false", "true", true),
        ],
    );
    table(
        "tests/conftest.py",
        "import pytest\n",
        &[("import pytest\n", "import pytest\ncollect_ignore = [\"test_a.py\"]\n", true)],
    );
    table(
        "Cargo.toml",
        "[package]\nname = \"shop\"\n\n[[test]]\nname = \"it\"\npath = \"tests/it/main.rs\"\n\n[dependencies]\nserde = \"1\"\n",
        &[
            ("serde = \"1\"", "serde = \"2\"", false),
            ("[[test]]\nname = \"it\"\npath = \"tests/it/main.rs\"\n", "", true),
            ("[[test]]", "[[test]]\nname = \"more\"\n\n[[test]]", false),
            ("name = \"shop\"", "name = \"shop\"\nautotests = false", true),
        ],
    );
}
