use clap::{Subcommand, ValueEnum};
use opsmith_host::cli::{Cell, Exit, Failure, Tone, ago, clean_line};
use opsmith_host::process::Process;
use opsmith_model::{ErrorKind, RunId};
use opsmith_runs::{Outcome, Run, RunFilter, RunState, StepRecord};
use opsmith_store::Page;
use serde_json::json;

use super::session::Session;

/// How many runs are read at once to find one.
const BATCH: u64 = 500;

const EXAMPLES: &str = "\
Examples:
  opsmith runs list --state running
  opsmith runs show 6p8r0s1t2v
  opsmith runs cancel 01JD3Z5Q7W9K2M4N6P8R0S1T2V --yes

An id may be shortened to either end while it is unique. `ampx show` says which run a task has.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List runs, newest first
    #[command(after_help = "Examples:\n  opsmith runs list\n  opsmith runs list --kind ampx.task --state running")]
    List(ListArgs),
    /// Show one run with its steps
    #[command(after_help = "Examples:\n  opsmith runs show 6p8r0s1t2v\n  opsmith runs show 6p8r0s1t2v --json")]
    Show {
        /// The run
        id: String,
    },
    /// Have a run stop
    #[command(
        after_help = "Examples:\n  opsmith runs cancel 01JD3Z5Q7W9K2M4N6P8R0S1T2V\n  opsmith runs cancel 6p8r0s1t2v --yes"
    )]
    Cancel {
        /// The run
        id: String,
    },
    /// Start an ended run's work again, as a run of its own
    #[command(after_help = "Examples:\n  opsmith runs retry 6p8r0s1t2v")]
    Retry {
        /// The run
        id: String,
    },
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    /// Only this kind, such as `ampx.task`
    #[arg(long)]
    kind: Option<String>,
    /// Only in this state
    #[arg(long, short, value_enum)]
    state: Option<State>,
    /// How many
    #[arg(long, short, value_name = "N", default_value_t = 50)]
    limit: u64,
    /// Pass over so many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum State {
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

pub(super) async fn run(session: &Session, args: Args) -> Result<Exit, Failure> {
    let process = session.process().await?;
    match args.command {
        Command::List(args) => list(session, &process, args).await,
        Command::Show { id } => show(session, &process, find(&process, &id).await?).await,
        Command::Cancel { id } => cancel(session, &process, find(&process, &id).await?).await,
        Command::Retry { id } => retry(session, &process, find(&process, &id).await?).await,
    }
}

/// The run of an id, which may be shortened to either end.
async fn find(process: &Process, id: &str) -> Result<RunId, Failure> {
    let upper = id.to_uppercase();
    if let Ok(id) = upper.parse::<RunId>() {
        return Ok(id);
    }
    let (mut found, mut offset) = (Vec::new(), 0);
    loop {
        let (runs, total) = process.runs.list(&RunFilter::default(), Page { limit: BATCH, offset }).await?;
        offset += BATCH;
        let last = runs.is_empty() || offset >= total;
        found.extend(runs.into_iter().map(|run| run.id).filter(|id| {
            let whole = id.to_string();
            !upper.is_empty() && (whole.ends_with(&upper) || whole.starts_with(&upper))
        }));
        if last {
            break;
        }
    }
    // A run that began meanwhile moves the others to the next page.
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [id] => Ok(id),
        [] => {
            let failure = Failure::new(ErrorKind::NotFound, format!("no run has the id `{id}`"));
            Err(failure.with_hint("see the runs with `opsmith runs list`"))
        }
        [_, _, ..] => {
            let message = format!("`{id}` fits {} runs", found.len());
            Err(Failure::new(ErrorKind::Conflict, message).with_hint("give more of the id"))
        }
    }
}

