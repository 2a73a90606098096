//! The gate that every change to an outside system passes.
//!
//! A [`Plan`](opsmith_model::Plan) goes in; [`Guard::authorize`] asks the [`Policy`], and where the policy wants a
//! person's yes it asks for a [`Confirmation`] of exactly that plan's digest. Out come [`Permit`]s, one per effect,
//! which the functions that change something demand. What was done is recorded by [`Guard::record`] in the
//! transaction of the change, in a hash chain that [`Guard::verify`] checks. Clients without a store hand in the links of
//! chains of their own with [`Guard::take_client_entries`].
//!
//! [`tokens`] say who makes a request of the API. [`secrets`] are found, redacted, and had where a configuration says they are.
//!
//! Absent on purpose: what the effects are (each product declares its own in an [`EffectRule`] table) and HTTP.
//!
//! Start at [`Guard`].

mod audit;
mod client;
mod confirmation;
mod db;
mod error;
mod guard;
mod migrations;
mod permit;
mod policy;
pub mod secrets;
pub mod tokens;

pub use audit::{AuditEntry, AuditOutcome, AuditRecord, Chain};
pub use client::{ClientChain, ClientEntry, ClientId, ClientLink, ParseClientIdError, TakenEntries};
pub use confirmation::{Answer, Confirmation, ConfirmationState};
pub use error::{ClientChainError, GuardError, Refusal};
pub use guard::Guard;
pub use migrations::migrations;
pub use permit::{Permit, PermitMismatch};
pub use policy::{EffectRule, Policy, PolicyError, PolicyRule, Verdict};
