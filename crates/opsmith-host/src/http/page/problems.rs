use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::{Nav, Shell};
use crate::cli::clean_line;
use crate::http::ProblemBody;
use crate::http::auth::{WrongToken, login_form};

/// A problem with its plan; a longer one is answered as it is.
const MOST_PROBLEM_BYTES: usize = 1 << 20;

/// What a problem's page keeps of its headers.
const KEPT: [HeaderName; 3] = [ALLOW, RETRY_AFTER, WWW_AUTHENTICATE];

/// Whether whoever asks would rather read a page than JSON: a browser says so, and no client of the API does.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    quality(accept, "text/html") > quality(accept, "application/json")
}

/// What an `Accept` header says of exactly that media type, from 0 to 1,000.
fn quality(accept: &str, media: &str) -> u32 {
    let weight = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media));
        let said = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f64>().ok());
        // Clamped before, so it neither wraps nor loses its sign.
        named.then(|| (said.unwrap_or(0.0).clamp(0.0, 1.0) * 1000.0) as u32)
    };
    accept.split(',').find_map(weight).unwrap_or(0)
}

/// Shows a problem as a page where a page was asked for; the API's clients get it as it is.
pub(in crate::http) async fn show_problems(State(nav): State<Nav>, request: Request, next: Next) -> Response {
    if !wants_page(request.headers()) {
        return next.run(request).await;
    }
    let shell = Shell::of(nav, request.uri().path());
    let next_path = match (request.method(), request.uri().path_and_query()) {
        (&Method::GET, Some(path)) => path.to_string(),
        (_, _) => String::new(),
    };
    let response = next.run(request).await;
    let shell = shell.seen_by(response.extensions().get());
    let kind = response.headers().get(CONTENT_TYPE);
    if kind.is_none_or(|kind| kind.as_bytes() != b"application/problem+json") {
        return response;
    }
    let (parts, body) = response.into_parts();
    let read = to_bytes(body, MOST_PROBLEM_BYTES).await.unwrap_or_default();
    let Ok(problem) = serde_json::from_slice::<ProblemBody>(&read) else {
        return Response::from_parts(parts, read.into());
    };
    let mut shown = match parts.status {
        StatusCode::UNAUTHORIZED => {
            // Who brought no token knows why; who brought one is told what is wrong with it.
            let wrong = parts.extensions.get::<WrongToken>().map(|_| problem.message.as_str());
            shell.page("Log in", login_form(&next_path, wrong)).status(parts.status).into_response()
        }
        status => page_of(&shell, &problem, status),
    };
    for name in KEPT {
        if let Some(value) = parts.headers.get(&name) {
            shown.headers_mut().insert(name, value.clone());
        }
    }
    shown
}

fn page_of(shell: &Shell, problem: &ProblemBody, status: StatusCode) -> Response {
    let title = match status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::CONFLICT => "Not now",
        StatusCode::SERVICE_UNAVAILABLE => "Not available",
        status if status.is_server_error() => "Something is wrong",
        _ => "That did not work",
    };
    let content = html! {
        h1 { (title) }
        (notice(problem))
        p { a href="/" { "Back to the beginning" } }
        @if let Some(id) = &problem.request_id { p.dim { "Request " code { (id) } } }
    };
    shell.page(title, content).status(status).into_response()
}

/// A problem's words within a page: what happened and what to do next.
pub fn notice(problem: &ProblemBody) -> Markup {
    html! {
        div.notice.bad role="alert" {
            p { (clean_line(&problem.message)) }
            @if let Some(hint) = &problem.hint { p.dim { (clean_line(hint)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_pages_and_clients_do_not() {
        for (accept, page) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true),
            ("text/html", true),
            ("TEXT/HTML; charset=utf-8", true),
            ("application/json;q=0.5, text/html;q=0.6", true),
            ("", false),
            ("*/*", false),
            ("application/json", false),
            ("application/json, text/html", false),
            ("text/html;q=0.5, application/json", false),
            ("text/html;q=0", false),
            ("text/html;q=many", false),
            ("text/htmlx", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            assert_eq!(wants_page(&headers), page, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }
}
