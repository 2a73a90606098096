use axum::Router;
use axum::extract::DefaultBodyLimit;
use opsmith_forge::github::webhook::MAX_BODY_BYTES;
use opsmith_host::http::ProblemBody;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::{diff, events, logs, merge, pages, ping, tasks, webhooks};
use crate::Ampx;

#[derive(OpenApi)]
#[openapi(components(schemas(ProblemBody)))]
struct Components;

fn routes() -> OpenApiRouter<Ampx> {
    OpenApiRouter::with_openapi(Components::openapi())
        .routes(routes!(tasks::list, tasks::create))
        .routes(routes!(tasks::active))
        .routes(routes!(tasks::show, tasks::act))
        .routes(routes!(merge::merge))
        .routes(routes!(logs::logs))
        .routes(routes!(diff::diff))
        .routes(routes!(events::events))
        .routes(routes!(ping::ping))
        .routes(routes!(webhooks::github).layer(DefaultBodyLimit::max(MAX_BODY_BYTES)))
}

/// ampx's routes and pages; the server adds who asks as a [`Caller`](super::Caller) extension.
pub fn router(ampx: Ampx) -> Router {
    let api: Router<Ampx> = routes().into();
    api.merge(pages::routes()).with_state(ampx)
}

/// What [`router`] answers to under `/api`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}
