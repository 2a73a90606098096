use std::time::Duration;

use opsmith_forge::git::{CachedRepo, CommitRequest, GitError, SnapshotOptions, pack};
use opsmith_model::TaskId;
use opsmith_runs::{Halt, RunContext, StepScope};
use opsmith_sandbox::Limits;
use serde::{Deserialize, Serialize};

use super::enter::enter;
use super::halt::halt;
use super::log;
use super::prompt::{self, Failure};
use super::walls;
use super::work::{MOST_LOG_BYTES, Work, change, marker};
use crate::agents::{Agent, AgentError, AgentFault, AgentReport, Allowance, FaultKind, Job};
use crate::brief::short_sha;
use crate::events::LogStream;
use crate::redactors::redacted_report;
use crate::task::{Task, TaskEvent, Usage};
use crate::{Ampx, AmpxError, db};

/// The largest file that is committed …
const MOST_FILE_MIB: u64 = 100;
/// … and all changed files together; larger ones are no work of an agent.
const MOST_CHANGE_MIB: u64 = 500;
/// How often an attempt may lose its work folder to a takeover.
const MOST_TAKEOVERS: u32 = 5;
/// The largest change that is kept in the store for another machine.
const MOST_KEPT_BYTES: usize = 32 * 1024 * 1024;

/// One attempt: the agent edits, we commit; an agent that changed nothing of itself is asked once more.
pub(super) async fn attempt(
    run: &RunContext,
    work: &Work,
    number: u32,
    asked: &str,
    last: Option<&Failure>,
) -> Result<Edited, Halt> {
    let asked = prompt::attempt(asked, last);
    let log = last.map(|last| last.report.excerpt.as_str());
    match edit(run, work, number, "", &asked, log).await? {
        Edited::Nothing { out_of_bounds: None } => {}
        edited => return Ok(edited),
    }
    edit(run, work, number, " nudged", &prompt::nudge(&asked), log).await
}

/// What came of an agent's go.
pub(super) enum Edited {
    /// A commit.
    Head(String),
    /// No change; with the words for it where its limits stopped the agent.
    Nothing { out_of_bounds: Option<String> },
    /// The agent could not finish, which may pass; what it did so far waits for the next attempt.
    Hindered(String),
}

/// What the journal keeps of a go.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Went {
    /// The stamp that the tree has from it.
    stamp: String,
    /// How its limits stopped it, if they did.
    out_of_bounds: Option<String>,
    /// What hindered it from finishing.
    #[serde(default)]
    hindered: Option<String>,
}

/// What a commit finds in the work folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Committed {
    /// A change, now a commit.
    Head(String),
    /// No change.
    Nothing,
    /// Not what the agent left: that is on a machine from which this one has taken over.
    Gone,
}

/// Has the agent edit and commits it. Where another machine takes over in between, the agent begins again here.
async fn edit(
    run: &RunContext,
    work: &Work,
    number: u32,
    nudged: &str,
    asked: &str,
    log: Option<&str>,
) -> Result<Edited, Halt> {
    for takeover in 0..MOST_TAKEOVERS {
        let go_name = match takeover {
            0 => format!("{number}{nudged}"),
            _ => format!("{number}{nudged} again {takeover}"),
        };
        let went = go(run, work, number, &go_name, asked, log).await?;
        if let Some(how) = went.hindered {
            return Ok(Edited::Hindered(how));
        }
        match commit(run, work, number, &go_name, &went.stamp).await? {
            Committed::Head(head) => return Ok(Edited::Head(head)),
            Committed::Nothing => return Ok(Edited::Nothing { out_of_bounds: went.out_of_bounds }),
            Committed::Gone => {}
        }
    }
    let message = format!("attempt {number} was taken over {MOST_TAKEOVERS} times and never came to its commit");
    Err(Halt::failed(&AmpxError::NotNow { message, hint: Some("look after the workers".to_owned()) }))
}

