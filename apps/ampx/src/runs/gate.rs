use std::collections::BTreeMap;

use opsmith_forge::git::{Blob, BlobLimits, CachedRepo, FileAt, changed_files, read_blobs};
use opsmith_guard::Refusal;
use opsmith_model::{Decision, Effect, Operation, Plan};
use opsmith_runs::{Halt, RunContext, StepScope};
use serde_json::json;

use super::halt::halt;
use super::log;
use super::work::{End, Work};
use crate::db;
use crate::effects::TEST_EDITS;
use crate::gates::{self, Change, Content, GateFinding, SourceFile, judge};

/// How many changed files are looked at.
const MOST_FILES: usize = 20_000;
/// How much is read of a change.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// How many findings the log names.
const MOST_LOGGED: usize = 50;

/// Who brings a commit to the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brought {
    /// The agent.
    ByAgent,
    /// A person who accepts it.
    ByPerson,
}

/// Judges the attempt's whole change against the base; an end where a person has to look.
pub(super) async fn gate(
    run: &RunContext,
    work: &Work,
    number: u32,
    head: &str,
    brought: Brought,
) -> Result<Option<End>, Halt> {
    run.step(&format!("gate {number}"), |scope| async move {
        let repo = work.repo().await?;
        let findings = find(work, &repo, head).await?;
        if findings.is_empty() {
            record(work, &scope, number, &findings, None).await?;
            return Ok(None);
        }
        let stop = decide(run, work, &repo, &findings, brought).await?;
        record(work, &scope, number, &findings, stop.as_deref()).await?;
        Ok(stop.map(End::Review))
    })
    .await
}

async fn find(work: &Work, repo: &CachedRepo, head: &str) -> Result<Vec<GateFinding>, Halt> {
    let (git, git_dir) = (&work.ampx.git, repo.git_dir());
    let changed = changed_files(git, git_dir, &work.prepared.base.sha, head, MOST_FILES).await.map_err(halt)?;
    let sides = changed.files.iter().flat_map(|file| [&file.old, &file.new]).flatten();
    let wanted = sides.filter(|file| gates::is_read(&file.path)).filter_map(|file| file.blob.clone());
    let limits = BlobLimits { each_bytes: gates::MOST_FILE_BYTES, total_bytes: MOST_BYTES };
    let blobs = read_blobs(git, git_dir, &wanted.collect::<Vec<_>>(), limits).await.map_err(halt)?;
    let past_total = |blob: &Blob| matches!(blob, Blob::TooLarge { bytes } if *bytes <= limits.each_bytes);
    let too_much = changed.truncated || blobs.values().any(past_total);
    let change = |file: &opsmith_forge::git::ChangedFile| Change {
        old: file.old.as_ref().map(|at| source(at, &blobs)),
        new: file.new.as_ref().map(|at| source(at, &blobs)),
    };
    let changes: Vec<Change> = changed.files.iter().map(change).collect();
    let judged = tokio::task::spawn_blocking(move || judge(&changes)).await;
    let mut findings = judged.map_err(|error| Halt::Interrupted(format!("the gate broke off: {error}")))?;
    if too_much {
        let most_mib = MOST_BYTES >> 20;
        let what = format!("has more than {MOST_FILES} files or {most_mib} MiB, which is more than is judged");
        findings.push(GateFinding::of_rest(what));
    }
    Ok(findings)
}

fn source(at: &FileAt, blobs: &BTreeMap<String, Blob>) -> SourceFile {
    let content = match at.blob.as_ref().and_then(|id| blobs.get(id)) {
        Some(Blob::Content(bytes)) => Content::Bytes(bytes.clone()),
        Some(Blob::TooLarge { .. }) => Content::TooLarge,
        None => Content::Unread,
    };
    SourceFile { path: at.path.clone(), content }
}

/// What the policy and the task say of findings; the words for a person where they do not let them pass.
async fn decide(
    run: &RunContext,
    work: &Work,
    repo: &CachedRepo,
    findings: &[GateFinding],
    brought: Brought,
) -> Result<Option<String>, Halt> {
    let (guard, target) = (&work.ampx.guard, repo.url().target());
    let summary = gates::summary(findings);
    let parameters = json!({ "findings": findings });
    let plan = Plan {
        operation: Operation {
            kind: TEST_EDITS.as_str().to_owned(),
            target: target.clone(),
            principal: run.requested_by().clone(),
            key: format!("{}:gate", run.run_id()),
        },
        effects: vec![Effect { kind: TEST_EDITS, target, summary: summary.clone(), parameters }],
    };
    let allowed = work.task().await?.allow_test_edits || brought == Brought::ByPerson;
    match guard.decide(&plan).into_iter().next() {
        Some(Decision::Allow) => Ok(None),
        // What the policy denies, neither a task nor a person lets pass.
        Some(Decision::Deny(_)) => match guard.authorize(&plan).await {
            Ok(_) => Ok(None),
            Err(Refusal::Guard(error)) => Err(halt(error)),
            Err(refusal) => Ok(Some(format!("{refusal}: {summary}"))),
        },
        Some(Decision::Confirm(_)) | None if allowed => Ok(None),
        Some(Decision::Confirm(_)) | None => Ok(Some(format!("held: {summary}; `ampx accept` lets it pass"))),
    }
}

/// Keeps the findings with the attempt and says them in its log.
async fn record(
    work: &Work,
    scope: &StepScope,
    number: u32,
    findings: &[GateFinding],
    stop: Option<&str>,
) -> Result<(), Halt> {
    let (ampx, id) = (&work.ampx, work.id);
    if !findings.is_empty() {
        let mut text: String =
            findings.iter().take(MOST_LOGGED).map(|finding| format!("opsmith: gate: {finding}\n")).collect();
        if findings.len() > MOST_LOGGED {
            text.push_str(&format!("opsmith: gate: and {} more\n", findings.len() - MOST_LOGGED));
        }
        text.push_str(if stop.is_some() { "opsmith: held for a person\n" } else { "opsmith: let pass\n" });
        log::append(ampx, id, number, crate::events::LogStream::Opsmith, &text).await.map_err(halt)?;
    }
    let write = ampx.store.write().await?;
    write.take_turns("ampx.tasks").await?;
    scope.hold(&write).await?;
    db::findings::replace(&write, id, number, findings).await?;
    if let Some(stop) = stop {
        let now = ampx.now();
        db::attempts::change(&write, id, number, |attempt| {
            attempt.summary = Some(stop.to_owned());
            attempt.finished_at = Some(now);
        })
        .await?;
    }
    Ok(write.commit().await?)
}
