use std::time::{Duration, Instant};

use opsmith_host::cli::{Exit, Failure, Screen, Spinner};
use opsmith_model::{ErrorKind, RunId, TaskId};
use opsmith_runs::{Run, RunFilter, RunState};
use opsmith_store::Page;
use tokio_util::sync::CancellationToken;

use super::backend::{Backend, Local};
use super::feed::{Feed, stops_task};
use super::session::Session;
use super::view::{short, show_detail};
use crate::task::{TaskDetail, TaskStatus};
use crate::{Event, EventKind, open};

/// Status is also looked up this often, whatever the events say.
const LOOK: Duration = Duration::from_secs(2);
/// How long a server that does not answer is waited for: long enough for a restart.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many runs are looked at, which is more than a machine takes at once.
const MOST_LISTED: u64 = 1_000;
const AGAIN: Duration = Duration::from_millis(500);
/// How long a worker of this process may take to stop.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A task that was made to go on.
pub(super) struct Begun {
    pub(super) id: TaskId,
    /// It is new, so all its events are of this wait.
    pub(super) new: bool,
}

/// How waiting for a task ended.
enum Waited {
    /// The task has stopped.
    Stopped(Box<TaskDetail>),
    /// The person has stopped waiting.
    Interrupted,
}

/// The exit code of a command that Ctrl-C ended.
pub(super) const INTERRUPTED: Exit = Exit::code(130);

/// The exit code that the contract fixes for a task that has stopped.
fn exit_of(status: TaskStatus) -> Exit {
    match status {
        TaskStatus::Success => Exit::OK,
        TaskStatus::NeedsReview => Exit::code(6),
        TaskStatus::Error | TaskStatus::Aborted => Exit::code(1),
        TaskStatus::Queued | TaskStatus::Running | TaskStatus::Retrying => ErrorKind::Bug.into(),
    }
}

/// Makes the task go on with `begin`, waits until it stops, and shows it; where there is no server, a worker of this
/// process does the work.
pub(super) async fn through<F>(session: &Session<'_>, backend: &Backend, begin: F) -> Result<Exit, Failure>
where
    F: Future<Output = Result<Begun, Failure>>,
{
    let interrupted = opsmith_host::shutdown::on_signal()
        .map_err(|error| Failure::new(ErrorKind::Failed, format!("failed to listen for signals: {error}")))?;
    let begun = begin.await?;
    let (id, worker) = match backend {
        Backend::Server(_) => (begun.id, None),
        Backend::Here(local) => {
            // The task is there before its worker, which begins it before what others left.
            let run_id = local.ampx.task(begun.id).await?.run_id;
            let worker = open::start_worker_for(run_id, &local.ampx, &local.process).await?;
            (begun.id, Some((worker, run_id)))
        }
    };
    let waited = async {
        if let (Backend::Here(local), Some((worker, run_id))) = (backend, &worker) {
            tell_of_others(session, local, worker.id(), *run_id).await?;
        }
        Wait { session, backend, begun }.until_stopped(&interrupted).await
    }
    .await;
    if let (Backend::Here(local), Ok(Waited::Stopped(detail))) = (backend, &waited)
        && let Some(run_id) = detail.task.run_id
    {
        // The run has its last steps yet to record; one that takes longer goes on with the next worker.
        let _ = tokio::time::timeout(STOP_LIMIT, local.ampx.runs.wait(run_id)).await;
    }
    if let Some((worker, _)) = worker {
        worker.shutdown(STOP_LIMIT).await;
    }
    match waited? {
        Waited::Stopped(detail) => {
            show_detail(session, &detail)?;
            if let Some(saved) = pushes_saved(&detail) {
                session.output.note(&saved);
            }
            Ok(exit_of(detail.task.status))
        }
        Waited::Interrupted => {
            session.output.note(&farewell(backend, id));
            Ok(INTERRUPTED)
        }
    }
}

/// Says what the worker of this process finds to do besides: a task that was kept goes on with whoever comes next. What
/// never began is for a server.
async fn tell_of_others(session: &Session<'_>, local: &Local, worker: &str, own: Option<RunId>) -> Result<(), Failure> {
    let in_state = async |state: &str| {
        let filter = RunFilter { kind: None, state: Some(state.to_owned()) };
        local.process.runs.list(&filter, Page { limit: MOST_LISTED, offset: 0 }).await
    };
    let (queued, running) = (in_state("queued").await?.0, in_state("running").await?.0);
    let taken_up = |run: &&Run| matches!(&run.state, RunState::Running { worker_id, .. } if worker_id == worker);
    let others = |run: &&Run| Some(run.id) != own;
    let (begun, waiting): (Vec<&Run>, Vec<&Run>) =
        queued.iter().filter(others).partition(|run| run.started_at.is_some());
    let begun = begun.len() + running.iter().filter(others).filter(taken_up).count();
    for (count, what) in [(begun, "also going on with"), (waiting.len(), "leaving to `opsmith serve`")] {
        if count > 0 {
            let runs = if count == 1 { "run that was" } else { "runs that were" };
            session.output.note(&format!("{what} {count} {runs} left here; see `opsmith runs list`"));
        }
    }
    Ok(())
}

fn pushes_saved(detail: &TaskDetail) -> Option<String> {
    let what = match detail.pushes_saved {
        0 => return None,
        1 => "1 push saved: a red attempt was checked here and never pushed".to_owned(),
        several => format!("{several} pushes saved: red attempts were checked here and never pushed"),
    };
    Some(what)
}

fn farewell(backend: &Backend, id: TaskId) -> String {
    let id = short(id);
    match backend {
        Backend::Server(_) => format!("task {id} goes on; follow it with `ampx logs {id} --follow`"),
        Backend::Here(_) => {
            format!("task {id} is kept where it was; it goes on with the next `opsmith serve` or `ampx start --wait`")
        }
    }
}

struct Wait<'a> {
    session: &'a Session<'a>,
    backend: &'a Backend,
    begun: Begun,
}

