//! Every crate takes the workspace's lints, so that no room has softer rules.

use crate::finding::Finding;
use crate::tree::File;

/// Checks each member's manifest for `[lints] workspace = true`.
pub fn check(files: &[File]) -> Vec<Finding> {
    files.iter().filter(|file| file.path.ends_with("/Cargo.toml")).filter_map(check_manifest).collect()
}

fn check_manifest(file: &File) -> Option<Finding> {
    let manifest: toml::Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            let what = format!("not a manifest ({})", error.message());
            return Some(Finding::of_file(&file.path, what, "cargo reads it as TOML", "mend the syntax"));
        }
    };
    manifest.get("package")?;
    let inherits =
        manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) == Some(true);
    (!inherits).then(|| {
        Finding::of_file(
            &file.path,
            "the workspace's lints are not taken",
            "one lints table holds for every crate",
            "add `[lints]` with `workspace = true`",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Option<String> {
        check(&[File { path: path.into(), text: text.into() }]).first().map(ToString::to_string)
    }

    #[test]
    fn a_package_without_the_lints_is_found() {
        let package = "[package]\nname = \"a\"\n";
        for lints in ["", "[lints]\n", "[lints]\nworkspace = false\n", "[lints.rust]\nunsafe_code = \"allow\"\n"] {
            let finding = found("crates/a/Cargo.toml", &format!("{package}{lints}"));
            assert!(finding.is_some_and(|text| text.contains("lints are not taken")), "{lints}");
        }
        assert!(found("crates/a/Cargo.toml", "[package\n").is_some_and(|text| text.contains("not a manifest")));
    }

    #[test]
    fn a_package_with_them_and_what_is_no_package_pass() {
        assert_eq!(found("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[lints]\nworkspace = true\n"), None);
        assert_eq!(found("crates/a/Cargo.toml", "lints.workspace = true\n[package]\nname = \"a\"\n"), None);
        assert_eq!(found("Cargo.toml", "[workspace]\n"), None);
    }
}