/// Runs the agent once over the task's tree, and gives the stamp that the tree has from it.
async fn go(
    run: &RunContext,
    work: &Work,
    number: u32,
    go_name: &str,
    asked: &str,
    ci_log: Option<&str>,
) -> Result<Went, Halt> {
    let (run_id, ampx, id) = (run.run_id(), &work.ampx, work.id);
    run.step(&format!("agent {go_name}"), |scope| async move {
        let task = change(ampx, &scope, id, run_id, |task| {
            task.status = task.status.apply(TaskEvent::Attempt).map_err(halt)?;
            task.attempt_count = number;
            task.summary = format!("attempt {number}: agent `{}` is at work", task.agent);
            Ok(())
        })
        .await?;
        let marker = marker(id, &format!("agent-{number}")).map_err(halt)?;
        let began = begin_attempt(work, number, asked).await?;
        if !began {
            // What a killed opsmith left running is ended before its tree is touched.
            ampx.sandbox().map_err(halt)?.reap(&marker).await.map_err(halt)?;
        }
        if go_name.contains(" again ") {
            let line = format!("opsmith: attempt {number} starts again: what it had done is on another machine");
            log::say(ampx, id, number, &line).await.map_err(halt)?;
        }
        enter(work, &scope, run_id, number, &format!("agent {go_name}"), &format!("attempt {number}")).await?;
        let goes_on = (began && read_stamp(work).1 == work.parent()) || go_name.ends_with(" nudged");
        let repo = set_up_tree(work, &task.branch, goes_on).await?;
        let workspace = work.workspace();
        let agent = Agent::of(&ampx.settings, &task.agent).map_err(|error| Halt::failed(&error))?;
        let private = private_folder(work, number)?;
        let state = state_folder(ampx, id)?;
        let allowance = allowance(ampx, &task).await?;
        let sandbox = walls::around_agent(work, &repo, &task.agent, &agent)?;
        // A script runs nothing that walls could be around.
        if !matches!(agent, Agent::Script(_)) {
            walls::record_agents(work, number, &sandbox).await?;
        }
        let redactor = ampx.redactor(id).await;
        let (log, writer) = log::sink(ampx, id, number, LogStream::Agent);
        let token = scope.token();
        scope.check_lease().await?;
        let job = Job {
            task_id: id.to_string(),
            attempt: number,
            prompt: redactor.redact(asked).into_owned(),
            redactor: &redactor,
            ci_log,
            thread_id: task.thread_id.as_deref(),
            tree: workspace.tree(),
            private: &private,
            state: &state,
            check: work.prepared.ci_command.as_deref(),
            models: &ampx.models,
            budget_usd: task.budget_usd,
            sandbox: &sandbox,
            limits: limits(ampx),
            allowance,
            marker,
            log,
            cancel: &token,
        };
        let reported = agent.run(job).await;
        let _ = writer.await;
        if token.is_cancelled() {
            return Err(scope.stopped());
        }
        let report = redacted_report(reported.map_err(|error: AgentError| Halt::failed(&error))?, &redactor);
        redactor.keep().await;
        if workspace.is_out_of_space().map_err(halt)? {
            // What the agent wrote may be what fills the disk, and without room nothing can be recorded.
            workspace.remove().await.map_err(halt)?;
            return Err(Halt::failed(&GitError::NoSpace));
        }
        record_report(ampx, &scope, run_id, &task, go_name, &report).await?;
        let stamp = format!("{run_id} {} {go_name}", scope.epoch());
        let hindered = hindered(&agent, report.fault)?;
        // The next attempt goes on with what a hindered go has done, so its tree counts as the commit's.
        write_stamp(work, &stamp, if hindered.is_some() { work.parent() } else { "" })?;
        Ok(Went { stamp, out_of_bounds: report.out_of_bounds.then_some(report.ended), hindered })
    })
    .await
}

fn limits(ampx: &Ampx) -> Limits {
    Limits {
        wall: Duration::from_secs(ampx.settings.agent_timeout_s),
        memory_mib: Some(ampx.settings.agent_memory_mib),
        output_bytes: MOST_LOG_BYTES,
        ..Limits::default()
    }
}

/// What a go may take: the budget is what the task has left of it.
async fn allowance(ampx: &Ampx, task: &Task) -> Result<Allowance, Halt> {
    let detail = ampx.detail(task.id).await.map_err(halt)?;
    let spent: f64 = detail.attempts.iter().filter_map(|attempt| attempt.usage.cost_usd).sum();
    let cost_usd = task.budget_usd.map(|budget| (budget - spent).max(0.0));
    Ok(Allowance { turns: ampx.settings.agent_max_turns, cost_usd })
}

