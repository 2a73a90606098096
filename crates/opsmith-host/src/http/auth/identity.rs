use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use opsmith_guard::tokens::{Role, Token};
use opsmith_model::{ErrorKind, Principal, PrincipalKind, TokenId};

use super::Access;
use crate::http::Problem;

/// Who makes a request: the gate adds it as an extension; a request without one is refused with 401.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Self>().cloned();
        caller.ok_or_else(|| Problem::new(ErrorKind::Unauthenticated, "the request does not say who makes it"))
    }
}

/// Who makes a request, and by what right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// How much they may.
    pub role: Role,
    /// The token; `None` for the local user of an open server.
    pub token: Option<TokenId>,
}

impl Identity {
    /// The user of this machine, at a server that nobody closed.
    pub(super) fn local(principal: Principal) -> Self {
        Self { principal, role: Role::Admin, token: None }
    }

    /// Refuses what is not theirs to do, and names the role that it takes.
    pub(super) fn check(&self, access: Access) -> Result<(), Problem> {
        let Some(least) = access.role() else { return Ok(()) };
        if self.role < least {
            let message =
                format!("`{}` may not do this: it takes the role {least}, and theirs is {}", self.principal, self.role);
            let hint = format!("use a token with `--role {least}`");
            return Err(Problem::new(ErrorKind::Denied, message).hint(hint));
        }
        if access == Access::Person && self.principal.kind != PrincipalKind::User {
            let message = format!("`{}` may not do this: only a person can, with the role {least}", self.principal);
            return Err(Problem::new(ErrorKind::Denied, message).hint("use a token made with `--for user`"));
        }
        Ok(())
    }
}

impl From<&Token> for Identity {
    fn from(token: &Token) -> Self {
        Self { principal: token.principal(), role: token.role, token: Some(token.id) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let identity = parts.extensions.get::<Self>().cloned();
        identity.ok_or_else(|| Problem::new(ErrorKind::Unauthenticated, "the request does not say who makes it"))
    }
}
