use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use opsmith_host::cli::{clean, clean_line};
use opsmith_host::http::page::{Page, Shell, link, notice, time};
use opsmith_host::http::{ProblemBody, Query};
use opsmith_model::TaskId;
use serde::Deserialize;

use super::super::error::ApiError;
use super::assets::OWN;
use super::attempts::attempts;
use super::links::address;
use super::log::Tail;
use super::{room, status};
use crate::brief::{first_line, repository, short, short_sha};
use crate::task::{Attempt, Task, TaskDetail};
use crate::walls::CommandWalls;
use crate::{Ampx, AmpxError};

const MOST_TITLE_CHARS: usize = 120;
const RELOAD_S: u32 = 10;
const KEYS: &[(&str, &str)] = &[
    ("o", "overview"),
    ("c", "changes"),
    ("m", "merge, where it can be"),
    ("f", "follow the log, or not"),
    ("u", "up to the list"),
];

/// What has just been done.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Done {
    done: String,
}

/// One task: where it stands, what can be done, its attempts and its log.
pub(super) async fn show(
    State(ampx): State<Ampx>,
    shell: Shell,
    Path(id): Path<String>,
    Query(query): Query<Done>,
) -> Result<Response, ApiError> {
    let whole = ampx.resolve(&id).await?;
    if whole.to_string() != id {
        return Ok(Redirect::to(&address(whole)).into_response());
    }
    let (said, refused) = (words_of(&query.done), None);
    Ok(page(&ampx, &shell, whole, &View { said, refused, prompt: "" }).await?.into_response())
}

/// What an action that was sent here changed, in words.
fn words_of(done: &str) -> Option<&'static str> {
    match done {
        "started" => Some("Started. A worker begins it when it has room."),
        "continued" => Some("Sent on. A worker takes it up when it has room."),
        "accepted" => Some("Accepted. Check, push and pull request follow."),
        "aborted" => Some("Given up. What still runs ends within two seconds."),
        "merged" => Some("Merged."),
        _ => None,
    }
}

/// What a task's page tells beside the task.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct View<'a> {
    pub(super) said: Option<&'static str>,
    /// Why the action that was sent here was not done.
    pub(super) refused: Option<&'a ProblemBody>,
    /// The new prompt that was typed.
    pub(super) prompt: &'a str,
}

/// The page of a task.
pub(super) async fn page(ampx: &Ampx, shell: &Shell, id: TaskId, view: &View<'_>) -> Result<Page, AmpxError> {
    // Before the task is read, so that nothing that comes in between is missed.
    let tail = Tail::read(ampx, id).await?;
    let detail = ampx.detail(id).await?;
    let task = &detail.task;
    let content = html! {
        (head(task, "overview"))
        @if let Some(said) = view.said { p.notice.good role="status" { (said) } }
        @if let Some(refused) = view.refused { (notice(refused)) }
        div.columns {
            div.main {
                (room::room(task, view.prompt))
                (attempts(&detail))
                (tail.html(task))
            }
            (facts(ampx, &detail))
        }
    };
    let status = view.refused.and_then(|problem| StatusCode::from_u16(problem.status).ok()).unwrap_or(StatusCode::OK);
    let page = shell.page(title(task), content).status(status).assets(OWN).keys(KEYS);
    Ok(if task.status.is_active() { page.reload_s(RELOAD_S) } else { page })
}

/// What a browser's tab says of a task.
pub(super) fn title(task: &Task) -> String {
    format!("{} · {}", clean_line(&first_line(&task.prompt, 60)), short(task.id))
}

/// The head that all pages of a task have.
pub(super) fn head(task: &Task, current: &str) -> Markup {
    let here = address(task.id);
    let tab = |name: &str, label: &str, path: &str, key: &str| {
        let current = (name == current).then_some("page");
        html! { a href={ (here) (path) } aria-current=[current] data-shortcut=(key) { (label) } }
    };
    let can_merge = room::can_merge(task);
    html! {
        p.crumb { a href="/tasks" data-shortcut="u" { "Tasks" } span.dim { " / " span.mono { (short(task.id)) } } }
        div #task-head .task-head data-live data-page=(here) {
            div.head {
                h1 { (clean_line(&first_line(&task.prompt, MOST_TITLE_CHARS))) }
                (status::badge(task))
            }
            p.dim {
                bdi title=(task.repo) { (clean_line(&repository(&task.repo))) }
                " · " span.mono { (clean_line(&task.branch)) }
                @if let Some(base) = &task.base { " into " span.mono { (clean_line(base)) } }
            }
            nav.tabs aria-label="Task" {
                (tab("overview", "Overview", "", "o"))
                (tab("changes", "Changes", "/changes", "c"))
                @if can_merge || current == "merge" { (tab("merge", "Merge", "/merge", "m")) }
            }
        }
    }
}

fn facts(ampx: &Ampx, detail: &TaskDetail) -> Markup {
    let (now, task) = (ampx.now(), &detail.task);
    let link_of = |address: &Option<String>, text: &str| address.as_deref().map(|address| link(address, text));
    let commit = |sha: &Option<String>| sha.as_deref().map(|sha| html! { code title=(sha) { (short_sha(sha)) } });
    let newest = |walls: fn(&Attempt) -> Option<&CommandWalls>| {
        let walls = detail.attempts.iter().rev().find_map(walls);
        walls.map(|walls| html! { (clean_line(&walls.in_short())) })
    };
    let rows = [
        ("Repository", Some(html! { bdi.mono { (clean_line(&task.repo)) } })),
        ("Pull request", link_of(&task.pr_url, "open it")),
        ("Branch", link_of(&task.branch_url, "see it")),
        ("CI run", link_of(&task.ci_url, "see it")),
        ("Commit", commit(&task.head_sha)),
        ("Merged as", commit(&task.merged_sha)),
        ("Merged", task.merged_at.map(|at| time(at, now))),
        ("Merges by itself", task.auto_merge.as_ref().map(|auto| html! { "asked for by " (auto.requested_by) })),
        ("Agent", Some(html! { (clean_line(&task.agent)) })),
        ("Session", task.thread_id.as_deref().map(|id| html! { code { (clean_line(id)) } })),
        ("Attempts", Some(html! { (task.attempt_count) ", up to " (task.max_attempts) " at a go" })),
        ("Pushes saved", Some(html! { (detail.pushes_saved) })),
        ("Agent runs in", newest(|attempt| attempt.agent_walls.as_ref())),
        ("Check runs in", newest(|attempt| attempt.check_walls.as_ref())),
        ("Budget", Some(html! { @match task.budget_usd { Some(usd) => { "$" (usd) } None => { "none" } } })),
        ("Test edits", Some(html! { @if task.allow_test_edits { "allowed" } @else { "held for a person" } })),
        ("Labels", (!task.labels.is_empty()).then(|| html! { (clean_line(&task.labels.join(", "))) })),
        ("Asked for", Some(html! { (time(task.created_at, now)) " by " (task.created_by) })),
        ("Changed", Some(time(task.updated_at, now))),
    ];
    html! {
        section #task-facts .side data-live aria-label="Facts" {
            dl.facts {
                @for (name, value) in rows {
                    @if let Some(value) = value { div { dt { (name) } dd { (value) } } }
                }
            }
            details #task-prompt {
                summary { "Prompt" }
                pre.box.wrap tabindex="0" { (clean(&task.prompt)) }
            }
        }
    }
}
