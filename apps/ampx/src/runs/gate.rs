use std::collections::{BTreeMap, HashMap, HashSet};

use opsmith_forge::git::{Blob, BlobLimits, CachedRepo, ChangedFile, FileAt, changed_files, read_blobs};
use opsmith_guard::Refusal;
use opsmith_model::{Decision, Effect, Operation, Plan};
use opsmith_runs::{Halt, RunContext, StepScope};
use serde_json::json;

use super::halt::halt;
use super::work::{End, Work};
use super::{leaks, log};
use crate::db;
use crate::effects::TEST_EDITS;
use crate::gates::{
    self, AttemptFinding, Change, Content, Contents, FindingKind, GateFinding, SourceFile, Standing, judge,
};

/// How many changed files are looked at.
const MOST_FILES: usize = 20_000;
/// How much is read of a change.
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// How many findings the log names.
const MOST_LOGGED: usize = 50;

/// Judges the attempt's whole change against the base; an end where a person has to look.
pub(super) async fn gate(run: &RunContext, work: &Work, number: u32, head: &str) -> Result<Option<End>, Halt> {
    run.step(&format!("gate {number}"), |scope| async move {
        let repo = work.repo().await?;
        let redactor = work.ampx.redactor(work.id).await;
        let (secrets, large): (Vec<_>, Vec<_>) = leaks::find(work, &repo, head, &redactor)
            .await?
            .into_iter()
            .partition(|finding| finding.kind == FindingKind::Secret);
        let mut findings = find(work, &repo, head).await?;
        findings.extend(large);
        findings = findings.into_iter().map(|finding| finding.redacted(&redactor)).collect();
        let stop = if findings.is_empty() { None } else { decide(run, work, &repo, &mut findings).await? };
        let leak = (!secrets.is_empty()).then(|| gates::leak_summary(&secrets));
        let stop = match (leak, stop) {
            (Some(leak), Some(stop)) => Some(format!("{leak}; beside it {stop}")),
            (leak, stop) => leak.or(stop),
        };
        findings.splice(0..0, secrets);
        redactor.keep().await;
        record(work, &scope, number, &findings, stop.as_deref()).await?;
        Ok(stop.map(End::Review))
    })
    .await
}

async fn find(work: &Work, repo: &CachedRepo, head: &str) -> Result<Vec<AttemptFinding>, Halt> {
    let (git, git_dir) = (&work.ampx.git, repo.git_dir());
    let changed = changed_files(git, git_dir, &work.prepared.base.sha, head, MOST_FILES).await.map_err(halt)?;
    let sides = changed.files.iter().flat_map(|file| [&file.old, &file.new]).flatten();
    let wanted = sides.filter(|file| gates::is_read(&file.path)).filter_map(|file| file.blob.clone());
    let limits = BlobLimits { each_bytes: gates::MOST_FILE_BYTES, total_bytes: MOST_BYTES };
    let blobs = read_blobs(git, git_dir, &wanted.collect::<Vec<_>>(), limits).await.map_err(halt)?;
    let past_total = |blob: &Blob| matches!(blob, Blob::TooLarge { bytes } if *bytes <= limits.each_bytes);
    let too_much = changed.truncated || blobs.values().any(past_total);
    let change = |file: &ChangedFile| Change {
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
    let contents = Contents { blobs: contents(&changed.files), head };
    let held = |finding: GateFinding| {
        let content = contents.of(&finding);
        AttemptFinding::held(finding, content)
    };
    Ok(findings.into_iter().map(held).collect())
}

/// The blobs that paths have now, a renamed file's under both of its names; none for a file that is gone. A path that
/// leads to two files is left out.
fn contents(files: &[ChangedFile]) -> HashMap<&str, Option<&str>> {
    let (mut blobs, mut unclear) = (HashMap::new(), HashSet::new());
    for file in files {
        let paths: HashSet<&str> = [&file.old, &file.new].into_iter().flatten().map(|at| at.path.as_str()).collect();
        for path in paths {
            let blob = file.new.as_ref().map(|at| at.blob.as_deref());
            // A submodule has no blob and is not gone.
            if blob == Some(None) || blobs.insert(path, blob.flatten()).is_some() {
                unclear.insert(path);
            }
        }
    }
    blobs.retain(|path, _| !unclear.contains(path));
    blobs
}

fn source(at: &FileAt, blobs: &BTreeMap<String, Blob>) -> SourceFile {
    let content = match at.blob.as_ref().and_then(|id| blobs.get(id)) {
        Some(Blob::Content(bytes)) => Content::Bytes(bytes.clone()),
        Some(Blob::TooLarge { .. }) => Content::TooLarge,
        None => Content::Unread,
    };
    SourceFile { path: at.path.clone(), content }
}

/// What the policy, the task and people's earlier yes say of findings; the words for a person where one is held.
async fn decide(
    run: &RunContext,
    work: &Work,
    repo: &CachedRepo,
    findings: &mut [AttemptFinding],
) -> Result<Option<String>, Halt> {
    let (guard, target) = (&work.ampx.guard, repo.url().target());
    let words = |held: &[AttemptFinding]| {
        gates::summary(&held.iter().map(AttemptFinding::finding).collect::<Vec<GateFinding>>())
    };
    let summary = words(findings);
    let parameters = json!({ "findings": findings.iter().map(AttemptFinding::finding).collect::<Vec<_>>() });
    let plan = Plan {
        operation: Operation {
            kind: TEST_EDITS.as_str().to_owned(),
            target: target.clone(),
            principal: run.requested_by().clone(),
            key: format!("{}:gate", run.run_id()),
        },
        effects: vec![Effect { kind: TEST_EDITS, target, summary: summary.clone(), parameters }],
    };
    let decision = guard.decide(&plan).into_iter().next();
    // What the policy denies, neither a task nor a person lets pass.
    if let Some(Decision::Deny(_)) = decision {
        return match guard.authorize(&plan).await {
            Ok(_) => Ok(None),
            Err(Refusal::Guard(error)) => Err(halt(error)),
            Err(refusal) => Ok(Some(format!("{refusal}: {summary}"))),
        };
    }
    gates::let_pass(findings, &db::findings::accepted(work.ampx.store.read(), work.id).await?);
    if decision == Some(Decision::Allow) || work.task().await?.allow_test_edits {
        for finding in findings.iter_mut().filter(|finding| finding.standing == Standing::Held) {
            finding.standing = Standing::Allowed;
        }
    }
    let (held, passed): (Vec<_>, Vec<_>) =
        findings.iter().cloned().partition(|finding| finding.standing == Standing::Held);
    let before = if passed.is_empty() { String::new() } else { format!(" beside {} accepted before", passed.len()) };
    Ok((!held.is_empty()).then(|| format!("held: {}{before}; `ampx accept` lets it pass", words(&held))))
}

/// Keeps the findings with the attempt and says them in its log.
async fn record(
    work: &Work,
    scope: &StepScope,
    number: u32,
    findings: &[AttemptFinding],
    stop: Option<&str>,
) -> Result<(), Halt> {
    let (ampx, id) = (&work.ampx, work.id);
    if !findings.is_empty() {
        let line = |one: &AttemptFinding| match &one.standing {
            Standing::Held | Standing::Allowed => format!("opsmith: gate: {}\n", one.finding()),
            Standing::Accepted { by, .. } => format!("opsmith: gate: {} (accepted by {by})\n", one.finding()),
        };
        let mut text: String = findings.iter().take(MOST_LOGGED).map(line).collect();
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
