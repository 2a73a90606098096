use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use opsmith_host::cli::clean_line;
use opsmith_host::http::page::{Field, Form, Page, Shell, hidden};
use opsmith_host::http::{Problem, Query};
use opsmith_model::TaskId;
use opsmith_store::Page as Rows;
use serde::Deserialize;

use super::super::Caller;
use super::super::error::ApiError;
use super::assets::OWN;
use super::links::address;
use crate::brief::short;
use crate::db::TaskFilter;
use crate::{Ampx, AmpxError, NewTask};

/// How many of the latest tasks are looked through for repositories to propose.
const RECENT: u64 = 50;
/// Before an idempotency key, so that no client of the API has the same by chance.
const KEY: &str = "page-";

/// The form as it was sent, or as it is to be filled in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StartForm {
    repo: String,
    prompt: String,
    agent: String,
    base: String,
    max_attempts: String,
    budget_usd: String,
    labels: String,
    allow_test_edits: Option<String>,
    key: String,
}

/// What is wrong, by field.
type Wrong = BTreeMap<&'static str, String>;

/// The form for a new task; its query fills it in.
pub(super) async fn form(
    State(ampx): State<Ampx>,
    shell: Shell,
    Query(form): Query<StartForm>,
) -> Result<Page, ApiError> {
    let form = StartForm { key: String::new(), ..form };
    page(&ampx, &shell, &form, &Wrong::new(), None).await
}

/// Takes a task in, once however often the form is sent.
pub(super) async fn create(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    shell: Shell,
    Form(form): Form<StartForm>,
) -> Result<Response, ApiError> {
    let key = form.key.strip_prefix(KEY).and_then(|id| id.parse::<TaskId>().ok());
    if key.is_none() {
        return Err(Problem::invalid_field("key", "is not one of this form").into());
    }
    let (new, mut wrong) = form.read();
    let mut used = None;
    if wrong.is_empty() {
        match ampx.create(&new, &by, Some(&form.key)).await {
            Ok(created) => return Ok(Redirect::to(&format!("{}?done=started", address(created.id))).into_response()),
            Err(AmpxError::Field { field, reason, hint }) => {
                let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                wrong.insert(field, format!("{reason}{hint}"));
            }
            Err(AmpxError::KeyReused(id)) => used = Some(id),
            Err(error) => return Err(error.into()),
        }
    }
    let status = if used.is_some() { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
    Ok(page(&ampx, &shell, &form, &wrong, used).await?.status(status).into_response())
}

impl StartForm {
    /// The request that the form makes, and what of it cannot be read.
    fn read(&self) -> (NewTask, Wrong) {
        let mut wrong = Wrong::new();
        let given = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let max_attempts = given(&self.max_attempts).map(|text| text.parse::<u32>());
        if let Some(Err(_)) = max_attempts {
            wrong.insert("max_attempts", "must be a whole number".to_owned());
        }
        let budget_usd = given(&self.budget_usd).map(|text| text.parse::<f64>());
        if let Some(Err(_)) = budget_usd {
            wrong.insert("budget_usd", "must be a number, such as 2.50".to_owned());
        }
        let new = NewTask {
            repo: self.repo.trim().to_owned(),
            // A form's line ends are the network's.
            prompt: self.prompt.replace("\r\n", "\n"),
            agent: given(&self.agent),
            base: given(&self.base),
            max_attempts: max_attempts.and_then(Result::ok),
            budget_usd: budget_usd.and_then(Result::ok),
            allow_test_edits: self.allow_test_edits.is_some(),
            labels: self.labels.split(',').filter_map(given).collect(),
        };
        (new, wrong)
    }
}

async fn page(
    ampx: &Ampx,
    shell: &Shell,
    form: &StartForm,
    wrong: &Wrong,
    used: Option<TaskId>,
) -> Result<Page, ApiError> {
    // The key of a form that was sent stays with it, unless another task has it.
    let keep = used.is_none() && form.key.starts_with(KEY);
    let key = if keep { form.key.clone() } else { format!("{KEY}{}", TaskId::new(ampx.now())) };
    let content = html! {
        p.crumb { a href="/tasks" data-shortcut="u" { "Tasks" } span.dim { " / new" } }
        div.head { h1 { "New task" } }
        @if let Some(id) = used {
            div.notice.warn role="alert" {
                p { "This form was sent before, and became task " a href=(address(id)) { (short(id)) } "." }
                p { "To start another with what stands here now, send it again." }
            }
        }
        @if !wrong.is_empty() {
            div.notice.bad role="alert" {
                p { "Nothing was started. What does not hold:" }
                ul { @for (name, reason) in wrong { li { a href={ "#" (name) } { (label(name)) } " " (reason) } } }
            }
        }
        form.start method="post" action="/tasks" {
            (hidden("key", &key))
            (main_fields(form, wrong, &repositories(ampx).await?))
            (more_fields(ampx, form, wrong))
            div.row { button.primary { "Start the task" } a.button href="/tasks" { "Cancel" } }
        }
    };
    Ok(shell.page("New task", content).assets(OWN).keys(&[("u", "up to the list")]))
}

fn label(name: &str) -> &'static str {
    match name {
        "repo" => "Repository",
        "prompt" => "Prompt",
        "agent" => "Agent",
        "base" => "Base branch",
        "max_attempts" => "Attempts",
        "budget_usd" => "Budget in US dollars",
        _ => "Labels",
    }
}

