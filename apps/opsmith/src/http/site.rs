use ampx::Ampx;
use axum::body::Bytes;
use opsmith_host::process::Process;

/// What the platform's routes work with.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) process: Process,
    pub(super) ampx: Ampx,
    /// The OpenAPI document, written once.
    pub(super) document: Bytes,
}
