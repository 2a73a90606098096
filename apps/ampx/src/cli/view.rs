//! Tasks as a person reads them.

use std::time::Duration;

use opsmith_host::cli::{Cell, Failure, Tone, ago, clean_line, duration};
use opsmith_model::Clock;

use super::findings::show_findings;
use super::session::Session;
pub(super) use crate::brief::short;
use crate::brief::{first_line, repository, short_sha};
use crate::task::{Attempt, Task, TaskDetail, TaskStatus};
use crate::walls::CommandWalls;

pub(super) const fn tone(status: TaskStatus) -> Tone {
    match status {
        TaskStatus::Queued => Tone::Dim,
        TaskStatus::Running | TaskStatus::Retrying => Tone::Busy,
        TaskStatus::NeedsReview => Tone::Warn,
        TaskStatus::Success => Tone::Good,
        TaskStatus::Aborted => Tone::Dim,
        TaskStatus::Error => Tone::Bad,
    }
}

const MOST_PROMPT_CHARS: usize = 40;

/// What [`task_rows`] has in its columns.
pub(super) const TASK_HEADERS: [&str; 8] =
    ["ID", "STATUS", "PR", "TRIES", "REPOSITORY", "CHANGED", "PROMPT", "SUMMARY"];

/// Tasks as rows of a table, the least important columns last.
pub(super) fn task_rows(tasks: &[Task]) -> Vec<Vec<Cell>> {
    let now = Clock::system().now();
    let row = |task: &Task| {
        let pull_request = match pull_request(task) {
            "merged" => Cell::toned("merged", Tone::Good),
            other => Cell::from(other),
        };
        vec![
            Cell::from(short(task.id)),
            Cell::toned(task.status.as_str(), tone(task.status)),
            pull_request,
            Cell::from(format!("{}/{}", task.attempt_count, task.max_attempts)),
            Cell::from(repository(&task.repo)),
            Cell::toned(ago(task.updated_at, now), Tone::Dim),
            Cell::from(first_line(&task.prompt, MOST_PROMPT_CHARS)),
            Cell::from(&task.summary),
        ]
    };
    tasks.iter().map(row).collect()
}

/// How far its pull request is.
fn pull_request(task: &Task) -> &'static str {
    match (&task.merged_at, &task.pr_url) {
        (Some(_), _) => "merged",
        (None, Some(_)) => "open",
        (None, None) => "-",
    }
}

/// The status as the API has it, and whether it was merged.
fn status_line(task: &Task) -> String {
    let merged = if task.merged_at.is_some() { " (merged)" } else { "" };
    format!("{}{merged}", task.status.as_str())
}

/// One line of a task, for output that only grows.
pub(super) fn task_line(task: &Task) -> String {
    clean_line(&format!("{} {} {} {}", short(task.id), status_line(task), repository(&task.repo), task.summary))
}

/// Prints a task: as JSON the whole of it, else what a person wants to know.
pub(super) fn show_detail(session: &Session<'_>, detail: &TaskDetail) -> Result<(), Failure> {
    let (output, task) = (session.output, &detail.task);
    if output.is_json() {
        return output.json(detail);
    }
    let line = |name: &str, text: &str| output.line(&format!("{name:<13}{}", clean_line(text)));
    line("task", &format!("{} ({})", short(task.id), task.id));
    output.toned(tone(task.status), &format!("{:<13}{}", "status", status_line(task)));
    line("summary", &task.summary);
    line("repository", &task.repo);
    line("branch", &task.branch);
    if let Some(base) = &task.base {
        line("base", base);
    }
    line("agent", &task.agent);
    line("prompt", &first_line(&task.prompt, MOST_PROMPT_CHARS));
    if let Some(run_id) = task.run_id {
        line("run", &run_id.to_string());
    }
    for (name, text) in [("pull request", &task.pr_url), ("CI", &task.ci_url), ("merged as", &task.merged_sha)] {
        if let Some(text) = text {
            line(name, text);
        }
    }
    let newest = |walls: fn(&Attempt) -> Option<&CommandWalls>| detail.attempts.iter().rev().find_map(walls);
    for (name, walls) in [
        ("agent walls", newest(|attempt| attempt.agent_walls.as_ref())),
        ("check walls", newest(|attempt| attempt.check_walls.as_ref())),
    ] {
        if let Some(walls) = walls {
            line(name, &walls.in_short());
        }
    }
    if !detail.attempts.is_empty() {
        line("pushes saved", &detail.pushes_saved.to_string());
        show_attempts(session, &detail.attempts);
        show_findings(session, &detail.attempts);
    }
    Ok(())
}

fn show_attempts(session: &Session<'_>, attempts: &[Attempt]) {
    let row = |attempt: &Attempt| {
        let verdict = attempt.ci_verdict.as_deref().unwrap_or("-");
        let verdict_tone = match verdict {
            "green" => Tone::Good,
            "red" => Tone::Bad,
            _ => Tone::Plain,
        };
        let took = attempt.started_at.zip(attempt.finished_at).map(|(begin, end)| (end - begin).to_std());
        vec![
            Cell::from(attempt.number.to_string()),
            Cell::toned(if attempt.flaky { format!("{verdict} (flaky)") } else { verdict.to_owned() }, verdict_tone),
            Cell::from(took.map_or_else(|| "-".to_owned(), |took| duration(took.unwrap_or(Duration::ZERO)))),
            Cell::from(attempt.usage.cost_usd.map_or_else(|| "unknown".to_owned(), |usd| format!("{usd:.2} USD"))),
            Cell::from(attempt.head_sha.as_deref().map_or("-", short_sha)),
            Cell::from(attempt.summary.as_deref().unwrap_or("-")),
        ]
    };
    let headers = ["ATTEMPT", "CI", "TOOK", "COST", "COMMIT", "SUMMARY"];
    session.output.table(&headers, &attempts.iter().map(row).collect::<Vec<_>>());
}
