//! The page where a browser gives its token, and the way out.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::header::{ORIGIN, RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use opsmith_model::ErrorKind;
use serde::Deserialize;

use super::refused::{Refused, seconds};
use super::{Gate, cookie};
use crate::http::page::{Field, Form, Page, Shell, hidden};
use crate::http::{Problem, Query};

const TITLE: &str = "Log in";

pub(super) fn routes(gate: Gate) -> Router {
    Router::new().route("/login", get(form).post(log_in)).route("/logout", post(log_out)).with_state(gate)
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct After {
    next: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    token: String,
    #[serde(default)]
    next: String,
}

async fn form(State(gate): State<Gate>, shell: Shell, Query(after): Query<After>) -> Result<Page, Problem> {
    if gate.is_open().await? {
        let content = html! {
            div.head { h1 { (TITLE) } }
            p { "No token is needed: nobody made one, and this server is open to whoever uses this machine." }
            p { a href="/" { "Go on" } }
        };
        return Ok(shell.page(TITLE, content));
    }
    Ok(shell.page(TITLE, login_form(&after.next, None)))
}

/// The form, with what is wrong with the token that was given.
pub(in crate::http) fn login_form(next: &str, wrong: Option<&str>) -> Markup {
    let hint = "It begins with ops_ and is made on the server's machine: opsmith token create NAME.";
    let field = Field { name: "token", label: "Token", hint, error: wrong };
    html! {
        div.head { h1 { (TITLE) } }
        form.narrow method="post" action="/login" {
            (hidden("next", &within(next)))
            (field.around(|described| html! {
                input #token type="password" name="token" required autofocus autocomplete="current-password"
                    spellcheck="false" aria-invalid=[wrong.map(|_| "true")] aria-describedby=(described);
            }))
            button.primary { (TITLE) }
        }
    }
}

async fn log_in(
    State(gate): State<Gate>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    shell: Shell,
    Form(given): Form<Given>,
) -> Response {
    let Some(secure) = is_secure(&gate, &headers) else {
        let problem = Problem::new(ErrorKind::Denied, "a browser keeps a login only over an encrypted connection");
        return problem.hint("call it by https, or through an SSH tunnel as localhost").into_response();
    };
    let given_token = given.token.trim();
    let token = match gate.recognize(given_token, peer.ip()).await {
        Ok(token) => token,
        Err(refused) => return again(&shell, &given.next, refused),
    };
    let now = gate.tokens().now();
    match cookie::keep(given_token, token.expires_at, now, secure) {
        Some(kept) => ([(SET_COOKIE, kept)], Redirect::to(&within(&given.next))).into_response(),
        None => Problem::new(ErrorKind::Bug, "a token that holds is no header").into_response(),
    }
}

/// The form with the reason; a fault that is not the token's is told as it is.
fn again(shell: &Shell, next: &str, refused: Refused) -> Response {
    let (status, wrong) = match &refused {
        Refused::Token(problem) => (StatusCode::UNAUTHORIZED, problem.body().message.clone()),
        Refused::TooMany(wait) => {
            let wait_s = seconds(*wait);
            (StatusCode::TOO_MANY_REQUESTS, format!("too many wrong tokens came from here; wait {wait_s} s"))
        }
        Refused::Problem(_) | Refused::Method(_) => return refused.into_response(),
    };
    let mut page = shell.page(TITLE, login_form(next, Some(&wrong))).status(status).into_response();
    if let Refused::TooMany(wait) = refused {
        page.headers_mut().insert(RETRY_AFTER, seconds(wait).into());
    }
    page
}

async fn log_out(State(gate): State<Gate>, headers: HeaderMap) -> Response {
    let secure = is_secure(&gate, &headers).unwrap_or(true);
    let mut response = Redirect::to("/login").into_response();
    if let Some(forgotten) = cookie::forget(secure) {
        response.headers_mut().insert(SET_COOKIE, forgotten);
    }
    response
}

/// Whether the cookie is for encrypted connections alone: always, but for this machine's own address. `None` where the
/// page came to another machine unencrypted, so that a browser would drop it and the token was seen on the way.
fn is_secure(gate: &Gate, headers: &HeaderMap) -> Option<bool> {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    if origin.starts_with("https://") {
        return Some(true);
    }
    let host = origin.strip_prefix("http://").unwrap_or_default();
    let own = ["localhost", "127.0.0.1", "[::1]"];
    let local =
        own.iter().any(|own| host.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')));
    if !gate.beyond_loopback() {
        return Some(false);
    }
    (local || host.is_empty()).then_some(true)
}

/// A path of this server; anything else becomes the beginning.
fn within(next: &str) -> String {
    let plain = next.starts_with('/') && !next.starts_with("//") && next.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && !next.contains('\\') { next.to_owned() } else { "/".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_login_leads_nowhere_else() {
        for (next, path) in [
            ("/tasks?status=error", "/tasks?status=error"),
            ("/", "/"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("javascript:alert(1)", "/"),
        ] {
            assert_eq!(within(next), path, "{next}");
        }
    }
}
