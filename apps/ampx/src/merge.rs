use chrono::{DateTime, Utc};
use opsmith_forge::git::{CachedRepo, DeleteRequest, MergeMethod, MergeRequest, PublishMerge, plan_merge};
use opsmith_forge::local::PullRequest;
use opsmith_guard::{Answer, Refusal};
use opsmith_model::{Effect, Operation, Plan, Principal, TaskId};
use opsmith_runs::{NewRun, Outcome, RunFilter, RunState};
use opsmith_store::Page;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::brief::short_sha;
use crate::effects::{DELETE_BRANCH, MERGE};
use crate::inputs::{self, MergeInput, MergeOutput};
use crate::merge_options::{AutoMerge, MergeOptions, Merged};
use crate::task::{Task, TaskStatus};
use crate::{Ampx, AmpxError, db};

/// How many merges under way are looked through; they take turns per repository, so there are few.
const MOST_MERGES: u64 = 1_000;

/// What fixes a merge commit beside its parents, kept so that the same question has the same digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fixed {
    base_sha: String,
    head_sha: String,
    method: MergeMethod,
    date: DateTime<Utc>,
}

impl Ampx {
    /// The plan of a merge as it would be now; nothing outside changes.
    pub async fn merge_plan(&self, id: TaskId, options: &MergeOptions, by: &Principal) -> Result<Plan, AmpxError> {
        Ok(self.plan(id, options, by).await?.plan)
    }

    /// Merges a task's pull request; with `auto`, as soon as it may be.
    pub async fn merge(
        &self,
        id: TaskId,
        options: &MergeOptions,
        auto: bool,
        by: &Principal,
    ) -> Result<Merged, AmpxError> {
        // A merge that is under way may have moved the base already: its end comes before any new plan.
        self.merge_under_way(id).await?;
        let task = self.task(id).await?;
        if let Some(sha) = task.merged_sha {
            return Ok(Merged { sha: Some(sha) });
        }
        if auto && task.status != TaskStatus::Success {
            return self.merge_later(&task, options, by).await;
        }
        let input = self.plan(id, options, by).await?;
        self.guard.authorize(&input.plan).await?;
        let sha = self.run_merge(&input).await?.sha;
        Ok(Merged { sha: Some(sha) })
    }

    /// Waits for the end of the task's merge, if one is under way.
    async fn merge_under_way(&self, id: TaskId) -> Result<(), AmpxError> {
        for state in ["queued", "running"] {
            let filter = RunFilter { kind: Some(inputs::MERGE.to_owned()), state: Some(state.to_owned()) };
            let (runs, _) = self.runs.list(&filter, Page { limit: MOST_MERGES, offset: 0 }).await?;
            for run in runs {
                let input: Result<MergeInput, _> = serde_json::from_value(run.input);
                if input.is_ok_and(|input| input.task_id == id) {
                    self.runs.wait(run.id).await?;
                }
            }
        }
        Ok(())
    }

    async fn plan(&self, id: TaskId, options: &MergeOptions, by: &Principal) -> Result<MergeInput, AmpxError> {
        let task = self.task(id).await?;
        let (base, head_sha) = mergeable(&task)?;
        let repo = self.cache.open(&self.url_of(&task)?).await?;
        repo.fetch().await?;
        let pull = self.forge.of_branch(repo.url(), &task.branch).await?.ok_or_else(|| not_open(&task))?;
        self.check_branch(&repo, &task, &head_sha).await?;
        let base_sha = repo.remote_branch(&base).await?.ok_or_else(|| AmpxError::NotNow {
            message: format!("the base branch `{base}` is gone"),
            hint: Some("make it again, or merge by hand".to_owned()),
        })?;
        let date = self.fixed_date(id, &base_sha, &head_sha, options.method).await?;
        let request = MergeRequest {
            base_sha: base_sha.clone(),
            head_sha: head_sha.clone(),
            method: options.method,
            message: message(&task, &pull),
            author: self.author.clone(),
            date,
        };
        let sha = plan_merge(&repo, &request).await?;
        if sha == base_sha {
            return Err(AmpxError::NotNow {
                message: format!("there is nothing left to merge: `{base}` has the change already"),
                hint: None,
            });
        }
        let publish = PublishMerge { base_branch: base, base_sha, head_sha, method: options.method, sha };
        let delete =
            options.delete_branch.then(|| DeleteRequest { branch: task.branch.clone(), sha: publish.head_sha.clone() });
        let plan = merge_plan_of(&task, &repo, &publish, delete.as_ref(), by);
        Ok(MergeInput { task_id: id, plan, publish, delete })
    }

