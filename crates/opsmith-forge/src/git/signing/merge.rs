use super::super::commit::{MAX_COMMIT_BYTES, read_commit, write_raw};
use super::super::refs::object_id;
use super::super::{CachedRepo, GitError};
use super::{Signer, attach};

/// The commits that [`plan_merge`](super::super::plan_merge) made on top of `base`, signed; the last one's id.
///
/// Each call signs anew and so gives another id: keep it, and ask [`Signer`] only where there is none yet.
pub async fn sign_merge(repo: &CachedRepo, base: &str, merge: &str, signer: &Signer) -> Result<String, GitError> {
    let range = format!("{}..{}", object_id(base)?, object_id(merge)?);
    let list = repo.work().args(["rev-list", "--first-parent", "--reverse", &range]).max_output(MAX_COMMIT_BYTES);
    let mut onto: Option<(String, String)> = None;
    for unsigned in list.text().await?.lines() {
        let mut payload = read_commit(repo.work(), unsigned).await?;
        if let Some((before, signed)) = &onto {
            payload = on_parent(&payload, before, signed);
        }
        let signature = signer.sign(&payload).await?;
        let sha = write_raw(repo.work(), attach(&payload, &signature, unsigned)).await?;
        onto = Some((unsigned.to_owned(), sha));
    }
    Ok(onto.map_or_else(|| merge.to_owned(), |(_, sha)| sha))
}

/// The commit with one parent in the place of another.
fn on_parent(payload: &[u8], before: &str, after: &str) -> Vec<u8> {
    let (old, new) = (format!("\nparent {before}\n"), format!("\nparent {after}\n"));
    // Parents come right after the tree, so the first place that reads so is the header.
    match payload.windows(old.len()).position(|part| part == old.as_bytes()) {
        Some(at) => [&payload[..at], new.as_bytes(), &payload[at + old.len()..]].concat(),
        None => payload.to_vec(),
    }
}
