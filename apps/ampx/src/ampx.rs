use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use opsmith_forge::forge::Forges;
use opsmith_forge::git::{Git, Identity, RepoCache, Signer, diff};
use opsmith_forge::url::RepoUrl;
use opsmith_guard::secrets::Secrets;
use opsmith_guard::{AuditOutcome, AuditRecord, Guard};
use opsmith_model::{Clock, Principal, TaskId};
use opsmith_runs::{NewRun, Runs};
use opsmith_sandbox::{Sandbox, SandboxError};
use opsmith_store::{Page, Store, Write};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, watch};

use crate::AmpxError;
use crate::arrivals::{Arrivals, Following};
use crate::branch::branch;
use crate::config::Settings;
use crate::db::{self, TaskFilter};
use crate::events::{Event, EventKind};
use crate::gates::Standing;
use crate::github::{Hooks, Wakes};
use crate::inputs::{self, Mode, TaskInput};
use crate::models::Models;
use crate::new_task::{Created, NewTask};
use crate::redactors::Redactors;
use crate::sandbox::SandboxChoice;
use crate::task::{Task, TaskDetail, TaskEvent, TaskStatus};

/// Where a diff is cut.
const MOST_DIFF_BYTES: usize = 8 * 1024 * 1024;
/// How much of a log is read back, however few lines that is.
const MOST_TAIL_BYTES: usize = 8 * 1024 * 1024;
/// How many findings of an attempt are shown.
const MOST_FINDINGS_SHOWN: usize = 100;
/// How many log events are read at a time when looking for the last lines.
const LOG_BATCH: u64 = 64;

/// What ampx works with.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The gate.
    pub guard: Guard,
    /// The runs.
    pub runs: Runs,
    /// ampx's settings.
    pub settings: Settings,
    /// The git program.
    pub git: Git,
    /// The clone cache.
    pub cache: RepoCache,
    /// Pull requests.
    pub forge: Forges,
    /// GitHub's webhooks.
    pub hooks: Hooks,
    /// Which sandbox agents and CI commands are to run in.
    pub sandbox_choice: SandboxChoice,
    /// Author of commits and merges.
    pub author: Identity,
    /// Their committer.
    pub committer: Identity,
    /// What signs them, where they are signed.
    pub signer: Option<Signer>,
    /// The way to models that are asked from here.
    pub models: Models,
    /// The folder of the tasks' work folders.
    pub work_root: PathBuf,
    /// What is done about secrets.
    pub secrets: Secrets,
}

/// Everything a person or the API can do with tasks; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ampx {
    parts: Arc<Parts>,
    arrivals: Arc<Arrivals>,
    pub(crate) redactors: Arc<Redactors>,
    pub(crate) wakes: Arc<Wakes>,
    sandbox: Arc<OnceCell<Sandbox>>,
}

