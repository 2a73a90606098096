use super::tree::Language;

/// Endings of sources in languages whose tests are judged by their lines.
const OTHER_SOURCES: &[&str] = &[
    "rb", "php", "cs", "fs", "kt", "kts", "scala", "groovy", "swift", "m", "c", "cc", "cpp", "cxx", "h", "hpp", "ex",
    "exs", "erl", "clj", "dart", "lua", "pl", "t", "jl", "hs", "ml", "zig", "sh", "bats", "feature", "vue", "svelte",
    "robot",
];

/// Folders whose files are the CI's, from the repository's root.
const CI_FOLDERS: &[&str] = &[
    ".github/workflows/",
    ".github/actions/",
    ".gitlab/ci/",
    ".circleci/",
    ".buildkite/",
    ".semaphore/",
    ".azure-pipelines/",
    ".teamcity/",
    ".woodpecker/",
    ".tekton/",
    ".forgejo/workflows/",
    ".gitea/workflows/",
];

/// Names of files that CI is told by, in any folder.
const CI_NAMES: &[&str] = &[
    ".gitlab-ci.yml",
    ".gitlab-ci.yaml",
    ".travis.yml",
    "appveyor.yml",
    ".appveyor.yml",
    "bitbucket-pipelines.yml",
    ".drone.yml",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    ".cirrus.yml",
    "cloudbuild.yaml",
    "cloudbuild.yml",
    "buildspec.yml",
    "buildspec.yaml",
    ".opsmith.toml",
    "codemagic.yaml",
    "wercker.yml",
];

/// The grammar of a path's ending.
pub(super) fn language(path: &str) -> Option<Language> {
    Some(match extension(path) {
        "py" | "pyi" => Language::Python,
        "ts" | "mts" | "cts" => Language::TypeScript,
        "tsx" | "js" | "jsx" | "mjs" | "cjs" => Language::Tsx,
        "rs" => Language::Rust,
        "go" => Language::Go,
        "java" => Language::Java,
        _ => return None,
    })
}

/// Whether a path is a source in a language that has no grammar here.
pub(super) fn is_other_source(path: &str) -> bool {
    OTHER_SOURCES.contains(&extension(path))
}

fn extension(path: &str) -> &str {
    file_name(path).rsplit_once('.').map_or("", |(_, extension)| extension)
}

pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a path is where tests are, by the customs of the languages.
pub(super) fn is_test(path: &str) -> bool {
    let folders = path.split('/').rev().skip(1);
    let of_tests = |folder: &str| {
        matches!(folder, "test" | "tests" | "__tests__" | "testing" | "spec" | "specs" | "e2e" | "androidTest")
    };
    if folders.into_iter().any(of_tests) {
        return true;
    }
    let name = file_name(path);
    let stem = name.split('.').next().unwrap_or(name);
    let java = name.ends_with(".java") && (stem.ends_with("Test") || stem.ends_with("Tests") || stem.ends_with("IT"));
    let lower = stem.to_ascii_lowercase();
    let by_stem = ["test", "tests", "conftest"].contains(&lower.as_str())
        || ["test_", "test-"].iter().any(|start| lower.starts_with(start))
        || ["_test", "_tests", "-test", "_spec", "-spec"].iter().any(|end| lower.ends_with(end));
    let middle = name.split('.').skip(1).any(|part| matches!(part, "test" | "tests" | "spec" | "cy" | "e2e"));
    java || by_stem || middle || (stem.ends_with("Test") || stem.ends_with("Tests") || stem.ends_with("Spec"))
}

/// Whether a path holds outputs that tests compare with.
pub(super) fn is_snapshot(path: &str) -> bool {
    matches!(extension(path), "snap" | "ambr") || path.split('/').any(|folder| folder == "__snapshots__")
}

/// Whether CI is told by this file.
pub(super) fn is_ci(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let name = file_name(&lower);
    CI_FOLDERS.iter().any(|folder| lower.starts_with(folder))
        || CI_NAMES.contains(&name)
        || name.starts_with("jenkinsfile")
        || (name.starts_with("azure-pipelines") && (name.ends_with(".yml") || name.ends_with(".yaml")))
}

/// Whether a file's content is wanted by [`judge`](super::judge).
pub fn is_read(path: &str) -> bool {
    language(path).is_some()
        || is_snapshot(path)
        || super::settings::Form::of(path).is_some()
        || (is_other_source(path) && is_test(path))
}