    /// Refuses a branch that is no longer what CI saw.
    async fn check_branch(&self, repo: &CachedRepo, task: &Task, head_sha: &str) -> Result<(), AmpxError> {
        let seen = repo.remote_branch(&task.branch).await?;
        if seen.as_deref() == Some(head_sha) {
            return Ok(());
        }
        Err(AmpxError::NotNow {
            message: format!("branch `{}` is no longer at the commit that was checked", task.branch),
            hint: Some("look at the branch, then merge by hand or start a new task".to_owned()),
        })
    }

    async fn fixed_date(
        &self,
        id: TaskId,
        base_sha: &str,
        head_sha: &str,
        method: MergeMethod,
    ) -> Result<DateTime<Utc>, AmpxError> {
        let known: Option<Fixed> = db::tasks::merge_plan(self.store.read(), id).await?;
        let same = |fixed: &Fixed| fixed.base_sha == base_sha && fixed.head_sha == head_sha && fixed.method == method;
        if let Some(fixed) = known.filter(same) {
            return Ok(fixed.date);
        }
        let date = self.now();
        let fixed = Fixed { base_sha: base_sha.to_owned(), head_sha: head_sha.to_owned(), method, date };
        let write = self.store.write().await?;
        db::tasks::set_merge_plan(&write, id, &fixed).await?;
        write.commit().await?;
        Ok(date)
    }

    /// Starts the merge's run, or takes up the one of the same plan, and waits for its end.
    async fn run_merge(&self, input: &MergeInput) -> Result<MergeOutput, AmpxError> {
        let asked_at = self.now();
        let run_id = self.start_merge(input).await?;
        let mut run = self.runs.wait(run_id).await?;
        let in_vain = matches!(run.state, RunState::Finished { outcome: Outcome::Failed { .. } | Outcome::Cancelled });
        // It had ended before anybody asked this time, so it is an earlier try of the same plan, and this is another.
        if in_vain && run.finished_at.is_some_and(|at| at < asked_at) {
            let again = self.runs.retry(run_id).await?;
            run = self.runs.wait(again).await?;
        }
        match run.state {
            RunState::Finished { outcome: Outcome::Succeeded { .. } } => {
                Ok(MergeOutput { sha: input.publish.sha.clone() })
            }
            RunState::Finished { outcome: Outcome::Failed { failure } } => Err(AmpxError::Run(failure)),
            RunState::Finished { outcome: Outcome::Cancelled } | RunState::Queued | RunState::Running { .. } => {
                Err(AmpxError::NotNow { message: "the merge was cancelled".to_owned(), hint: None })
            }
        }
    }

    async fn start_merge(&self, input: &MergeInput) -> Result<opsmith_model::RunId, AmpxError> {
        let operation = &input.plan.operation;
        let label = format!("merge {}", input.publish.base_branch);
        let mut run = NewRun::new(inputs::MERGE, label, json!(input), operation.principal.clone());
        // Merges into one repository take turns, and before its tasks.
        run.concurrency = Some((format!("merge:{}", operation.target), 1));
        run.priority = 10;
        run.idempotency_key = Some(operation.key.clone());
        Ok(self.runs.start(&run).await?)
    }

