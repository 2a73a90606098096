//! Homes: some things are done in one room only, so that there is one place to bound, test and audit them.

use crate::finding::Finding;
use crate::rust_source;
use crate::tree::File;

/// One thing and the only places that may do it.
#[derive(Clone, Copy, Debug)]
struct Home {
    what: &'static str,
    /// The paths in code that do it, by any stretch of their parts.
    paths: &'static [&'static str],
    /// Where it may be: see [`stands_in`].
    lives_in: &'static [&'static str],
    why: &'static str,
    instead: &'static str,
}

/// The rules. A line that must break one carries `// tidy: <reason>`.
const HOMES: &[Home] = &[
    Home {
        what: "starting a program",
        paths: &["process::Command"],
        lives_in: &["crates/opsmith-sandbox", "crates/opsmith-forge/src/git", "apps/pxrun"],
        why: "only there is a program bounded in environment, time, memory and output, and its group killed",
        instead: "run it through opsmith-sandbox, or through forge's git module",
    },
    Home {
        what: "reading the environment",
        paths: &["env::var", "env::vars", "env::var_os", "env::vars_os", "env::home_dir"],
        lives_in: &["crates/opsmith-host/src/config"],
        why: "a setting is resolved once, with its origin, and shown by `config show`",
        instead: "take the value from the configuration",
    },
    Home {
        what: "HTTP server code",
        paths: &["axum", "axum_extra", "utoipa_axum"],
        lives_in: &["crates/opsmith-host", "apps/*/src/http", "apps/opsmith"],
        why: "a product's flow does not know who calls it",
        instead: "move it to the product's http/ and call a function of the product from there",
    },
    Home {
        what: "reading the clock",
        paths: &["Utc::now", "Local::now", "SystemTime::now"],
        lives_in: &["crates/opsmith-model"],
        why: "time is a test's to move",
        instead: "take a `Clock` and ask it",
    },
    Home {
        what: "database code",
        paths: &["sea_orm", "sea_orm_migration", "sea_query", "sqlx"],
        lives_in: &[
            "crates/opsmith-store",
            "crates/opsmith-guard",
            "crates/opsmith-runs",
            "**/src/**/db",
            "**/src/**/entity",
            "**/src/**/migrations",
        ],
        why: "queries stand together, where both databases are tested",
        instead: "move the query to db.rs and call it",
    },
];

/// Where every rule is off: tests, and what only developers run.
const TESTS_AND_CHORES: &[&str] = &["dev", "**/tests", "**/benches"];

