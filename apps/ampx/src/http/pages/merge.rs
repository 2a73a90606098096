use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use opsmith_forge::git::MergeMethod;
use opsmith_guard::{Answer, Refusal};
use opsmith_host::http::page::{Form, Page, Shell, hidden, notice, plan};
use opsmith_host::http::{Problem, Query};
use opsmith_model::{Decision, Digest, Plan, Principal, TaskId};
use serde::Deserialize;

use super::super::Caller;
use super::super::error::ApiError;
use super::assets::OWN;
use super::links::address;
use super::task::{head, title};
use crate::task::Task;
use crate::{Ampx, AmpxError, MergeOptions, Merged};

const METHODS: [(MergeMethod, &str, &str, &str); 3] = [
    (MergeMethod::Squash, "squash", "Squash", "one new commit with all changes"),
    (MergeMethod::Merge, "merge", "Merge commit", "a merge commit of both"),
    (MergeMethod::Rebase, "rebase", "Rebase", "each commit anew on top of the base"),
];
const KEYS: &[(&str, &str)] = &[("o", "overview"), ("c", "changes"), ("m", "merge"), ("u", "up to the list")];

/// How to merge, and in the answer which plan was seen.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wish {
    method: Option<MergeMethod>,
    delete_branch: Option<String>,
    digest: String,
}

impl Wish {
    fn options(&self) -> MergeOptions {
        let method = self.method.unwrap_or(MergeMethod::Squash);
        MergeOptions { method, delete_branch: self.delete_branch.is_some() }
    }
}

/// The plan of a merge as it would be now, with a yes to exactly it.
pub(super) async fn form(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    shell: Shell,
    Path(id): Path<String>,
    Query(wish): Query<Wish>,
) -> Result<Response, ApiError> {
    let task = ampx.task(ampx.resolve(&id).await?).await?;
    if task.merged_at.is_some() {
        return Ok(Redirect::to(&address(task.id)).into_response());
    }
    let options = wish.options();
    let planned = ampx.merge_plan(task.id, &options, &by).await.map_err(ApiError::from);
    Ok(page(&ampx, &shell, &task, &options, planned.as_ref(), None).into_response())
}

/// Merges where the plan is still the one that was seen.
pub(super) async fn merge(
    State(ampx): State<Ampx>,
    Caller(by): Caller,
    shell: Shell,
    Path(id): Path<String>,
    Form(wish): Form<Wish>,
) -> Result<Response, ApiError> {
    let id = ampx.resolve(&id).await?;
    let seen: Digest = wish.digest.parse().map_err(|_| Problem::invalid_field("digest", "must be that of the plan"))?;
    let options = wish.options();
    let refused = match confirmed(&ampx, id, &options, &seen, &by).await {
        Ok(_) => return Ok(Redirect::to(&format!("{}?done=merged", address(id))).into_response()),
        Err(error) => ApiError::from(error),
    };
    let planned = ampx.merge_plan(id, &options, &by).await.map_err(ApiError::from);
    let task = ampx.task(id).await?;
    Ok(page(&ampx, &shell, &task, &options, planned.as_ref(), Some(&refused)).into_response())
}

/// Merges with the person's yes to the plan of that digest, and to no other.
async fn confirmed(
    ampx: &Ampx,
    id: TaskId,
    options: &MergeOptions,
    seen: &Digest,
    by: &Principal,
) -> Result<Merged, AmpxError> {
    // A second click comes when the first has merged already.
    if ampx.task(id).await?.merged_at.is_none() && ampx.merge_plan(id, options, by).await?.digest() != *seen {
        return Err(AmpxError::NotNow {
            message: "the plan is another one by now, and nothing was merged".to_owned(),
            hint: Some("look at the plan below, then say yes to it".to_owned()),
        });
    }
    match ampx.merge(id, options, false, by).await {
        Err(AmpxError::Refused(Refusal::ConfirmationRequired(asked))) if asked.digest == *seen => {
            ampx.guard.confirm(asked.id, Answer::Yes, seen, by).await?;
            ampx.merge(id, options, false, by).await
        }
        done => done,
    }
}

fn page(
    ampx: &Ampx,
    shell: &Shell,
    task: &Task,
    options: &MergeOptions,
    planned: Result<&Plan, &ApiError>,
    refused: Option<&ApiError>,
) -> Page {
    let content = html! {
        (head(task, "merge"))
        @if let Some(refused) = refused { (notice(refused.0.body())) }
        @match planned {
            Ok(planned) => { (choices(task, options)) (question(ampx, task, options, planned)) }
            // Most often the same as what was refused just now.
            Err(problem) => { @if refused.is_none() { (notice(problem.0.body())) } }
        }
    };
    let problem = refused.or(planned.err());
    let status = problem.and_then(|problem| StatusCode::from_u16(problem.0.body().status).ok());
    shell.page(title(task), content).status(status.unwrap_or(StatusCode::OK)).assets(OWN).keys(KEYS)
}

fn choices(task: &Task, options: &MergeOptions) -> Markup {
    html! {
        form.card action={ (address(task.id)) "/merge" } data-choices {
            fieldset {
                legend { "How" }
                @for (method, word, label, does) in METHODS {
                    label.choice {
                        input type="radio" name="method" value=(word) checked[options.method == method];
                        span { (label) span.dim { " – " (does) } }
                    }
                }
            }
            label.choice {
                input type="checkbox" name="delete_branch" checked[options.delete_branch];
                "Delete the branch afterwards"
            }
            p.plan-anew { button { "Show the plan" } }
        }
    }
}

fn question(ampx: &Ampx, task: &Task, options: &MergeOptions, planned: &Plan) -> Markup {
    let decisions = ampx.guard.decide(planned);
    let denied = decisions.iter().any(|decision| matches!(decision, Decision::Deny(_)));
    let method = METHODS.iter().find(|(method, ..)| *method == options.method).map_or("squash", |known| known.1);
    html! {
        section.card aria-labelledby="plan-title" {
            h2 #plan-title { "What will happen" }
            (plan(planned, &decisions))
            @if denied {
                p.notice.bad { "The policy denies this, so it cannot be done here." }
            } @else {
                form method="post" action={ (address(task.id)) "/merge" } {
                    (hidden("method", method))
                    @if options.delete_branch { (hidden("delete_branch", "on")) }
                    (hidden("digest", planned.digest().as_str()))
                    p.dim { "Your yes holds for exactly this plan, and goes into the audit log." }
                    div.row {
                        button.primary { "Yes, merge it" }
                        a.button href=(address(task.id)) { "Not now" }
                    }
                }
            }
        }
    }
}