/// What a fault means for the run: one that only a person can mend ends the task, any other is tried again.
fn hindered(agent: &Agent, fault: Option<AgentFault>) -> Result<Option<String>, Halt> {
    let Some(fault) = fault else { return Ok(None) };
    let how = format!("{}: {}", fault.kind.words(), fault.message);
    if fault.kind.may_pass() {
        return Ok(Some(how));
    }
    let hint = match fault.kind {
        FaultKind::Quota => Some("see to the account of its model's service, then continue the task".to_owned()),
        FaultKind::Auth
        | FaultKind::RateLimited
        | FaultKind::Unavailable
        | FaultKind::Malformed
        | FaultKind::NoSuchSession
        | FaultKind::Other => agent.login().map(|login| format!("{login}, then continue the task")),
    };
    Err(Halt::failed(&AmpxError::NotNow { message: format!("the agent could not work: {how}"), hint }))
}

/// The folder of the agent's home and sessions, which stays until the task has come to its last end.
fn state_folder(ampx: &Ampx, id: TaskId) -> Result<std::path::PathBuf, Halt> {
    let folder = ampx.agent_root().join(id.to_string());
    std::fs::create_dir_all(&folder)
        .map_err(|source| Halt::failed(&GitError::io(format!("make the folder `{}`", folder.display()), source)))?;
    Ok(folder)
}

fn private_folder(work: &Work, number: u32) -> Result<std::path::PathBuf, Halt> {
    let folder = work.ampx.work_root.join(work.id.to_string()).join(format!("private-{number}"));
    std::fs::create_dir_all(&folder)
        .map_err(|source| Halt::failed(&GitError::io(format!("make the folder `{}`", folder.display()), source)))?;
    Ok(folder)
}

/// Records that the attempt begins; false where it began before, so that this is another try of the same one.
async fn begin_attempt(work: &Work, number: u32, asked: &str) -> Result<bool, Halt> {
    let write = work.ampx.store.write().await?;
    let began = db::attempts::begin(&write, work.id, number, asked, work.ampx.now()).await?;
    write.commit().await?;
    Ok(began)
}

/// The file beside the tree: which go left it as it is, and below, once committed, as which commit.
fn stamp_file(work: &Work) -> std::path::PathBuf {
    work.ampx.work_root.join(work.id.to_string()).join("stamp")
}

fn read_stamp(work: &Work) -> (String, String) {
    let text = std::fs::read_to_string(stamp_file(work)).unwrap_or_default();
    let (go, sha) = text.split_once('\n').unwrap_or((&text, ""));
    (go.to_owned(), sha.to_owned())
}

fn write_stamp(work: &Work, go: &str, sha: &str) -> Result<(), Halt> {
    std::fs::write(stamp_file(work), format!("{go}\n{sha}"))
        .map_err(|source| Halt::failed(&GitError::io("write the work folder's stamp", source)))
}

/// Has the tree at the last commit: as it is where the agent goes on in it, made anew where a try was broken off. Gives
/// the repository that it is of.
async fn set_up_tree(work: &Work, branch: &str, goes_on: bool) -> Result<CachedRepo, Halt> {
    let (workspace, repo) = (work.workspace(), work.repo().await?);
    let prepared = workspace.prepare(&repo, branch, work.parent()).await;
    prepared.map_err(halt)?;
    let set_up = if goes_on {
        workspace.refresh_git_dir(branch, work.parent()).await
    } else {
        workspace.reset_to(branch, work.parent()).await
    };
    set_up.map_err(halt)?;
    Ok(repo)
}