fn field<'a>(name: &'static str, hint: &'a str, wrong: &'a Wrong) -> Field<'a> {
    Field { name, label: label(name), hint, error: wrong.get(name).map(String::as_str) }
}

fn main_fields(form: &StartForm, wrong: &Wrong, known: &[String]) -> Markup {
    let invalid = |name| wrong.contains_key(name).then_some("true");
    html! {
        (field("repo", "A git address (https or ssh), or the whole path of one on the server's machine.", wrong)
            .around(|described| html! {
                input #repo name="repo" value=(form.repo) list="known-repositories" required autocomplete="off"
                    spellcheck="false" autofocus[form.repo.is_empty()] aria-invalid=[invalid("repo")]
                    aria-describedby=(described);
            }))
        datalist #known-repositories { @for repo in known { option value=(repo) {} } }
        (field("prompt", "What the agent is to do, and how one sees that it is done.", wrong)
            .around(|described| html! {
                textarea #prompt name="prompt" rows="8" required maxlength="50000" aria-invalid=[invalid("prompt")]
                    aria-describedby=(described) {
                    // The first line's end is not part of what it holds.
                    "\n" (form.prompt)
                }
            }))
    }
}

fn more_fields(ampx: &Ampx, form: &StartForm, wrong: &Wrong) -> Markup {
    let settings = &ampx.settings;
    let default = settings.default_agent();
    let agent_hint = match default {
        Some(name) => format!("Left empty: the repository's own, else {}.", clean_line(name)),
        None => "None is configured or installed: `ampx agents` says why.".to_owned(),
    };
    let attempts_hint = format!("1 to 20; left empty: {}.", settings.max_attempts);
    let budget_hint = match settings.budget_usd {
        Some(usd) => format!("Left empty: ${usd}. Holds for agents that tell their cost."),
        None => "Left empty: no limit. Holds for agents that tell their cost.".to_owned(),
    };
    let line = |name: &'static str, value: &str, hint: &str, mode: &str, list: Option<&str>| {
        let invalid = wrong.contains_key(name).then_some("true");
        field(name, hint, wrong).around(|described| {
            html! {
                input id=(name) name=(name) value=(value) inputmode=(mode) list=[list] autocomplete="off"
                    spellcheck="false" aria-invalid=[invalid] aria-describedby=(described);
            }
        })
    };
    html! {
        div.pairs {
            (line("agent", &form.agent, &agent_hint, "text", Some("known-agents")))
            (line("base", &form.base, "The branch to start from. Left empty: the repository's default.", "text", None))
            (line("max_attempts", &form.max_attempts, &attempts_hint, "numeric", None))
            (line("budget_usd", &form.budget_usd, &budget_hint, "decimal", None))
        }
        datalist #known-agents {
            @for name in settings.agents.keys() { option value=(name) {} }
            @if let Some(name) = default.filter(|name| !settings.agents.contains_key(*name)) { option value=(name) {} }
        }
        (line("labels", &form.labels, "Words to find it by, separated by commas.", "text", None))
        div.field {
            label.choice {
                input type="checkbox" name="allow_test_edits" checked[form.allow_test_edits.is_some()];
                "Let edits to tests and CI pass without a person"
            }
        }
    }
}

/// The repositories of the latest tasks.
async fn repositories(ampx: &Ampx) -> Result<Vec<String>, AmpxError> {
    let (tasks, _) = ampx.list(&TaskFilter::default(), Rows { limit: RECENT, offset: 0 }).await?;
    let mut known: Vec<String> = tasks.into_iter().map(|task| task.repo).collect();
    known.sort_unstable();
    known.dedup();
    Ok(known)
}