    /// Keeps a person's standing yes to whatever passes.
    async fn merge_later(&self, task: &Task, options: &MergeOptions, by: &Principal) -> Result<Merged, AmpxError> {
        if !task.status.is_active() && task.status != TaskStatus::NeedsReview {
            return Err(not_open(task));
        }
        let target = self.url_of(task)?.target();
        let parameters = json!({ "branch": task.branch, "auto": true, "options": options });
        let summary = format!("merge whatever passes on {} as soon as it does", task.branch);
        let operation = Operation {
            kind: MERGE.as_str().to_owned(),
            target: target.clone(),
            principal: by.clone(),
            key: format!("auto-merge:{}", task.id),
        };
        let plan = Plan { operation, effects: vec![Effect { kind: MERGE, target, summary, parameters }] };
        self.guard.authorize(&plan).await?;
        let write = self.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        let found = db::tasks::find(&*write, task.id).await?;
        let mut task = found.ok_or_else(|| AmpxError::NoSuchTask(task.id.to_string()))?;
        task.auto_merge = Some(AutoMerge { options: options.clone(), requested_by: by.clone() });
        self.save(&write, &mut task).await?;
        write.commit().await?;
        self.woken();
        if task.status == TaskStatus::Success {
            self.start_auto_merge(task.id).await?;
        }
        Ok(Merged { sha: None })
    }

    /// Begins the merge that somebody asked for in advance, if anybody did.
    pub(crate) async fn start_auto_merge(&self, id: TaskId) -> Result<(), AmpxError> {
        let Some(auto) = self.task(id).await?.auto_merge else { return Ok(()) };
        let input = self.plan(id, &auto.options, &auto.requested_by).await?;
        match self.guard.authorize(&input.plan).await {
            Ok(_) => {}
            Err(Refusal::ConfirmationRequired(asked)) => {
                // The standing yes was given for whatever passes; this is what passed.
                self.guard.confirm(asked.id, Answer::Yes, &asked.digest, &auto.requested_by).await?;
                self.guard.authorize(&input.plan).await?;
            }
            Err(refusal) => return Err(refusal.into()),
        }
        self.start_merge(&input).await?;
        Ok(())
    }

    /// Sets a task's summary without changing its state.
    pub(crate) async fn note(&self, id: TaskId, summary: &str) -> Result<(), AmpxError> {
        let write = self.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        let found = db::tasks::find(&*write, id).await?;
        let mut task = found.ok_or_else(|| AmpxError::NoSuchTask(id.to_string()))?;
        task.summary = summary.to_owned();
        self.save(&write, &mut task).await?;
        write.commit().await?;
        self.woken();
        Ok(())
    }
}

fn not_open(task: &Task) -> AmpxError {
    AmpxError::NotNow {
        message: format!("task `{}` has no open pull request; it is `{}`", task.id, task.status.as_str()),
        hint: Some("wait for its success, or merge as soon as it may be with `--auto`".to_owned()),
    }
}

/// The base branch and the checked commit of a task that can be merged.
fn mergeable(task: &Task) -> Result<(String, String), AmpxError> {
    match (task.status, &task.base, &task.pushed_sha) {
        (TaskStatus::Success, Some(base), Some(head)) => Ok((base.clone(), head.clone())),
        (_, _, _) => Err(not_open(task)),
    }
}

fn message(task: &Task, pull: &PullRequest) -> String {
    format!("{} (#{})\n\nOpsmith-Task: {}\n", pull.title, pull.number, task.id)
}

fn merge_plan_of(
    task: &Task,
    repo: &CachedRepo,
    publish: &PublishMerge,
    delete: Option<&DeleteRequest>,
    by: &Principal,
) -> Plan {
    let target = repo.url().target();
    let short = short_sha(&publish.head_sha);
    let mut effects = vec![Effect {
        kind: MERGE,
        target: target.clone(),
        summary: format!("merge {short} of {} into {}", task.branch, publish.base_branch),
        parameters: publish.parameters(),
    }];
    if let Some(delete) = delete {
        effects.push(Effect {
            kind: DELETE_BRANCH,
            target: target.clone(),
            summary: format!("delete branch {}", delete.branch),
            parameters: delete.parameters(),
        });
    }
    let operation = Operation {
        kind: MERGE.as_str().to_owned(),
        target,
        principal: by.clone(),
        key: format!("merge:{}:{}:{}", task.id, publish.sha, delete.is_some()),
    };
    Plan { operation, effects }
}
