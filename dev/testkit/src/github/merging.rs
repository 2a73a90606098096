//! Merges as GitHub makes them, with git.

use std::process::Command;

use crate::repo::TestRepo;

/// Merges a commit into a branch, and gives the branch's new commit; `None` where the two conflict.
pub(super) fn merge(repo: &TestRepo, method: &str, base: &str, head: &str, message: &str) -> Option<String> {
    let onto = repo.branch_sha(base)?;
    let sha = match method {
        "squash" => commit(repo, &merged_tree(repo, None, &onto, head)?, &[&onto], message),
        "rebase" => rebase(repo, &onto, head)?,
        _ => commit(repo, &merged_tree(repo, None, &onto, head)?, &[&onto, head], message),
    };
    repo.git(&["update-ref", &format!("refs/heads/{base}"), &sha, &onto]);
    Some(sha)
}

/// The commit that a merge would be; `None` where the two conflict. It is on no branch.
pub(super) fn trial(repo: &TestRepo, base: &str, head: &str) -> Option<String> {
    let onto = repo.branch_sha(base)?;
    let tree = merged_tree(repo, None, &onto, head)?;
    Some(commit(repo, &tree, &[&onto, head], &format!("Merge {head} into {onto}")))
}

/// Git beside a repository.
pub(super) fn plain(args: &[&str]) {
    let mut git = Command::new("git");
    git.args(args).envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")]);
    let output = git.output().expect("git is installed");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Whether a commit merges into a branch without conflict.
pub(super) fn merges(repo: &TestRepo, base: &str, head: &str) -> bool {
    repo.branch_sha(base).is_some_and(|onto| merged_tree(repo, None, &onto, head).is_some())
}

/// Whether a branch has a commit already.
pub(super) fn is_merged(repo: &TestRepo, base: &str, head: &str) -> bool {
    repo.git(&["rev-list", "--count", &format!("{base}..{head}")]) == "0"
}

fn rebase(repo: &TestRepo, onto: &str, head: &str) -> Option<String> {
    let commits = repo.git(&["rev-list", "--reverse", "--no-merges", &format!("{onto}..{head}")]);
    let mut tip = onto.to_owned();
    for picked in commits.lines() {
        let tree = merged_tree(repo, Some(&format!("{picked}^")), &tip, picked)?;
        let message = repo.git(&["log", "-1", "--format=%B", picked]);
        tip = commit(repo, &tree, &[&tip], &message);
    }
    Some(tip)
}

fn commit(repo: &TestRepo, tree: &str, parents: &[&str], message: &str) -> String {
    let mut line = vec!["commit-tree", tree, "-m", message];
    line.extend(parents.iter().flat_map(|parent| ["-p", *parent]));
    repo.git(&line)
}

fn merged_tree(repo: &TestRepo, ancestor: Option<&str>, ours: &str, theirs: &str) -> Option<String> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(repo.path())
        .args(["merge-tree", "--write-tree", "--no-messages"])
        .args(ancestor.map(|ancestor| format!("--merge-base={ancestor}")))
        .args([ours, theirs])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.trim().to_owned())
}