/// Checks the code of each Rust file that is not a test against each rule.
pub fn check(files: &[File]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| file.path.ends_with(".rs") && !TESTS_AND_CHORES.iter().any(|home| stands_in(&file.path, home)))
        .flat_map(check_file)
        .collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let source = rust_source::read(&file.text);
    let mut findings: Vec<Finding> = Vec::new();
    let mut used = Vec::new();
    for home in HOMES.iter().filter(|home| !home.lives_in.iter().any(|place| stands_in(&file.path, place))) {
        for path in source.paths.iter().filter(|path| home.paths.iter().any(|wanted| path.names(wanted))) {
            if let Some(comment) = source.excused.get(&path.line) {
                used.push(*comment);
                continue;
            }
            let what = format!("{} (`{}`)", home.what, path.segments.join("::"));
            let finding = Finding::of_file(&file.path, what, home.why, home.instead).at(path.line);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings.extend(source.excused.values().filter(|comment| !used.contains(comment)).map(|comment| {
        Finding::of_file(
            &file.path,
            "a `tidy:` comment that excuses nothing",
            "an exception is only where it is needed",
            "drop it",
        )
        .at(*comment)
    }));
    findings
}

/// Whether a file is `place` or in it: `*` stands for one folder, `**` for any number, and the last part also for
/// the file of that name (`db` for `db.rs`).
fn stands_in(path: &str, place: &str) -> bool {
    fn fits(path: &[&str], place: &[&str]) -> bool {
        match (path, place) {
            (_, []) => true,
            (_, ["**", rest @ ..]) => (0..=path.len()).any(|skipped| fits(&path[skipped..], rest)),
            ([], _) => false,
            ([first, path @ ..], [wanted, place @ ..]) => {
                let same =
                    *wanted == "*" || first == wanted || (path.is_empty() && first.strip_suffix(".rs") == Some(wanted));
                same && fits(path, place)
            }
        }
    }
    fits(&path.split('/').collect::<Vec<_>>(), &place.split('/').collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&[File { path: path.into(), text: text.into() }]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_thing_is_found_outside_its_home_and_not_inside() {
        for (code, outside, inside) in [
            (
                "use tokio::process::{Child, Command};",
                "crates/opsmith-forge/src/ci.rs",
                "crates/opsmith-forge/src/git/run.rs",
            ),
            ("use std::process::Command;", "crates/opsmith-runs/src/lib.rs", "crates/opsmith-forge/src/git.rs"),
            ("fn f() { std::process::Command::new(x); }", "apps/ampx/src/lib.rs", "apps/pxrun/src/ssh.rs"),
            ("use std::{env::var_os, fs};", "apps/opsmith/src/main.rs", "crates/opsmith-host/src/config/sources.rs"),
            ("fn f() { env::var(NAME); }", "crates/opsmith-host/src/http.rs", "crates/opsmith-host/src/config.rs"),
            ("use axum::Json;", "apps/ampx/src/flow.rs", "apps/ampx/src/http/tasks.rs"),
            ("use utoipa_axum::router;", "crates/opsmith-runs/src/lib.rs", "apps/opsmith/src/serve.rs"),
            ("let now = chrono::Utc::now();", "crates/opsmith-guard/src/gate.rs", "crates/opsmith-model/src/clock.rs"),
            ("let now = SystemTime::now();", "apps/ampx/src/runs/task.rs", "crates/opsmith-model/src/clock.rs"),
            ("use sea_orm::EntityTrait;", "apps/ampx/src/http/tasks.rs", "apps/ampx/src/db.rs"),
            (
                "use sea_orm::EntityTrait;",
                "crates/opsmith-forge/src/local.rs",
                "crates/opsmith-forge/src/local/db/pulls.rs",
            ),
            ("use sea_orm_migration::prelude::Table;", "apps/ampx/src/lib.rs", "apps/ampx/src/migrations.rs"),
        ] {
            let findings = found(outside, &format!("\n{code}\n"));
            assert_eq!(findings.len(), 1, "{code} in {outside}: {findings:?}");
            assert!(findings[0].starts_with(&format!("{outside}:2: ")), "{findings:?}");
            assert_eq!(found(inside, code), Vec::<String>::new(), "{code} in {inside}");
        }
    }

    #[test]
    fn tests_and_chores_may_do_all_of_it() {
        let code = "use std::process::Command;\n";
        for path in [
            "apps/ampx/tests/it/main.rs",
            "crates/a/src/parse/tests.rs",
            "dev/testkit/src/lib.rs",
            "crates/a/benches/b.rs",
        ] {
            assert_eq!(found(path, code), Vec::<String>::new(), "{path}");
        }
        assert_eq!(
            found("apps/ampx/src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n    {code}}}\n")),
            Vec::<String>::new()
        );
        assert_eq!(found("apps/ampx/src/latest.rs", code).len(), 1);
    }

    #[test]
    fn words_are_not_deeds() {
        for code in
            ["// std::process::Command is elsewhere", "let s = \"sea_orm::Set\";", "use clap::Command;", "env!(\"X\")"]
        {
            assert_eq!(found("apps/ampx/src/a.rs", code), Vec::<String>::new(), "{code}");
        }
    }

    #[test]
    fn a_reason_on_the_line_excuses_it_and_one_that_excuses_nothing_is_found() {
        assert_eq!(found("apps/ampx/src/a.rs", "use sea_orm::Set; // tidy: a type only\n"), Vec::<String>::new());
        assert_eq!(found("apps/ampx/src/a.rs", "// tidy: a type only\nuse sea_orm::Set;\n"), Vec::<String>::new());
        let stale = found("apps/ampx/src/a.rs", "use crate::x; // tidy: once needed\n");
        assert!(stale[0].starts_with("apps/ampx/src/a.rs:1: a `tidy:` comment that excuses nothing"), "{stale:?}");
    }
}