async fn list(session: &Session, process: &Process, args: ListArgs) -> Result<Exit, Failure> {
    let filter = RunFilter { kind: args.kind, state: args.state.map(|state| state.as_str().to_owned()) };
    let (runs, total) = process.runs.list(&filter, Page { limit: args.limit, offset: args.offset }).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "runs": runs, "total": total }))?;
        return Ok(Exit::OK);
    }
    let now = process.clock.now();
    let row = |run: &Run| {
        vec![
            Cell::from(run.id.to_string()),
            Cell::from(&run.kind),
            state_cell(run),
            Cell::from(ago(run.created_at, now)),
            Cell::from(&run.label),
        ]
    };
    session.output.table(&["RUN", "KIND", "STATE", "CREATED", "LABEL"], &runs.iter().map(row).collect::<Vec<_>>());
    if runs.is_empty() {
        session.output.note(if total == 0 { "no runs" } else { "no more runs" });
    } else if args.offset + u64::try_from(runs.len()).unwrap_or(u64::MAX) < total {
        session.output.note(&format!("{} of {total} runs; see more with `--limit` and `--offset`", runs.len()));
    }
    Ok(Exit::OK)
}

fn state_cell(run: &Run) -> Cell {
    match &run.state {
        RunState::Queued => Cell::toned("queued", Tone::Dim),
        RunState::Running { .. } if run.cancel_requested => Cell::toned("stopping", Tone::Warn),
        RunState::Running { .. } => Cell::toned("running", Tone::Busy),
        RunState::Finished { outcome: Outcome::Succeeded { .. } } => Cell::toned("succeeded", Tone::Good),
        RunState::Finished { outcome: Outcome::Failed { .. } } => Cell::toned("failed", Tone::Bad),
        RunState::Finished { outcome: Outcome::Cancelled } => Cell::toned("cancelled", Tone::Dim),
    }
}

async fn show(session: &Session, process: &Process, id: RunId) -> Result<Exit, Failure> {
    let (run, steps) = (process.runs.show(id).await?, process.runs.steps(id).await?);
    if session.output.is_json() {
        session.output.json(&json!({ "run": run, "steps": steps }))?;
        return Ok(Exit::OK);
    }
    let line = |name: &str, text: &str| session.output.line(&format!("{name:<13}{}", clean_line(text)));
    line("run", &run.id.to_string());
    line("kind", &run.kind);
    line("label", &run.label);
    line("asked for by", &run.requested_by.to_string());
    line("created", &run.created_at.to_rfc3339());
    match &run.state {
        RunState::Queued => line("state", "queued"),
        RunState::Running { worker_id, epoch } => line("state", &format!("running on {worker_id}, epoch {epoch}")),
        RunState::Finished { outcome: Outcome::Succeeded { output } } => line("state", &format!("succeeded: {output}")),
        RunState::Finished { outcome: Outcome::Failed { failure } } => {
            line("state", &format!("failed: {}", failure.message));
        }
        RunState::Finished { outcome: Outcome::Cancelled } => line("state", "cancelled"),
    }
    let row = |step: &StepRecord| {
        let how = step
            .failure
            .as_deref()
            .map_or_else(|| Cell::toned("done", Tone::Good), |why| Cell::toned(format!("failed: {why}"), Tone::Bad));
        let ended = step.finished_at.map_or_else(|| "-".to_owned(), |at| at.to_rfc3339());
        vec![Cell::from(step.position.to_string()), Cell::from(&step.name), Cell::from(ended), how]
    };
    if !steps.is_empty() {
        session.output.table(&["#", "STEP", "ENDED", "HOW"], &steps.iter().map(row).collect::<Vec<_>>());
    }
    Ok(Exit::OK)
}

async fn cancel(session: &Session, process: &Process, id: RunId) -> Result<Exit, Failure> {
    let run = process.runs.show(id).await?;
    if session.globals.dry_run {
        return session.would(&format!("cancel run {id} ({})", run.label));
    }
    if !session.ask(&format!("Cancel run {id} ({})?", run.label))? {
        session.output.note("the run is left as it is");
        return Ok(Exit::OK);
    }
    let ampx = ampx::open(process, &session.config()?)?;
    ampx.cancel_run(id, &Process::local_user()).await?;
    show(session, process, id).await
}

async fn retry(session: &Session, process: &Process, id: RunId) -> Result<Exit, Failure> {
    let run = process.runs.show(id).await?;
    if session.globals.dry_run {
        return session.would(&format!("start the work of run {id} ({}) again", run.label));
    }
    let ampx = ampx::open(process, &session.config()?)?;
    let again = ampx.retry_run(id).await?;
    show(session, process, again).await
}
