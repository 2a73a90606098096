use axum::Router;
use axum::routing::{get, post};
use opsmith_host::http::page::{self, NavLink};

use super::assets::OWN;
use super::{act, changes, list, live, merge, start, task};
use crate::Ampx;

/// The way to ampx's pages.
pub const NAV: NavLink = NavLink { path: "/tasks", label: "Tasks", key: 't' };

/// ampx's pages and the files they need.
pub(in crate::http) fn routes() -> Router<Ampx> {
    Router::new()
        .route("/tasks", get(list::list).post(start::create))
        .route("/tasks/new", get(start::form))
        .route("/tasks/events", get(live::all))
        .route("/tasks/{id}", get(task::show))
        .route("/tasks/{id}/events", get(live::one))
        .route("/tasks/{id}/changes", get(changes::changes))
        .route("/tasks/{id}/merge", get(merge::form).post(merge::merge))
        // After an action that was refused its address is the browser's; loading it anew shows the task.
        .route("/tasks/{id}/continue", post(act::send_on).get(act::back))
        .route("/tasks/{id}/accept", post(act::accept).get(act::back))
        .route("/tasks/{id}/abort", post(act::abort).get(act::back))
        .merge(page::routes(OWN))
}
