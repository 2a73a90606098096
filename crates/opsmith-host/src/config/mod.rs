//! Layered configuration: flag > environment > file > default, resolved once.
//!
//! A product declares its [`Setting`]s as a constant; [`load`] gathers them, refuses unknown keys and wrong types, and
//! gives an immutable [`Config`] that knows where each value came from. [`Platform`] is the part every process needs.

mod env;
mod error;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod key;
mod layers;
mod load;
mod mask;
mod platform;
mod resolve;
mod secrets;
mod setting;
mod value;
mod view;

pub use env::{
    CONFIG_VARIABLE, LOG_VARIABLE, NO_COLOR_VARIABLE, OTLP_ENDPOINT_VARIABLE, SERVICE_NAME_VARIABLE, TERM_VARIABLE,
    process_env, process_environment,
};
pub use error::ConfigError;
pub use load::load;
pub use mask::mask_url;
pub use platform::{
    Auth, GitSettings, PLATFORM, Platform, SandboxBackend, SandboxSettings, ServerSettings, Sign, WorkerSettings,
};
pub(crate) use secrets::register_environment;
pub use secrets::{SecretStoreKind, SecretsSettings, VaultSettings};
pub use setting::{Kind, Setting};
pub use view::{Config, Origin, Row};
