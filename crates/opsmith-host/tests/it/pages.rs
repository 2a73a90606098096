use axum::Router;
use axum::routing::{get, post};
use maud::html;
use opsmith_host::http::page::{NavLink, Page, Shell};
use opsmith_host::http::{Problem, ServeOptions};
use opsmith_model::ErrorKind;

use crate::support::{Server, problem};

const NAV: &[NavLink] =
    &[NavLink { path: "/tasks", label: "Tasks", key: 't' }, NavLink { path: "/tasksets", label: "Sets", key: 's' }];

async fn page(shell: Shell) -> Page {
    shell.page("<Tasks>", html! { h1 { "Here" } }).keys(&[("j k", "next, previous")])
}

fn router() -> Router {
    Router::new()
        .route("/tasks/{id}", get(page))
        .route("/refused", get(async || Problem::new(ErrorKind::Conflict, "it is <queued>").hint("wait & see")))
        .route("/broken", get(async || Problem::new(ErrorKind::Bug, "a secret of ours")))
        .route("/panics", get(async || -> String { panic!("a secret of ours") }))
        .route("/write", post(async || "written"))
}

async fn server() -> Server {
    Server::start(router(), ServeOptions { nav: NAV, ..ServeOptions::default() }).await
}

#[tokio::test]
async fn a_page_stands_in_the_frame_of_its_server() {
    let answer = server().await.get("/tasks/1").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    assert!(text.contains("<title>&lt;Tasks&gt; · opsmith</title>"), "{text}");
    assert!(text.contains("<a href=\"/tasks\" data-key=\"t\" aria-current=\"page\">Tasks</a>"), "{text}");
    assert!(text.contains("<a href=\"/tasksets\" data-key=\"s\">Sets</a>"), "{text}");
    assert!(text.contains("<dt><kbd>j</kbd> <kbd>k</kbd> </dt><dd>next, previous</dd>"), "{text}");
    assert!(text.contains("<dt><kbd>g</kbd> <kbd>t</kbd> </dt><dd>go to tasks</dd>"), "{text}");
}

#[tokio::test]
async fn a_problem_is_a_page_to_a_browser_and_itself_to_a_client() {
    let server = server().await;
    for (path, status, says) in [
        ("/refused", 409, "it is &lt;queued&gt;"),
        ("/refused", 409, "wait &amp; see"),
        ("/broken", 500, "an internal error"),
        ("/panics", 500, "an internal error"),
        ("/nothing", 404, "there is no `/nothing`"),
        ("/write", 405, "does not take GET"),
    ] {
        let answer = server.get(path).header("accept", "text/html").send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(answer.headers().contains_key("allow"), status == 405, "{path}");
        let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
        let text = answer.text().await.unwrap();
        assert!(text.contains(says) && text.contains(&id) && text.contains(">Sets</a>"), "{path}: {text}");
        assert!(!text.contains("a secret of ours"), "{text}");
        let plain = problem(server.get(path).send().await.unwrap()).await;
        assert_eq!(plain.status, status, "{path}");
    }
}
