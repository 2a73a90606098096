use opsmith_guard::{Answer, Refusal};
use opsmith_model::{Effect, Operation, Plan, Principal, TaskId};
use opsmith_runs::{NewRun, Outcome, RunFilter, RunState};
use opsmith_store::{Page, StoreError};
use serde_json::json;

use crate::effects::MERGE;
use crate::inputs::{self, MergeInput, MergeOutput};
use crate::merge_options::{AutoMerge, MergeOptions, Merged};
use crate::merge_plan::not_open;
use crate::task::{Task, TaskStatus};
use crate::{Ampx, AmpxError, db};

/// How many merges under way are looked through; they take turns per repository, so there are few.
const MOST_MERGES: u64 = 1_000;

impl Ampx {
    /// The plan of a merge as it would be now; nothing outside changes.
    pub async fn merge_plan(&self, id: TaskId, options: &MergeOptions, by: &Principal) -> Result<Plan, AmpxError> {
        Ok(self.plan_merge(id, options, false, by).await?.plan)
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
        let input = self.plan_merge(id, options, auto, by).await?;
        self.guard.authorize(&input.plan).await?;
        Ok(Merged { sha: self.run_merge(&input).await?.sha })
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
            RunState::Finished { outcome: Outcome::Succeeded { output } } => {
                Ok(serde_json::from_value(output).map_err(|_| StoreError::unreadable(format!("run {run_id}")))?)
            }
            RunState::Finished { outcome: Outcome::Failed { failure } } => Err(AmpxError::Run(failure)),
            RunState::Finished { outcome: Outcome::Cancelled } | RunState::Queued | RunState::Running { .. } => {
                Err(AmpxError::NotNow { message: "the merge was cancelled".to_owned(), hint: None })
            }
        }
    }

    async fn start_merge(&self, input: &MergeInput) -> Result<opsmith_model::RunId, AmpxError> {
        let operation = &input.plan.operation;
        let label = format!("merge {}", input.publish.base());
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
        let input = self.plan_merge(id, &auto.options, true, &auto.requested_by).await?;
        self.start_permitted(&input, &auto).await
    }

    /// Records a merge that GitHub has made by itself, and does what was to follow it: by the same run, which finds the
    /// pull request merged.
    pub(crate) async fn record_auto_merge(&self, id: TaskId) -> Result<(), AmpxError> {
        let Some(auto) = self.task(id).await?.auto_merge else { return Ok(()) };
        let input = self.plan_merge(id, &auto.options, false, &auto.requested_by).await?;
        self.start_permitted(&input, &auto).await
    }

    /// Starts a merge under a standing yes.
    async fn start_permitted(&self, input: &MergeInput, auto: &AutoMerge) -> Result<(), AmpxError> {
        match self.guard.authorize(&input.plan).await {
            Ok(_) => {}
            Err(Refusal::ConfirmationRequired(asked)) => {
                // The standing yes was given for whatever passes; this is what passed.
                self.guard.confirm(asked.id, Answer::Yes, &asked.digest, &auto.requested_by).await?;
                self.guard.authorize(&input.plan).await?;
            }
            Err(refusal) => return Err(refusal.into()),
        }
        self.start_merge(input).await?;
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