async fn record_report(
    ampx: &Ampx,
    scope: &StepScope,
    run_id: opsmith_model::RunId,
    task: &Task,
    go_name: &str,
    report: &AgentReport,
) -> Result<(), Halt> {
    let (id, number) = (task.id, task.attempt_count);
    let line = format!("opsmith: the agent {}", report.ended);
    log::say(ampx, id, number, &line).await.map_err(halt)?;
    if task.budget_usd.is_some() && report.usage.cost_usd.is_none() {
        let line = "opsmith: the agent does not tell its cost; its time and turns are limited, the budget is not held";
        log::say(ampx, id, number, line).await.map_err(halt)?;
    }
    let write = ampx.store.write().await?;
    db::attempts::change(&write, id, number, |attempt| {
        // The first go replaces what is not known; one after it comes on top, a broken-off try of the same included.
        let first = !go_name.ends_with(" nudged") && attempt.usage == Usage::default();
        attempt.usage = if first { report.usage } else { attempt.usage.plus(report.usage) };
        attempt.thread_id.clone_from(&report.thread_id);
    })
    .await?;
    write.commit().await?;
    if let Some(fault) = &report.fault {
        record_fault(ampx, id, number, fault).await?;
    }
    if let Some(thread) = report.thread_id.clone() {
        change(ampx, scope, id, run_id, |task| {
            task.thread_id = Some(thread);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Records an attempt that came to no commit.
async fn record_fault(ampx: &Ampx, id: TaskId, number: u32, fault: &AgentFault) -> Result<(), Halt> {
    let (now, write) = (ampx.now(), ampx.store.write().await?);
    db::attempts::change(&write, id, number, |attempt| {
        attempt.summary = Some(format!("{}: {}", fault.kind.words(), fault.message));
        attempt.finished_at = Some(now);
    })
    .await?;
    Ok(write.commit().await?)
}

/// Keeps the commit in the store until it is pushed, so that another machine can go on from it.
async fn keep(work: &Work, repo: &CachedRepo, number: u32, sha: &str) -> Result<(), Halt> {
    let (ampx, base) = (&work.ampx, &work.prepared.base.sha);
    match pack(&ampx.git, repo.git_dir(), base, sha, MOST_KEPT_BYTES).await {
        Ok(packed) => {
            let write = ampx.store.write().await?;
            db::commits::insert(&write, work.id, sha, packed).await?;
            Ok(write.commit().await?)
        }
        Err(GitError::TooLarge { .. }) => {
            let line = "opsmith: the change is too large to be kept in the store; it is on this machine only";
            log::say(ampx, work.id, number, line).await.map_err(halt)
        }
        Err(error) => Err(halt(error)),
    }
}

/// Commits what the agent did to the tree.
async fn commit(run: &RunContext, work: &Work, number: u32, go_name: &str, stamp: &str) -> Result<Committed, Halt> {
    let (run_id, ampx, id) = (run.run_id(), &work.ampx, work.id);
    run.step(&format!("commit {go_name}"), |scope| async move {
        if read_stamp(work).0 != stamp {
            return Ok(Committed::Gone);
        }
        let task = work.task().await?;
        let configured = ampx.settings.agent(&task.agent).map(|agent| agent.litter.clone()).unwrap_or_default();
        let known = Agent::of(&ampx.settings, &task.agent).map(|agent| agent.litter()).unwrap_or_default();
        let litter = configured.into_iter().chain(known).collect();
        let options = SnapshotOptions { exclude: litter, max_file_mib: MOST_FILE_MIB, max_total_mib: MOST_CHANGE_MIB };
        let workspace = work.workspace();
        let snapshot = workspace.snapshot(work.parent(), &options).await.map_err(halt)?;
        if snapshot.changes.is_empty() {
            return Ok(Committed::Nothing);
        }
        scope.check_lease().await?;
        let detail = ampx.detail(id).await.map_err(halt)?;
        // The attempt's own beginning, so that the same commit is made after a kill.
        let began = detail.attempts.iter().find(|attempt| attempt.number == number).and_then(|a| a.started_at);
        let request = CommitRequest {
            parent: work.onto(),
            tree_sha: &snapshot.tree_sha,
            message: &prompt::commit_message(&task, number),
            author: &ampx.author,
            committer: &ampx.committer,
            signer: ampx.signer.as_ref(),
            date: began.unwrap_or(task.created_at),
            branch: &task.branch,
        };
        let sha = workspace.commit(request).await.map_err(halt)?;
        let repo = work.repo().await?;
        repo.import(workspace.control(), &sha).await.map_err(halt)?;
        keep(work, &repo, number, &sha).await?;
        write_stamp(work, stamp, &sha)?;
        let files = match snapshot.changes.len() {
            1 => "1 changed file".to_owned(),
            several => format!("{several} changed files"),
        };
        let line = format!("opsmith: committed {files} as {}", short_sha(&sha));
        log::say(ampx, id, number, &line).await.map_err(halt)?;
        let head = sha.clone();
        change(ampx, &scope, id, run_id, |task| {
            task.head_sha = Some(head);
            task.summary = format!("attempt {number}: checking {files}");
            Ok(())
        })
        .await?;
        let write = ampx.store.write().await?;
        db::attempts::change(&write, id, number, |attempt| attempt.head_sha = Some(sha.clone())).await?;
        write.commit().await?;
        Ok(Committed::Head(sha))
    })
    .await
}
