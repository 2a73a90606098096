use ampx::http::Caller;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use opsmith_guard::{Answer, Confirmation, ConfirmationState};
use opsmith_host::cli::clean_line;
use opsmith_host::http::page::{Form, Page, Shell, hidden, notice, plan, time};
use opsmith_host::http::{Problem, ProblemBody};
use opsmith_model::Digest;
use serde::Deserialize;

use super::super::confirmations::confirmation_id;
use super::super::site::Site;

/// As many as the API lists at the most.
const MOST: u64 = 100;
const KEYS: &[(&str, &str)] = &[("j k", "next, previous question"), ("Enter", "open it")];
const KEYS_OF_ONE: &[(&str, &str)] = &[("u", "up to the list")];

/// A person's answer to the plan of that digest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answered {
    decision: Answer,
    digest: String,
}

/// The questions that wait, oldest first.
pub(super) async fn list(State(site): State<Site>, shell: Shell) -> Result<Page, Problem> {
    let pending = site.process.guard.pending(MOST).await?;
    let now = site.process.clock.now();
    let content = html! {
        div.head { h1 { "Confirmations" } }
        @if pending.is_empty() {
            div.empty { p { "Nothing waits for a yes." } }
        }
        @for asked in &pending {
            section.card {
                h2 { a href={ "/confirmations/" (asked.id) } data-row { (kind(asked)) } }
                @for effect in &asked.plan.effects { p { (clean_line(&effect.summary)) } }
                p.dim { (asked_by(asked, now)) " · ends " (time(asked.expires_at, now)) }
            }
        }
    };
    Ok(shell.page("Confirmations", content).keys(KEYS))
}

/// One question with its plan.
pub(super) async fn show(State(site): State<Site>, shell: Shell, Path(id): Path<String>) -> Result<Page, Problem> {
    let asked = site.process.guard.confirmation(confirmation_id(&id)?).await?;
    Ok(page(&site, &shell, &asked, None))
}

/// Takes the answer to exactly the plan that was seen.
pub(super) async fn answer(
    State(site): State<Site>,
    Caller(by): Caller,
    shell: Shell,
    Path(id): Path<String>,
    Form(form): Form<Answered>,
) -> Result<Response, Problem> {
    let id = confirmation_id(&id)?;
    let digest: Digest =
        form.digest.parse().map_err(|_| Problem::invalid_field("digest", "must be that of the plan"))?;
    let refused = match site.process.guard.confirm(id, form.decision, &digest, &by).await {
        Ok(_) => return Ok(Redirect::to(&format!("/confirmations/{id}")).into_response()),
        Err(error) => Problem::from(error),
    };
    let asked = site.process.guard.confirmation(id).await?;
    Ok(page(&site, &shell, &asked, Some(refused.body())).into_response())
}

fn page(site: &Site, shell: &Shell, asked: &Confirmation, refused: Option<&ProblemBody>) -> Page {
    let now = site.process.clock.now();
    let decisions = site.process.guard.decide(&asked.plan);
    let content = html! {
        p.crumb { a href="/confirmations" data-shortcut="u" { "Confirmations" } }
        div.head { h1 { (kind(asked)) } (badge(asked, now)) }
        @if let Some(refused) = refused { (notice(refused)) }
        section.card aria-labelledby="plan-title" {
            h2 #plan-title { "What will happen" }
            (plan(&asked.plan, &decisions))
            p.dim { (asked_by(asked, now)) " · asked for by " (clean_line(&asked.reason)) }
            (answer_form(asked, now))
        }
    };
    let status = refused.and_then(|problem| StatusCode::from_u16(problem.status).ok()).unwrap_or(StatusCode::OK);
    shell.page(format!("Confirm {}", kind(asked)), content).status(status).keys(KEYS_OF_ONE)
}

fn answer_form(asked: &Confirmation, now: DateTime<Utc>) -> Markup {
    let may = asked.state == ConfirmationState::Pending && asked.expires_at > now;
    html! {
        @if may {
            p { "The time to answer ends " (time(asked.expires_at, now)) ". A yes holds for exactly this plan." }
            form.row method="post" action={ "/confirmations/" (asked.id) } {
                (hidden("digest", asked.digest.as_str()))
                button.primary name="decision" value="yes" { "Yes, it may happen" }
                button.danger name="decision" value="no" { "No" }
            }
        } @else if let Some(by) = &asked.answered_by {
            p { "Answered by " (by) "." }
            @if asked.state == ConfirmationState::Yes { p { "Whoever asked for it can ask again, and it is done." } }
        }
    }
}

fn badge(asked: &Confirmation, now: DateTime<Utc>) -> Markup {
    let (tone, words) = match asked.state {
        ConfirmationState::Pending if asked.expires_at <= now => ("idle", "Expired"),
        ConfirmationState::Pending => ("warn", "Waits for a yes"),
        ConfirmationState::Yes => ("good", "Yes"),
        ConfirmationState::No => ("bad", "No"),
        ConfirmationState::Consumed => ("done", "Yes, and used"),
    };
    html! { span class={ "badge " (tone) } { (words) } }
}

fn kind(asked: &Confirmation) -> String {
    clean_line(&format!("{} on {}", asked.plan.operation.kind, asked.plan.operation.target))
}

fn asked_by(asked: &Confirmation, now: DateTime<Utc>) -> Markup {
    html! { "asked " (time(asked.created_at, now)) " by " (asked.plan.operation.principal) }
}
