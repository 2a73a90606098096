use std::collections::HashMap;
use std::io::Write as _;
use std::time::Duration;

use opsmith_host::cli::{Exit, Failure};
use opsmith_model::TaskId;

use super::backend::Backend;
use super::feed::Feed;
use super::session::Session;
use super::view::{show_tasks, task_line};
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
  ampx list --all -r https://example.com/acme/api -o json";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only this status; may be repeated
    #[arg(long, short, value_name = "STATUS", value_delimiter = ',', value_parser = status)]
    status: Vec<TaskStatus>,
    /// Only this repository, as it was given
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
    let query = Query { args: &args, backend: &backend };
    if args.watch {
        return watch(session, &query).await;
    }
    let page = query.page().await?;
    if session.output.is_json() {
        session.output.json(&page)?;
        return Ok(Exit::OK);
    }
    show_tasks(session, &page.tasks);
    if page.tasks.is_empty() {
        session.output.note("no tasks; give an agent one with `ampx start REPO PROMPT`");
    } else if u64::try_from(page.tasks.len()).unwrap_or(u64::MAX) + args.offset < page.total {
        session.output.note(&format!("{} of {} tasks; see more with `--all`", page.tasks.len(), page.total));
    }
    Ok(Exit::OK)
}

struct Query<'a> {
    args: &'a Args,
    backend: &'a Backend,
}

impl Query<'_> {
    /// What was asked for, in as many requests as it takes.
    async fn page(&self) -> Result<TaskPage, Failure> {
        let wanted = if self.args.all { u64::MAX } else { self.args.limit };
        let mut page = TaskPage { tasks: Vec::new(), total: 0 };
        loop {
            let have = u64::try_from(page.tasks.len()).unwrap_or(u64::MAX);
            let query = ListQuery {
                statuses: self.args.status.clone(),
                repo: self.args.repo.clone(),
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
    let mut feed = query.backend.events(None, None).await?;
    let mut shown = HashMap::new();
    loop {
        let page = query.page().await?;
        if session.output.screen().terminal && !session.output.is_json() {
            clear_screen();
            show_tasks(session, &page.tasks);
        } else {
            append(session, &page.tasks, &mut shown)?;
        }
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

/// Empties the terminal, which [`opsmith_host::cli::Output`] keeps foreign text from doing.
fn clear_screen() {
    let mut stdout = std::io::stdout().lock();
    // Whether it can be written to shows in the table that follows.
    let _ = stdout.write_all(b"\x1b[H\x1b[2J").and_then(|()| stdout.flush());
}
