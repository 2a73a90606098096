use axum::extract::State;
use maud::{Markup, html};
use opsmith_host::cli::clean_line;
use opsmith_host::http::page::{Page, Shell, time};
use opsmith_host::http::{Problem, Query};
use opsmith_store::Page as Rows;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::super::error::ApiError;
use super::super::tasks::statuses;
use super::assets::OWN;
use super::status::{badge, words};
use crate::Ampx;
use crate::brief::{first_line, repository, short};
use crate::db::TaskFilter;
use crate::task::{Task, TaskStatus};

const ROWS: u32 = 50;
const MOST_PROMPT_CHARS: usize = 160;
const RELOAD_S: u32 = 15;
const KEYS: &[(&str, &str)] =
    &[("j k", "next, previous task"), ("Enter", "open it"), ("n", "new task"), ("/", "filter by repository")];

/// Which tasks; what is empty does not matter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    status: String,
    repo: String,
    offset: u32,
}

/// The statuses that are listed together.
const VIEWS: [(&str, &[TaskStatus]); 6] = [
    ("All", &[]),
    ("Active", &[TaskStatus::Queued, TaskStatus::Running, TaskStatus::Retrying]),
    (words(TaskStatus::NeedsReview), &[TaskStatus::NeedsReview]),
    (words(TaskStatus::Success), &[TaskStatus::Success]),
    (words(TaskStatus::Error), &[TaskStatus::Error]),
    (words(TaskStatus::Aborted), &[TaskStatus::Aborted]),
];

/// The tasks, newest first.
pub(super) async fn list(
    State(ampx): State<Ampx>,
    shell: Shell,
    Query(wanted): Query<Wanted>,
) -> Result<Page, ApiError> {
    // Before the rows are read, so that nothing that comes in between is missed.
    let seen = ampx.last_event().await?;
    let filter = wanted.filter()?;
    let (tasks, total) = ampx.list(&filter, Rows { limit: ROWS.into(), offset: wanted.offset.into() }).await?;
    let counts = Counts(ampx.count_by_status().await?);
    let content = html! {
        div.head {
            h1 { "Tasks" }
            a.button.primary href="/tasks/new" data-shortcut="n" { "New task" }
        }
        (filters(&wanted, &filter, &counts))
        div #tasks data-live data-events={ "/tasks/events?after=" (seen) } {
            (rows(&ampx, &tasks, &wanted))
            (pages(&wanted, tasks.len(), total))
        }
    };
    Ok(shell.page("Tasks", content).assets(OWN).keys(KEYS).reload_s(RELOAD_S))
}

/// How many tasks there are of each status.
struct Counts(Vec<(String, i64)>);

impl Counts {
    fn of(&self, statuses: &[TaskStatus]) -> i64 {
        let fits = |word: &str| statuses.is_empty() || statuses.iter().any(|status| status.as_str() == word);
        self.0.iter().filter(|(word, _)| fits(word)).map(|(_, count)| count).sum()
    }
}

fn filters(wanted: &Wanted, filter: &TaskFilter, counts: &Counts) -> Markup {
    html! {
        div.filters {
            nav #views .views aria-label="By status" data-live {
                @for (label, statuses) in VIEWS {
                    @let current = (filter.statuses == statuses).then_some("true");
                    a href=(wanted.with_statuses(statuses).address()) aria-current=[current] {
                        (label)
                        // They are over all repositories, so beside a filter they would mislead.
                        @if wanted.repo.is_empty() { " " span.count { (counts.of(statuses)) } }
                    }
                }
            }
            form.find action="/tasks" role="search" {
                @if !wanted.status.is_empty() { input type="hidden" name="status" value=(wanted.status); }
                label.unseen for="repo" { "Repository" }
                input #repo type="search" name="repo" value=(wanted.repo) placeholder="Filter by repository"
                    autocomplete="off" spellcheck="false" maxlength="400" data-shortcut="/";
                button { "Filter" }
            }
        }
    }
}

fn rows(ampx: &Ampx, tasks: &[Task], wanted: &Wanted) -> Markup {
    html! {
        @if !tasks.is_empty() {
            ol.tasks { @for task in tasks { (row(ampx, task)) } }
        } @else if wanted.is_all() {
            div.empty {
                p { "No tasks so far." }
                p { "Give an agent one: " a href="/tasks/new" { "start a task" } ", or " code { "ampx start REPO PROMPT" } "." }
            }
        } @else {
            div.empty { p { "No task is like this." } p { a href="/tasks" { "Show all tasks" } } }
        }
    }
}

fn row(ampx: &Ampx, task: &Task) -> Markup {
    html! {
        li {
            (badge(task))
            div.what {
                a #{ "task-" (short(task.id)) } href={ "/tasks/" (task.id) } data-row {
                    (clean_line(&first_line(&task.prompt, MOST_PROMPT_CHARS)))
                }
                p.dim {
                    span title=(task.repo) { bdi { (clean_line(&repository(&task.repo))) } }
                    span.summary { (clean_line(&task.summary)) }
                }
            }
            p.facts {
                span { (clean_line(&task.agent)) }
                span title="attempts, of those it may take at a go" { (task.attempt_count) "/" (task.max_attempts) }
                (time(task.updated_at, ampx.now()))
            }
        }
    }
}

fn pages(wanted: &Wanted, shown: usize, total: u64) -> Markup {
    let first = u64::from(wanted.offset);
    let last = first.saturating_add(u64::try_from(shown).unwrap_or(u64::MAX));
    html! {
        @if total > 0 {
            nav.pages aria-label="Pages" {
                @if shown == 0 { span.dim { "There is nothing beyond " (total) } }
                @else { span.dim { (first + 1) "–" (last) " of " (total) } }
                @if first > 0 {
                    a.button rel="prev" href=(wanted.at(wanted.offset.saturating_sub(ROWS)).address()) { "Newer" }
                }
                @if last < total && shown > 0 {
                    a.button rel="next" href=(wanted.at(wanted.offset.saturating_add(ROWS)).address()) { "Older" }
                }
            }
        }
    }
}

impl Wanted {
    fn filter(&self) -> Result<TaskFilter, Problem> {
        let statuses = if self.status.is_empty() { Vec::new() } else { statuses(&self.status)? };
        let repo = Some(self.repo.trim()).filter(|repo| !repo.is_empty()).map(str::to_owned);
        Ok(TaskFilter { statuses, repo, created_by: None })
    }

    fn is_all(&self) -> bool {
        self.status.is_empty() && self.repo.trim().is_empty() && self.offset == 0
    }

    fn with_statuses(&self, statuses: &[TaskStatus]) -> Self {
        let words: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
        Self { status: words.join(","), repo: self.repo.clone(), offset: 0 }
    }

    fn at(&self, offset: u32) -> Self {
        Self { offset, ..self.clone() }
    }

    fn address(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [("status", &self.status), ("repo", &self.repo)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if self.offset > 0 {
            query.append_pair("offset", &self.offset.to_string());
        }
        let query = query.finish();
        if query.is_empty() { "/tasks".to_owned() } else { format!("/tasks?{query}") }
    }
}
