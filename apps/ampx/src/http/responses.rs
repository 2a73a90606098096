//! The problems that routes answer with, for the OpenAPI document: each is named among a route's `responses`.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident { $($status:literal: $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                BTreeMap::from([$(($status.to_owned(), problem($text))),+])
            }
        }
    )+};
}

problems! {
    /// What any route may answer.
    Internal {
        "500": "An error of opsmith's own; the server's log has it under the request id",
        "503": "The database, or what else is needed, does not answer now",
    }
    /// What a route that takes a body may answer.
    BadBody {
        "400": "A field, or the body as a whole, does not hold; `fields` says why",
        "413": "The body is too large",
        "415": "The body is not sent as `application/json`",
    }
    /// What a route with a query or with headers of its own may answer.
    BadQuery { "400": "A parameter does not hold; `fields` says why" }
    /// What a route that needs to know who asks may answer.
    NoCaller { "401": "No, or not valid, credentials" }
    /// What a route that is not open to everyone may answer.
    TooMany { "429": "Too many requests; `Retry-After` says when to come again" }
    /// What a route that the policy may forbid may answer.
    Denied { "403": "The token's role, the policy, or who may do this, says no" }
    /// What a route about one thing may answer.
    NotFound { "404": "There is no such thing" }
    /// What a route that depends on a state may answer.
    Conflict { "409": "The state does not allow it, or a shortened id fits several" }
    /// What a route with an effect outside may answer.
    NeedsConfirmation {
        "409": "Not in this state; or, with `error` = `confirmation_required`, a person must say yes to `plan` first: \
                post a decision for `digest` to `/api/v1/confirmations/{confirmation_id}`, then ask again",
    }
    /// What a route that asks another system may answer.
    Failed { "502": "It was tried, and another system did not do it" }
}

fn problem(description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build().into()
}
