use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use opsmith_host::cli::{Exit, Failure, Live};
use opsmith_host::shutdown::on_signal;
use opsmith_model::{ErrorKind, TaskId};

use super::backend::Backend;
use super::feed::Feed;
use super::session::Session;
use super::start::absolute;
use super::view::{TASK_HEADERS, task_line, task_rows};
use super::wait::INTERRUPTED;
use crate::EventKind;
use crate::client::{ListQuery, TaskPage};
use crate::task::{Task, TaskStatus};

/// The largest page of the API.
const PAGE: u64 = 100;
const REDRAW: Duration = Duration::from_secs(2);
/// Tasks that change many times a second are not drawn as often.
const CALM: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  ampx list
  ampx list -s running -s retrying --watch
  ampx list --all -r acme/api -o json
  ampx list -r .";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only this status; may be repeated
    #[arg(long, short, value_name = "STATUS", value_delimiter = ',', value_parser = status)]
    status: Vec<TaskStatus>,
    /// Only repositories that have this in their address; a path that begins with `.` is made whole first
    #[arg(long, short, value_name = "REPO")]
    repo: Option<String>,
    /// How many
    #[arg(long, short, value_name = "N", default_value_t = 50)]
    limit: u64,
    /// Pass over so many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
    /// All of them, however many
    #[arg(long, conflicts_with_all = ["limit", "offset"])]
    all: bool,
    /// Go on showing what changes, until Ctrl-C
    #[arg(long, short)]
    watch: bool,
}

fn status(word: &str) -> Result<TaskStatus, String> {
    TaskStatus::parse(word).ok_or_else(|| {
        let known: Vec<&str> = TaskStatus::ALL.iter().map(|status| status.as_str()).collect();
        format!("it is one of {}", known.join(", "))
    })
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let backend = session.server_or_here("reading").await?;
    let query = Query { repo: args.repo.clone().map(whole_where_relative), args: &args, backend: &backend };
    if args.watch {
        return watch(session, &query).await;
    }
    let page = query.page().await?;
    if session.output.is_json() {
        session.output.json(&page)?;
        return Ok(Exit::OK);
    }
    session.output.list(&TASK_HEADERS, &task_rows(&page.tasks));
    if page.tasks.is_empty() {
        session.output.note(&query.nothing(page.total));
    } else if u64::try_from(page.tasks.len()).unwrap_or(u64::MAX) + args.offset < page.total {
        session.output.note(&format!("{} of {} tasks; see more with `--all`", page.tasks.len(), page.total));
    }
    Ok(Exit::OK)
}

/// A path of this machine that only this folder's commands can mean, as tasks have it.
fn whole_where_relative(repo: String) -> String {
    let relative = matches!(repo.as_str(), "." | "..") || repo.starts_with("./") || repo.starts_with("../");
    if relative { absolute(repo) } else { repo }
}

struct Query<'a> {
    args: &'a Args,
    repo: Option<String>,
    backend: &'a Backend,
}

impl Query<'_> {
    /// What to say instead of an empty list.
    fn nothing(&self, total: u64) -> String {
        if total > 0 {
            return format!("there are {total} tasks, and none after the first {}", self.args.offset);
        }
        if self.args.status.is_empty() && self.repo.is_none() {
            return "no tasks yet; give an agent one with `ampx start REPO PROMPT`".to_owned();
        }
        "no tasks fit; see all with `ampx list --all`".to_owned()
    }

    /// What was asked for, in as many requests as it takes.
    async fn page(&self) -> Result<TaskPage, Failure> {
        let wanted = if self.args.all { u64::MAX } else { self.args.limit };
        let mut page = TaskPage { tasks: Vec::new(), total: 0 };
        loop {
            let have = u64::try_from(page.tasks.len()).unwrap_or(u64::MAX);
            let query = ListQuery {
                statuses: self.args.status.clone(),
                repo: self.repo.clone(),
                limit: PAGE.min(wanted - have),
                offset: self.args.offset + have,
            };
            let next = self.backend.list(&query).await?;
            let last = next.tasks.is_empty();
            page.total = next.total;
            page.tasks.extend(next.tasks);
            let have = u64::try_from(page.tasks.len()).unwrap_or(u64::MAX);
            if last || have >= wanted || self.args.offset + have >= page.total {
                return Ok(page);
            }
        }
    }
}

async fn watch(session: &Session<'_>, query: &Query<'_>) -> Result<Exit, Failure> {
    let interrupted = on_signal()
        .map_err(|error| Failure::new(ErrorKind::Failed, format!("failed to listen for signals: {error}")))?;
    let until_gone = async {
        match session.output.live()? {
            Some(live) => draw(query, live).await,
            None => append_changes(session, query).await,
        }
    };
    tokio::select! {
        () = interrupted.cancelled() => Ok(INTERRUPTED),
        ended = until_gone => ended.map(|never| match never {}),
    }
}

/// Keeps the terminal showing the tasks as they are.
async fn draw(query: &Query<'_>, mut live: Live) -> Result<Infallible, Failure> {
    let mut feed = query.backend.events(None, None).await?;
    loop {
        let page = query.page().await?;
        let rows = task_rows(&page.tasks);
        let beyond = page.total.saturating_sub(query.args.offset);
        live.draw(&TASK_HEADERS, &rows, beyond, &query.nothing(page.total))
            .map_err(|error| Failure::new(ErrorKind::Failed, format!("failed to draw on the terminal: {error}")))?;
        tokio::select! {
            () = next_change(&mut feed) => {}
            () = live.disturbed() => {}
        }
    }
}

/// Prints each task again when it has changed.
async fn append_changes(session: &Session<'_>, query: &Query<'_>) -> Result<Infallible, Failure> {
    let mut feed = query.backend.events(None, None).await?;
    let mut shown = HashMap::new();
    loop {
        append(session, &query.page().await?.tasks, &mut shown)?;
        next_change(&mut feed).await;
    }
}

/// Prints the tasks that are not as they were shown last, the oldest first.
fn append(
    session: &Session<'_>,
    tasks: &[Task],
    shown: &mut HashMap<TaskId, (TaskStatus, String)>,
) -> Result<(), Failure> {
    for task in tasks.iter().rev() {
        let now = (task.status, task.summary.clone());
        if shown.get(&task.id) == Some(&now) {
            continue;
        }
        if session.output.is_json() {
            session.output.json(task)?;
        } else {
            session.output.line(&task_line(task));
        }
        shown.insert(task.id, now);
    }
    Ok(())
}

/// Waits for a change of status, or for the time to look again.
async fn next_change(feed: &mut Feed) {
    let change = async {
        loop {
            match feed.next().await {
                Ok(events) if events.iter().any(|event| matches!(event.kind, EventKind::Status { .. })) => {
                    return tokio::time::sleep(CALM).await;
                }
                Ok(_) => {}
                // Without events there is still the time.
                Err(_) => tokio::time::sleep(REDRAW).await,
            }
        }
    };
    let _ = tokio::time::timeout(REDRAW, change).await;
}
