//! The platform's words and pure rules.
//!
//! Every other room speaks in these types: who asks ([`Principal`]), for what ([`Operation`] on a [`Target`]),
//! what would happen ([`Plan`] of [`Effect`]s with a [`Digest`]), and how it ended ([`ErrorKind`]).
//!
//! Absent on purpose: IO of any kind, the environment, randomness beyond ids. The one door to the outside is
//! [`Clock`], so that time can be a test's.
//!
//! Start at [`plan`].

mod clock;
mod digest;
mod error;
mod id;
mod names;
pub mod plan;
mod principal;
mod secret;

pub use clock::{Clock, ManualClock};
pub use digest::Digest;
pub use error::{ErrorKind, Hint};
pub use id::{AuditId, ConfirmationId, RunId, TaskId, TokenId};
pub use names::nearest;
pub use plan::{Decision, Effect, EffectKind, Operation, Plan};
pub use principal::{ParsePrincipalError, Principal, PrincipalKind, Target};
pub use secret::Secret;
