//! The platform's own pages beside the products': questions that wait for a person's yes.

mod confirmations;

use axum::Router;
use axum::routing::get;
use opsmith_host::http::page::NavLink;

use super::site::Site;

/// The ways to all pages of this server.
pub const NAV: [NavLink; 2] = [ampx::http::NAV, NavLink { path: "/confirmations", label: "Confirmations", key: 'c' }];

/// The platform's pages.
pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/confirmations", get(confirmations::list))
        .route("/confirmations/{id}", get(confirmations::show).post(confirmations::answer))
}
