use axum::Router;
use opsmith_host::http::ProblemBody;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{diff, events, logs, merge, ping, tasks};
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
}

/// ampx's routes; the server adds who asks as a [`Caller`](super::Caller) extension.
pub fn router(ampx: Ampx) -> Router {
    routes().with_state(ampx).into()
}

/// What [`router`] answers to.
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}
