use opsmith_forge::git::{Blob, BlobLimits, CachedRepo, ChangedFile, changed_files, read_blobs};
use opsmith_guard::secrets::ScopedRedactor;
use opsmith_runs::Halt;

use super::halt::halt;
use super::work::Work;
use crate::gates::{AttemptFinding, GateFinding, MOST_SEARCHED_BYTES, NewFile, search};

/// How many commits are searched …
const MOST_COMMITS: usize = 200;
/// … and how many files of each.
const MOST_FILES: usize = 20_000;
/// How much is read of all of them.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The secrets that a push of `head` would get out: of each commit since the base, not of the newest alone.
pub(super) async fn find(
    work: &Work,
    repo: &CachedRepo,
    head: &str,
    redactor: &ScopedRedactor,
) -> Result<Vec<AttemptFinding>, Halt> {
    let (git, git_dir) = (&work.ampx.git, repo.git_dir());
    let commits = commits(work, repo, head).await?;
    let mut too_much = commits.len() > MOST_COMMITS;
    let mut changed: Vec<ChangedFile> = Vec::new();
    for (commit, parent) in commits.iter().take(MOST_COMMITS) {
        let listed = changed_files(git, git_dir, parent, commit, MOST_FILES).await.map_err(halt)?;
        too_much |= listed.truncated;
        changed.extend(listed.files);
    }
    let sides = changed.iter().flat_map(|file| [&file.new, &file.old]).flatten();
    let wanted: Vec<String> = sides.filter_map(|file| file.blob.clone()).collect();
    let limits = BlobLimits { each_bytes: MOST_SEARCHED_BYTES, total_bytes: MOST_BYTES };
    let blobs = read_blobs(git, git_dir, &wanted, limits).await.map_err(halt)?;
    let content = |id: &String| match blobs.get(id) {
        Some(Blob::Content(bytes)) => Some(bytes.clone()),
        Some(Blob::TooLarge { .. }) | None => None,
    };
    let files = changed.into_iter().filter_map(|file| {
        let new = file.new?;
        let old = file.old.and_then(|old| content(&old.blob?));
        // A submodule has no content here, and a name all the same.
        let content = new.blob.as_ref().map_or_else(|| Some(Vec::new()), content);
        Some(NewFile { path: new.path, old, new: content })
    });
    let (files, redactor, head) = (files.collect::<Vec<_>>(), redactor.clone(), head.to_owned());
    let searched = tokio::task::spawn_blocking(move || {
        let mut findings = search(&files, &head, &redactor);
        if too_much {
            let what =
                format!("has more than {MOST_COMMITS} commits or {MOST_FILES} files, which are not all searched");
            findings.push(AttemptFinding::held(GateFinding::of_rest(what), format!("commit:{head}")));
        }
        findings
    });
    searched.await.map_err(|error| Halt::Interrupted(format!("the search for secrets broke off: {error}")))
}

/// The commits since the base, newest first, each with its parent.
async fn commits(work: &Work, repo: &CachedRepo, head: &str) -> Result<Vec<(String, String)>, Halt> {
    let (most, base) = (format!("--max-count={}", MOST_COMMITS + 1), format!("^{}", work.prepared.base.sha));
    let listed = work.ampx.git.work(repo.git_dir()).args(["rev-list", "--parents", &most, head, &base]);
    let text = listed.text().await.map_err(halt)?;
    let pair = |line: &str| {
        let mut ids = line.split(' ').map(str::to_owned);
        Some((ids.next()?, ids.next()?))
    };
    Ok(text.lines().filter_map(pair).collect())
}
