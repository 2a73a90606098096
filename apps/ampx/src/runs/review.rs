//! Who looks at a pull request on GitHub, and what it is labelled with. The task is a success without them: what cannot
//! be done is told.

use opsmith_forge::git::{FileAt, changed_files};
use opsmith_forge::github::{
    CODEOWNERS_PATHS, CodeOwners, GitHubPull, GitHubRepo, LabelsRequest, Owner, ReviewersAsked, ReviewersRequest,
};
use opsmith_runs::{Halt, RunContext, StepScope};
use serde_json::json;

use super::effects::{did, effect, may};
use super::halt::halt;
use super::log;
use super::work::{Work, unless_stopped};
use crate::effects::{ADD_LABELS, REQUEST_REVIEWERS};

/// How many changed files are looked at for their owners.
const MOST_FILES: usize = 20_000;
/// GitHub reads no larger CODEOWNERS.
const MOST_CODEOWNERS_BYTES: usize = 3 * 1024 * 1024;
/// More are not asked at once: a change of everything is everybody's.
const MOST_REVIEWERS: usize = 15;

/// Asks those who own the changed code for a review; what came of it, for a person.
pub(super) async fn ask(run: &RunContext, work: &Work, head: &str) -> Result<Option<String>, Halt> {
    run.step("reviewers", |scope| async move {
        let asked = ask_now(run, &scope, work, head).await;
        tell(work, "no reviewers asked", asked).await
    })
    .await
}

/// Gives the pull request the task's labels; what keeps it from that, for a person.
pub(super) async fn label(run: &RunContext, work: &Work) -> Result<Option<String>, Halt> {
    run.step("labels", |scope| async move {
        let labelled = label_now(run, &scope, work).await;
        tell(work, "not labelled", labelled).await
    })
    .await
}

async fn ask_now(run: &RunContext, scope: &StepScope, work: &Work, head: &str) -> Result<Option<String>, Halt> {
    let Some(owners) = owners(work).await? else { return Ok(None) };
    let Some((repository, pull)) = pull(scope, work).await? else { return Ok(None) };
    let mut reviewers = owners.reviewers(changed(work, head).await?.iter().map(String::as_str), pull.author.as_deref());
    reviewers.truncate(MOST_REVIEWERS);
    if reviewers.is_empty() {
        return Ok(None);
    }
    let request = ReviewersRequest { number: pull.number, owners: reviewers };
    let summary = format!("ask {} to review pull request {}", names(&request.owners), pull.number);
    let wanted = effect(REQUEST_REVIEWERS, repository.target(), summary, request.parameters());
    let permit = match may(run, scope, &work.ampx, wanted, "reviewers").await? {
        Ok(permit) => permit,
        Err(why) => return Ok(Some(format!("no reviewers asked: {why}"))),
    };
    let asked = unless_stopped(scope, repository.request_reviewers(&permit, &request)).await?.map_err(halt)?;
    did(scope, &work.ampx, &permit, &json!(asked)).await?;
    Ok(Some(words(&asked)))
}

async fn label_now(run: &RunContext, scope: &StepScope, work: &Work) -> Result<Option<String>, Halt> {
    let labels = work.task().await?.labels;
    if labels.is_empty() {
        return Ok(None);
    }
    let Some((repository, pull)) = pull(scope, work).await? else { return Ok(None) };
    let summary = format!("label pull request {} with {}", pull.number, labels.join(", "));
    let request = LabelsRequest { number: pull.number, labels };
    let wanted = effect(ADD_LABELS, repository.target(), summary, request.parameters());
    let permit = match may(run, scope, &work.ampx, wanted, "labels").await? {
        Ok(permit) => permit,
        Err(why) => return Ok(Some(format!("not labelled: {why}"))),
    };
    let added = unless_stopped(scope, repository.add_labels(&permit, &request)).await?.map_err(halt)?;
    did(scope, &work.ampx, &permit, &json!(format!("{added:?}"))).await?;
    Ok(None)
}

/// Puts what came of it into the log; a failure is words like any other.
async fn tell(work: &Work, what: &str, came: Result<Option<String>, Halt>) -> Result<Option<String>, Halt> {
    let words = match came {
        Ok(words) => words,
        Err(Halt::Failed(failure)) => Some(format!("{what}: {}", failure.message)),
        Err(halt @ (Halt::Cancelled | Halt::Interrupted(_))) => return Err(halt),
    };
    if let Some(words) = &words {
        let number = work.task().await?.attempt_count;
        log::say(&work.ampx, work.id, number, &format!("opsmith: {words}")).await.map_err(halt)?;
    }
    Ok(words)
}

/// The task's pull request.
async fn pull(scope: &StepScope, work: &Work) -> Result<Option<(GitHubRepo, GitHubPull)>, Halt> {
    let task = work.task().await?;
    let url = work.ampx.url_of(&task).map_err(halt)?;
    let repository = work.ampx.on_github(&url).map_err(halt)?;
    let found = unless_stopped(scope, repository.pull_of_branch(&task.branch)).await?.map_err(halt)?;
    Ok(found.map(|pull| (repository, pull)))
}

/// Who the base says owns what; the change itself does not choose who looks at it.
async fn owners(work: &Work) -> Result<Option<CodeOwners>, Halt> {
    let (git, repo) = (&work.ampx.git, work.repo().await?);
    for path in CODEOWNERS_PATHS {
        let at = format!("{}:{path}", work.prepared.base.sha);
        if git.work(repo.git_dir()).args(["cat-file", "-e", &at]).run().await.is_err() {
            continue;
        }
        let show = git.work(repo.git_dir()).args(["cat-file", "blob", &at]).max_output(MOST_CODEOWNERS_BYTES);
        return show.text().await.map(|text| Some(CodeOwners::parse(&text))).map_err(halt);
    }
    Ok(None)
}

/// The paths of the whole change, a renamed file's under both of its names.
async fn changed(work: &Work, head: &str) -> Result<Vec<String>, Halt> {
    let (base, repo) = (&work.prepared.base.sha, work.repo().await?);
    let changed = changed_files(&work.ampx.git, repo.git_dir(), base, head, MOST_FILES).await.map_err(halt)?;
    let sides = changed.files.into_iter().flat_map(|file| [file.old, file.new]).flatten();
    Ok(sides.map(|FileAt { path, .. }| path).collect())
}

fn words(asked: &ReviewersAsked) -> String {
    let refused = asked.refused.iter().map(|(owner, why)| format!("{} ({why})", name(owner)));
    let refused = refused.collect::<Vec<_>>().join(", ");
    match (asked.asked.is_empty(), refused.is_empty()) {
        (_, true) => format!("asked {} for a review", names(&asked.asked)),
        (true, false) => format!("no reviewers asked: {refused}"),
        (false, false) => format!("asked {} for a review, and not {refused}", names(&asked.asked)),
    }
}

fn names(owners: &[Owner]) -> String {
    owners.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn name(owner: &Owner) -> String {
    match owner {
        Owner::User(login) => format!("@{login}"),
        Owner::Team { organization, slug } => format!("@{organization}/{slug}"),
        Owner::Email(address) => address.clone(),
    }
}
