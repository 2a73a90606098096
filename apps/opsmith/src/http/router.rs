use ampx::Ampx;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use opsmith_host::http::ProblemBody;
use opsmith_host::http::auth::{Gate, GateOptions};
use opsmith_host::process::Process;
use opsmith_model::Principal;
use utoipa::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::site::Site;
use super::{access, audit, confirmations, health, metrics, pages, root, runs, tokens, workers};

#[derive(OpenApi)]
#[openapi(
    info(title = "Opsmith", description = "Each change to a real system planned, permitted, durable, verified, recorded."),
    components(schemas(ProblemBody)),
    tags(
        (name = "tasks", description = "ampx: coding-agent tasks driven by CI"),
        (name = "events", description = "ampx: what happens to tasks, as it happens"),
        (name = "runs", description = "Durable runs of every product"),
        (name = "confirmations", description = "Questions that wait for a person's yes"),
        (name = "audit", description = "The hash chain of what was done"),
        (name = "tokens", description = "Who may use this server, and how much"),
        (name = "platform", description = "The server itself"),
    )
)]
struct Platform;

fn routes() -> OpenApiRouter<Site> {
    OpenApiRouter::with_openapi(Platform::openapi())
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::cancel))
        .routes(routes!(runs::retry))
        .routes(routes!(confirmations::list))
        .routes(routes!(confirmations::show, confirmations::answer))
        .routes(routes!(audit::list, audit::record).layer(DefaultBodyLimit::max(audit::MOST_BODY_BYTES)))
        .routes(routes!(audit::verify))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(workers::list))
        .routes(routes!(health::health))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .routes(routes!(root::document))
        .routes(routes!(root::root))
}

/// The gate of this server with its rules; `local` makes the requests as long as it is open.
pub fn gate(process: &Process, local: Principal, options: GateOptions) -> Gate {
    Gate::new(process.guard.tokens(), access::RULES, local, options)
}

/// Every route of this server, behind `gate`.
pub fn router(process: &Process, ampx: &Ampx, gate: &Gate) -> Router {
    let document = openapi().to_pretty_json().unwrap_or_default().into();
    let site = Site { process: process.clone(), ampx: ampx.clone(), document };
    let platform: Router<Site> = routes().into();
    gate.around(platform.merge(pages::routes()).with_state(site).merge(ampx::http::router(ampx.clone())))
}

/// What [`router`] answers to; needs nothing that runs.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes().into_openapi().merge_from(ampx::http::openapi());
    access::describe(&mut document);
    document
}