impl Wait<'_> {
    async fn until_stopped(&self, interrupted: &CancellationToken) -> Result<Waited, Failure> {
        tokio::select! {
            () = interrupted.cancelled() => Ok(Waited::Interrupted),
            stopped = self.watch() => Ok(Waited::Stopped(Box::new(stopped?))),
        }
    }

    async fn watch(&self) -> Result<TaskDetail, Failure> {
        let Begun { id, new } = self.begun;
        let mut progress = Progress::new(self.session);
        let mut feed = self.backend.events(Some(id), new.then_some(0)).await?;
        let mut patience = Patience::default();
        loop {
            match self.backend.detail(&id.to_string()).await {
                Ok(detail) => {
                    patience.restore();
                    let stopped = !detail.task.status.is_active();
                    if stopped && new && !progress.has_stopped() {
                        // What led here is still on its way.
                        let _ = tokio::time::timeout(AGAIN, until_it_stops(&mut feed, &mut progress)).await;
                    }
                    if stopped || !new {
                        progress.status(detail.task.status, &detail.task.summary);
                    }
                    if stopped {
                        return Ok(detail);
                    }
                    // An error here shows again in the look that follows.
                    let _ = tokio::time::timeout(LOOK, until_it_stops(&mut feed, &mut progress)).await;
                }
                Err(failure) => patience.spend(failure, &progress).await?,
            }
        }
    }
}

/// Shows what happens, until an event says that the task has stopped or the events end.
async fn until_it_stops(feed: &mut Feed, progress: &mut Progress<'_>) {
    loop {
        let Ok(events) = feed.next().await else {
            tokio::time::sleep(AGAIN).await;
            return;
        };
        for event in &events {
            progress.event(event);
        }
        if events.iter().any(stops_task) {
            return;
        }
    }
}

/// How long nothing was heard of the server.
#[derive(Default)]
struct Patience {
    since: Option<Instant>,
}

impl Patience {
    fn restore(&mut self) {
        self.since = None;
    }

    /// Waits a little after a server that did not answer; any other failure, or one too many, ends the wait.
    async fn spend(&mut self, failure: Failure, progress: &Progress<'_>) -> Result<(), Failure> {
        if failure.kind != ErrorKind::Unavailable {
            return Err(failure);
        }
        match self.since {
            None => {
                progress.note("the server does not answer; waiting for it");
                self.since = Some(Instant::now());
            }
            Some(since) if since.elapsed() > PATIENCE => return Err(failure),
            Some(_) => {}
        }
        tokio::time::sleep(AGAIN).await;
        Ok(())
    }
}

/// What a person sees on stderr meanwhile: a spinner on a terminal, else each change of status once.
struct Progress<'a> {
    session: &'a Session<'a>,
    spinner: Spinner,
    moving: bool,
    last: Option<(TaskStatus, String)>,
}

impl<'a> Progress<'a> {
    fn new(session: &'a Session<'a>) -> Self {
        let moving = Screen::of_stderr().colour && !session.output.is_json();
        Self { session, spinner: session.output.spinner("waiting"), moving, last: None }
    }

    fn status(&mut self, status: TaskStatus, summary: &str) {
        let now = (status, summary.to_owned());
        if self.last.as_ref() == Some(&now) {
            return;
        }
        let line = format!("{}: {summary}", status.as_str());
        self.spinner.message(&line);
        if !self.moving {
            self.note(&line);
        }
        self.last = Some(now);
    }

    fn has_stopped(&self) -> bool {
        self.last.as_ref().is_some_and(|(status, _)| !status.is_active())
    }

    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Status { status, summary } => self.status(*status, summary),
            EventKind::Log { stream, text } if self.session.globals.verbose > 0 => {
                for line in text.lines() {
                    self.note(&format!("{} | {line}", stream.as_str()));
                }
            }
            EventKind::Log { .. } => {}
        }
    }

    fn note(&self, text: &str) {
        self.spinner.aside(|| self.session.output.note(text));
    }
}
