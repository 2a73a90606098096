//! Doors to the readers of git's output, for dev/fuzz only.

use std::collections::BTreeMap;

use super::listing::Listing;
use super::{BaseRef, Blob, Change, ChangedFile, GitError, changed, classify, diff, remote, signing, snapshot};
use crate::url::RepoUrl;

/// Reads `diff-tree --raw -z` with renames.
pub fn changed_files(raw: &[u8]) -> Vec<ChangedFile> {
    changed::parse(raw)
}

/// Reads `diff-tree --raw -z` without renames.
pub fn snapshot_changes(raw: &[u8]) -> Vec<Change> {
    snapshot::changes(raw)
}

/// Reads `cat-file --batch`.
pub fn blobs(output: &[u8]) -> BTreeMap<String, Blob> {
    let mut blobs = BTreeMap::new();
    changed::contents(output, &mut blobs);
    blobs
}

/// Reads `diff-tree --numstat -z`: files, insertions, deletions.
pub fn counts(numstat: &[u8]) -> (u64, u64, u64) {
    diff::count(numstat)
}

/// Reads `ls-remote --symref`, and chooses.
pub fn default_branch(listing: &str, url: &RepoUrl) -> Result<BaseRef, GitError> {
    Listing::parse(listing).default_branch(url).cloned()
}

/// Reads what a command that failed said.
pub fn failure(stderr: &str) -> GitError {
    classify::failure("fetch".to_owned(), "repository".to_owned(), stderr)
}

/// Reads the answer of a push that was refused.
pub fn rejection(stdout: &[u8]) -> String {
    remote::rejection(stdout)
}

/// Takes credentials out of addresses.
pub fn without_credentials(text: &str) -> String {
    classify::redact(text)
}

/// Puts a signature into a commit.
pub fn signed(payload: &[u8], signature: &str, parent: &str) -> Vec<u8> {
    signing::attach(payload, signature, parent)
}

/// Takes a signature out of a commit: what was signed, and the signature.
pub fn unsigned(raw: &[u8]) -> Option<(Vec<u8>, String)> {
    signing::detach(raw)
}