impl std::ops::Deref for Ampx {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Ampx {
    /// Tasks over the given parts.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            arrivals: Arc::default(),
            redactors: Arc::default(),
            wakes: Arc::default(),
            sandbox: Arc::default(),
        }
    }

    /// Where agents and CI commands run. Only a process that has a worker runs any.
    pub fn sandbox(&self) -> Result<&Sandbox, AmpxError> {
        let none = || AmpxError::NotNow { message: "no worker of this process has started".to_owned(), hint: None };
        self.sandbox.get().ok_or_else(none)
    }

    /// Makes the sandbox for the worker of that id, and removes what an earlier life of it left there.
    pub(crate) async fn make_sandbox(&self, worker_id: &str) -> Result<(), SandboxError> {
        let make = async || {
            let sandbox = self.sandbox_choice.make(worker_id).await?;
            sandbox.sweep().await?;
            tracing::info!(sandbox.backend = %sandbox.backend(), "agents and checks run in this sandbox");
            Ok(sandbox)
        };
        self.sandbox.get_or_try_init(make).await.map(drop)
    }

    /// The folder of the agents' homes, one for each task that has not come to its last end.
    pub(crate) fn agent_root(&self) -> PathBuf {
        self.work_root.with_file_name("agents")
    }

    /// Takes a task in; with the same idempotency key again it answers with the first one.
    pub async fn create(&self, new: &NewTask, by: &Principal, key: Option<&str>) -> Result<Created, AmpxError> {
        let checked = new.check(&self.settings)?;
        if let Some(created) = self.created_before(new, key).await? {
            return Ok(created);
        }
        let now = self.clock.now();
        let id = TaskId::new(now);
        let said: Vec<&str> = std::iter::once(&new.prompt).chain(&new.labels).map(String::as_str).collect();
        let mut said = self.redact_said(id, &said).await;
        let prompt = said.remove(0);
        let mut task = Task {
            id,
            repo: new.repo.clone(),
            branch: branch(&prompt, id),
            base: new.base.clone(),
            base_sha: None,
            agent: checked.agent,
            agent_asked: new.agent.is_some(),
            thread_id: None,
            prompt,
            status: TaskStatus::Queued,
            ci_run_id: None,
            ci_url: None,
            attempt_count: 0,
            summary: "waiting for a worker".to_owned(),
            pr_url: None,
            branch_url: None,
            head_sha: None,
            pushed_sha: None,
            merged_at: None,
            merged_sha: None,
            auto_merge: None,
            max_attempts: checked.max_attempts,
            budget_usd: new.budget_usd.or(self.settings.budget_usd),
            allow_test_edits: new.allow_test_edits,
            labels: said,
            run_id: None,
            created_by: by.clone(),
            created_at: now,
            updated_at: now,
        };
        let write = self.store.write().await?;
        self.queue(&write, &mut task, &checked.url, Mode::Start).await?;
        match db::tasks::insert(&write, &task, checked.url.target().as_str(), key).await {
            Err(opsmith_store::StoreError::NotUnique(_)) if key.is_some() => {
                // Somebody with the same key was sooner.
                drop(write);
                return self.created_before(new, key).await?.ok_or(AmpxError::KeyReused(id));
            }
            inserted => inserted?,
        }
        self.audit(&write, &task, by, "ampx.task_created", json!({ "agent": task.agent })).await?;
        self.append_status(&write, &task).await?;
        write.commit().await?;
        self.woken();
        Ok(Created { id, branch: task.branch })
    }

    async fn created_before(&self, new: &NewTask, key: Option<&str>) -> Result<Option<Created>, AmpxError> {
        let Some(key) = key else { return Ok(None) };
        let Some(task) = db::tasks::by_key(self.store.read(), key).await? else { return Ok(None) };
        // Without keeping what is new in it: it is refused then.
        let prompt = self.secrets.scope(&task.id.to_string()).await.redact(&new.prompt).into_owned();
        if task.repo != new.repo || task.prompt != prompt {
            return Err(AmpxError::KeyReused(task.id));
        }
        Ok(Some(Created { id: task.id, branch: task.branch }))
    }

    /// Queues a run for the task in the caller's transaction.
    pub(crate) async fn queue(
        &self,
        write: &Write,
        task: &mut Task,
        url: &RepoUrl,
        mode: Mode,
    ) -> Result<(), AmpxError> {
        let input = json!(TaskInput { task_id: task.id, mode });
        let mut run = NewRun::new(inputs::TASK, task.branch.clone(), input, task.created_by.clone());
        run.concurrency = Some((url.target().as_str().to_owned(), self.settings.per_repository));
        task.run_id = Some(self.runs.start_in(write, &run).await?);
        Ok(())
    }

    /// The task of an id, which may be shortened to either end while it is unique.
    pub async fn resolve(&self, id: &str) -> Result<TaskId, AmpxError> {
        if let Ok(id) = id.to_uppercase().parse() {
            return Ok(id);
        }
        let part = id.to_uppercase();
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(AmpxError::NoSuchTask(id.to_owned()));
        }
        let fits = db::tasks::matching(self.store.read(), &part).await?;
        match fits.as_slice() {
            [] => Err(AmpxError::NoSuchTask(id.to_owned())),
            [task] => Ok(task.id),
            several => Err(AmpxError::Ambiguous { id: id.to_owned(), count: several.len() }),
        }
    }

    /// One task.
    pub async fn task(&self, id: TaskId) -> Result<Task, AmpxError> {
        let task = db::tasks::find(self.store.read(), id).await?;
        task.ok_or_else(|| AmpxError::NoSuchTask(id.to_string()))
    }

    /// One task with its attempts.
    pub async fn detail(&self, id: TaskId) -> Result<TaskDetail, AmpxError> {
        let (task, read) = (self.task(id).await?, self.store.read());
        let mut attempts = db::attempts::of_task(read, id).await?;
        let mut found = db::findings::of_task(read, id).await?;
        for attempt in &mut attempts {
            let mut findings = found.remove(&attempt.number).unwrap_or_default();
            attempt.finding_count = u32::try_from(findings.len()).unwrap_or(u32::MAX);
            findings.sort_by_key(|finding| finding.standing != Standing::Held);
            findings.truncate(MOST_FINDINGS_SHOWN);
            attempt.findings = findings;
        }
        Ok(TaskDetail::new(task, attempts))
    }

    /// A page of tasks, newest first, and how many there are.
    pub async fn list(&self, filter: &TaskFilter, page: Page) -> Result<(Vec<Task>, u64), AmpxError> {
        Ok(db::tasks::list(self.store.read(), filter, page).await?)
    }

    /// How many tasks there are of each status.
    pub async fn count_by_status(&self) -> Result<Vec<(String, i64)>, AmpxError> {
        Ok(db::tasks::count_by_status(self.store.read()).await?)
    }

    /// Gives a task up; what runs is ended within two seconds.
    pub async fn abort(&self, id: TaskId, by: &Principal) -> Result<(), AmpxError> {
        let write = self.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        let found = db::tasks::find(&*write, id).await?;
        let mut task = found.ok_or_else(|| AmpxError::NoSuchTask(id.to_string()))?;
        task.status = task.status.apply(TaskEvent::Abort)?;
        task.summary = format!("aborted by {by}");
        self.audit(&write, &task, by, "ampx.task_aborted", Value::Null).await?;
        self.save(&write, &mut task).await?;
        if let Some(run_id) = task.run_id {
            // One that has ended already leaves nothing to cancel.
            self.runs.cancel_in(&write, run_id).await?;
        }
        db::commits::remove(&write, id).await?;
        write.commit().await?;
        self.woken();
        Ok(())
    }

    /// The task's change against its base, as a unified diff without the secrets in it.
    pub async fn diff(&self, id: TaskId) -> Result<Vec<u8>, AmpxError> {
        let task = self.task(id).await?;
        let (Some(base), Some(head)) = (&task.base_sha, &task.head_sha) else { return Ok(Vec::new()) };
        let repo = self.cache.open(&self.url_of(&task)?).await?;
        if !repo.contains(head).await? {
            return Err(AmpxError::NotNow {
                message: format!("commit `{head}` is not on this machine"),
                hint: Some("ask the machine whose worker has the task".to_owned()),
            });
        }
        let text = diff(&self.git, repo.git_dir(), base, head, MOST_DIFF_BYTES).await?.text;
        let redactor = self.secrets.scope(&id.to_string()).await;
        let redacted = tokio::task::spawn_blocking(move || redactor.redact_bytes(&text)).await;
        redacted.map_err(|error| AmpxError::NotNow { message: format!("the diff broke off: {error}"), hint: None })
    }

    /// The last `lines` lines of a task's log, and the number of its newest event, from which one can follow.
    pub async fn log_tail(&self, id: TaskId, lines: usize) -> Result<(String, i64), AmpxError> {
        self.task(id).await?;
        let newest = db::events::last(self.store.read(), Some(id)).await?;
        let (mut text, mut before) = (String::new(), newest.saturating_add(1));
        while text.lines().count() <= lines && text.len() < MOST_TAIL_BYTES {
            let events = db::events::logs_before(self.store.read(), id, before, LOG_BATCH).await?;
            let Some(oldest) = events.last() else { break };
            before = oldest.seq;
            let pieces: Vec<&str> = events.iter().rev().filter_map(Event::log_text).collect();
            text.insert_str(0, &pieces.concat());
        }
        let all: Vec<&str> = text.split_inclusive('\n').collect();
        Ok((all[all.len().saturating_sub(lines)..].concat(), newest))
    }

    /// Events after `seq`, oldest first.
    pub async fn events_after(&self, seq: i64, task: Option<TaskId>, limit: u64) -> Result<Vec<Event>, AmpxError> {
        Ok(db::events::after(self.store.read(), seq, task, limit).await?)
    }

    /// The newest event's number.
    pub async fn last_event(&self) -> Result<i64, AmpxError> {
        Ok(db::events::last(self.store.read(), None).await?)
    }

    /// Changes whenever this process adds an event; what other processes add is found by looking.
    pub fn appended(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// Changes whenever any process has added an event; all who follow share one look-out for those of others.
    pub(crate) fn follow(&self) -> Following {
        let store = self.store.clone();
        self.arrivals.follow(move || {
            let store = store.clone();
            async move { db::events::last(store.read(), None).await }
        })
    }

    pub(crate) fn url_of(&self, task: &Task) -> Result<RepoUrl, AmpxError> {
        RepoUrl::parse(&task.repo).map_err(|error| AmpxError::field("repo", error.to_string()))
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Writes a changed task back and tells of it.
    pub(crate) async fn save(&self, write: &Write, task: &mut Task) -> Result<(), AmpxError> {
        db::tasks::touch(task, self.now());
        // What came from outside was redacted as it came; this is the last line, for the words of errors.
        task.summary = self.secrets.redactor().redact(&task.summary).into_owned();
        db::tasks::update(write, task).await?;
        self.append_status(write, task).await
    }

    async fn append_status(&self, write: &Write, task: &Task) -> Result<(), AmpxError> {
        let kind = EventKind::Status { status: task.status, summary: task.summary.clone() };
        Ok(db::events::append(write, task.id, task.attempt_count, &kind, self.now()).await?)
    }

    pub(crate) async fn audit(
        &self,
        write: &Write,
        task: &Task,
        by: &Principal,
        action: &str,
        detail: Value,
    ) -> Result<(), AmpxError> {
        let record = AuditRecord {
            principal: by.clone(),
            action: action.to_owned(),
            target: self.url_of(task)?.target(),
            operation_key: task.id.to_string(),
            digest: None,
            outcome: AuditOutcome::Done,
            detail: json!({ "task": task.id, "branch": task.branch, "more": detail }),
        };
        self.guard.record(write, record).await?;
        Ok(())
    }

    /// Wakes this process's worker and its readers of events.
    pub(crate) fn woken(&self) {
        self.runs.wake();
        self.arrivals.tell();
    }
}
