use super::super::paths::file_name;

/// How a file of settings is written, and which of its keys are about tests.
#[derive(Clone, Copy)]
pub(in crate::gates) struct Form {
    pub(super) syntax: Syntax,
    pub(super) is_about_tests: fn(&str) -> bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    Toml,
    Ini,
    Json,
    /// YAML, properties, XML and programs: each line for itself.
    Lines,
}

impl Form {
    /// The form of a path; none where it holds no settings of tests.
    pub(in crate::gates) fn of(path: &str) -> Option<Self> {
        let name = file_name(path).to_ascii_lowercase();
        let stem = name.trim_start_matches('.').split('.').next().unwrap_or("");
        let (syntax, is_about_tests): (Syntax, fn(&str) -> bool) = match name.as_str() {
            "pyproject.toml" => (Syntax::Toml, in_pyproject),
            "cargo.toml" => (Syntax::Toml, in_cargo),
            "tarpaulin.toml" | ".tarpaulin.toml" | "nextest.toml" | "pytest.toml" | ".coveragerc.toml"
            | "bunfig.toml" => (Syntax::Toml, always),
            "setup.cfg" | "tox.ini" => (Syntax::Ini, in_tox),
            "pytest.ini" | ".pytest.ini" | ".coveragerc" => (Syntax::Ini, always),
            "package.json" => (Syntax::Json, in_package),
            ".nycrc" | ".nycrc.json" | ".c8rc.json" | ".c8rc" | ".mocharc.json" | "jest.config.json" | ".jestrc" => {
                (Syntax::Json, always)
            }
            "codecov.yml" | ".codecov.yml" | "codecov.yaml" | ".codecov.yaml" | ".coveralls.yml" => {
                (Syntax::Lines, always)
            }
            "sonar-project.properties" => (Syntax::Lines, in_sonar),
            "conftest.py" => (Syntax::Lines, in_conftest),
            "pom.xml" | "build.gradle" | "build.gradle.kts" => (Syntax::Lines, in_java_build),
            _ => match stem {
                "jest" | "vitest" | "nyc" | "karma" | "playwright" | "cypress" | "ava"
                    if name.contains(".config.") || name.contains(".conf.") =>
                {
                    (Syntax::Lines, always)
                }
                "mocharc" | "nycrc" => (Syntax::Lines, always),
                "vite" if name.contains(".config.") => (Syntax::Lines, in_vite),
                _ => return None,
            },
        };
        Some(Self { syntax, is_about_tests })
    }
}

fn always(_: &str) -> bool {
    true
}

fn starts(key: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| key.starts_with(prefix))
}

fn holds(key: &str, words: &[&str]) -> bool {
    let key = key.to_ascii_lowercase();
    words.iter().any(|word| key.contains(word))
}

fn in_pyproject(key: &str) -> bool {
    starts(key, &["tool.pytest", "tool.coverage", "tool.tox"]) || key.ends_with("scripts.test")
}

fn in_cargo(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    starts(key, &["test."])
        || matches!(last, "autotests" | "doctest" | "harness")
        || matches!(key, "lib.test" | "bin.test")
}

fn in_tox(key: &str) -> bool {
    let of_tests = starts(key, &["tool:pytest.", "pytest.", "coverage:"]);
    of_tests || (key.starts_with("testenv") && holds(key, &["commands", "ignore_outcome", "ignore_errors"]))
}

fn in_package(key: &str) -> bool {
    let script = key.strip_prefix("scripts.");
    starts(key, &["jest.", "nyc.", "c8.", "mocha.", "ava.", "vitest."])
        || script.is_some_and(|script| holds(script, &["test", "coverage"]))
}

fn in_sonar(key: &str) -> bool {
    holds(key, &["coverage", "exclusion", "sonar.test", "qualitygate"])
}

fn in_conftest(key: &str) -> bool {
    holds(key, &["collect_ignore", "pytest_collection_modifyitems", "pytest_ignore_collect", "pytest_runtest", ".skip"])
}

fn in_java_build(key: &str) -> bool {
    holds(key, &["minimum", "skiptests", "maven.test", "failureignore", "ignorefailures", "haltonfailure", "exclude"])
}

fn in_vite(key: &str) -> bool {
    let words = [
        "coverage",
        "threshold",
        "exclude",
        "include",
        "branches",
        "functions",
        "statements",
        "passwithnotests",
        "retry",
    ];
    holds(key, &words)
}
