use ampx::http::responses::{BadBody, BadQuery, Conflict, Internal, NotFound};
use ampx::http::{Caller, Paging};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, LOCATION};
use axum::response::{AppendHeaders, IntoResponse};
use opsmith_guard::tokens::{Lifetime, NewToken, Role, Token};
use opsmith_host::http::auth::Identity;
use opsmith_host::http::{Json, Problem, Query};
use opsmith_model::{ErrorKind, PrincipalKind, Secret, TokenId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shape;
use super::site::Site;

/// A page of tokens, newest first; none of them with its text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenPage {
    #[schema(value_type = Vec<shape::Token>)]
    tokens: Vec<Token>,
    /// How many there are on all pages.
    total: u64,
}

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenWish {
    /// The name of whoever it stands for: 1 to 64 of letters, digits, `.`, `_`, `@` and `-`.
    name: String,
    /// `operator` where it is not said.
    #[schema(value_type = Option<shape::Role>)]
    role: Option<Role>,
    /// `user` where it is not said.
    #[schema(value_type = Option<ampx::http::shape::PrincipalKind>)]
    kind: Option<PrincipalKind>,
    /// `90d` where it is not said; `12h`, or `never`.
    expires: Option<String>,
}

/// A token that was made, with its text: the one time that it is told.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeToken {
    /// The text that is sent with requests.
    token: String,
    /// What is known of it from now on.
    #[schema(value_type = shape::Token)]
    about: Token,
}

impl MadeToken {
    pub(crate) fn new(about: Token, text: &Secret) -> Self {
        Self { token: text.expose().to_owned(), about }
    }
}

/// Lists tokens, newest first.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "tokens", operation_id = "list_tokens", params(Paging),
    responses((status = 200, body = TokenPage), BadQuery, Internal)
)]
pub(super) async fn list(State(site): State<Site>, Query(query): Query<Paging>) -> Result<Json<TokenPage>, Problem> {
    let (tokens, total) = site.process.guard.tokens().list(query.page()?).await?;
    Ok(Json(TokenPage { tokens, total }))
}

/// Makes a token and tells its text, which nothing can tell again.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "tokens", operation_id = "create_token", request_body = TokenWish,
    responses(
        (status = 201, body = MadeToken, headers(("Location" = String, description = "Where it is revoked"))),
        BadBody, Internal,
    )
)]
pub(super) async fn create(
    State(site): State<Site>,
    Caller(by): Caller,
    identity: Identity,
    Json(wish): Json<TokenWish>,
) -> Result<impl IntoResponse, Problem> {
    let new = wish.read(&site)?;
    not_at_an_open_server(&identity)?;
    let (about, text) = site.process.guard.tokens().create(&new, &by).await?;
    let location = format!("/api/v1/tokens/{}", about.id);
    let headers = AppendHeaders([(LOCATION, location), (CACHE_CONTROL, "no-store".to_owned())]);
    Ok((StatusCode::CREATED, headers, Json(MadeToken::new(about, &text))))
}

/// Ends a token for good.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "tokens", operation_id = "revoke_token",
    params(("id" = String, Path, description = "The token's id")),
    responses((status = 200, body = shape::Token), NotFound, Conflict, Internal)
)]
pub(super) async fn revoke(
    State(site): State<Site>,
    Caller(by): Caller,
    Path(id): Path<String>,
) -> Result<Json<Token>, Problem> {
    let id: TokenId = id.parse().map_err(|_| Problem::new(ErrorKind::NotFound, format!("there is no token `{id}`")))?;
    Ok(Json(site.process.guard.tokens().revoke(id, &by).await?))
}

impl TokenWish {
    fn read(self, site: &Site) -> Result<NewToken, Problem> {
        let lifetime = self.expires.as_deref().map(str::parse::<Lifetime>).transpose();
        let lifetime = lifetime.map_err(|error| Problem::invalid_field("expires", error.to_string()))?;
        let new = NewToken {
            name: self.name,
            kind: self.kind.unwrap_or(PrincipalKind::User),
            role: self.role.unwrap_or(Role::Operator),
            expires_at: lifetime.unwrap_or_default().end(site.process.clock.now()),
        };
        new.check_name().map_err(|error| Problem::invalid_field("name", error.to_string()))?;
        Ok(new)
    }
}

/// Whoever reaches an open server acts as its user, an agent too; a token would outlast that.
fn not_at_an_open_server(identity: &Identity) -> Result<(), Problem> {
    if identity.token.is_some() {
        return Ok(());
    }
    let message = "an open server makes no tokens: it does not know who asks";
    Err(Problem::new(ErrorKind::Denied, message).hint("make the first with `opsmith token create NAME`"))
}
