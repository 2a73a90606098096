//! Tokens: who makes a request of the API, and how much they may.
//!
//! A token is `ops_<id>_<secret>`. The id finds its row; of the rest only a hash is kept, so that the database gives no
//! token away. [`Tokens::create`] says the text once, [`Tokens::check`] tells whose a presented text is, and
//! [`Tokens::revoke`] ends one at once. Making and revoking are entries of the audit chain.
//!
//! Absent on purpose: which route needs which [`Role`], and who is let in without a token (opsmith-host).

mod error;
mod lifetime;
mod register;
mod role;
mod text;
mod token;

pub use error::{TokenError, TokenRefused};
pub use lifetime::{Lifetime, ParseLifetimeError};
pub use register::Tokens;
pub use role::{ParseRoleError, Role};
pub use token::{NewToken, Token, TokenState};
