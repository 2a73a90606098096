//! What belongs to one machine or network stays out of the files: absolute folders of a workplace, and package
//! registries other than the ecosystem's own.

use crate::finding::Finding;
use crate::rust_source::{is_word, marker};
use crate::tree::File;

/// Top folders that only exist, or mean something, on somebody's machine.
const FOLDERS: &[&str] = &["work", "root"];

/// Hosts that package managers know by themselves.
const REGISTRIES: &[&str] = &[
    "index.crates.io",
    "static.crates.io",
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "files.pythonhosted.org",
    "pypi.org/simple",
    "proxy.golang.org",
    "deb.debian.org",
    "security.debian.org",
];

/// Lock files, which name the source of each package: the start of such a line, and the only source it may give.
const LOCKS: &[(&str, &str, &str)] = &[
    ("Cargo.lock", "source = \"", "registry+https://github.com/rust-lang/crates.io-index\""),
    ("package-lock.json", "\"resolved\": \"", "https://registry.npmjs.org/"),
];

/// This file, which has to name them.
const SELF: &str = "dev/xtask/src/places.rs";

/// Checks each line of each file.
pub fn check(files: &[File]) -> Vec<Finding> {
    files.iter().filter(|file| file.path != SELF).flat_map(check_file).collect()
}

fn check_file(file: &File) -> Vec<Finding> {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    if let Some((_, start, source)) = LOCKS.iter().find(|(lock, ..)| *lock == name) {
        return check_lock(file, start, source);
    }
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if marker(line).is_some() {
            continue;
        }
        if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            findings.push(
                Finding::of_file(
                    &file.path,
                    format!("the folder `/{folder}/`"),
                    "it is one machine's",
                    "take the path from an argument, a setting or a temporary folder",
                )
                .at(index + 1),
            );
        }
        if let Some(host) = REGISTRIES.iter().find(|host| line.contains(*host)) {
            findings.push(
                Finding::of_file(
                    &file.path,
                    format!("the package registry `{host}`"),
                    "which registry serves a build is the builder's choice",
                    "leave it to the package manager's own configuration",
                )
                .at(index + 1),
            );
        }
    }
    findings
}

/// Whether `line` has the absolute folder; `a/work/b` and `$HOME/work/b` are others.
fn names_folder(line: &str, folder: &str) -> bool {
    let absolute = format!("/{folder}/");
    line.match_indices(&absolute).any(|(at, _)| match line[..at].chars().next_back() {
        None => true,
        Some(before) => !is_word(before) && !matches!(before, '.' | '-' | '~' | '}' | ')' | ']' | '*' | '>' | '@'),
    })
}

fn check_lock(file: &File, start: &str, source: &str) -> Vec<Finding> {
    let foreign = |line: &str| line.trim_start().strip_prefix(start).is_some_and(|rest| !rest.starts_with(source));
    file.text
        .lines()
        .enumerate()
        .filter(|(_, line)| foreign(line))
        .map(|(index, line)| {
            Finding::of_file(
                &file.path,
                format!("`{}`", line.trim()),
                "a lock file names public sources only, else nobody else can build",
                "resolve it again without a mirror or path of your own",
            )
            .at(index + 1)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&[File { path: path.into(), text: text.into() }]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_absolute_folder_of_a_machine_is_found_where_it_stands() {
        for line in
            ["cd /work/x", "let a = \"/root/.cargo\";", "/work/", "url = sqlite:///root/db", "PATH=/bin:/root/bin"]
        {
            let findings = found("a/b.md", &format!("one\n{line}\n"));
            assert_eq!(findings.len(), 1, "{line}: {findings:?}");
            assert!(findings[0].starts_with("a/b.md:2: the folder `/"), "{findings:?}");
        }
    }

    #[test]
    fn a_relative_folder_of_that_name_passes() {
        for line in
            ["data/work/x", "$HOME/work/x", "../work/x", "{dir}/work/x", "~/work/x", "https://a.b/work/x", "/works/"]
        {
            assert_eq!(found("a/b.md", line), Vec::<String>::new(), "{line}");
        }
    }

    #[test]
    fn a_marker_with_a_reason_excuses_its_line() {
        assert_eq!(found("a/b.sh", "cd /work/x # tidy: the container's own folder\n"), Vec::<String>::new());
        assert_eq!(found("a/b.sh", "cd /work/x # tidy:\n").len(), 1);
    }

    #[test]
    fn registries_are_named_nowhere_and_locks_name_the_public_one() {
        assert_eq!(found("deploy/Dockerfile", "RUN curl https://index.crates.io/config.json\n").len(), 1);
        let public = "[[package]]\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert_eq!(found("Cargo.lock", public), Vec::<String>::new());
        assert_eq!(found("Cargo.lock", "source = \"registry+https://mirror.example/index\"\n").len(), 1);
        let resolved = |host: &str| format!("{{\n  \"resolved\": \"https://{host}/a/-/a-1.tgz\",\n}}");
        assert_eq!(found("web/package-lock.json", &resolved("registry.npmjs.org")), Vec::<String>::new());
        assert_eq!(found("web/package-lock.json", &resolved("mirror.example")).len(), 1);
    }
}
