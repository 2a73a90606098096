//! Signals as a cancellation token.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// A token that the first SIGINT or SIGTERM cancels; the second one ends the process at once, with exit code 130.
///
/// Needs a running tokio runtime. Fails when the handlers cannot be installed.
pub fn on_signal() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let first = token.clone();
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                _ = interrupt.recv() => "SIGINT",
                _ = terminate.recv() => "SIGTERM",
            };
            if first.is_cancelled() {
                std::process::exit(INTERRUPTED);
            }
            tracing::info!(process.signal = name, "shutting down; a second signal ends at once");
            first.cancel();
        }
    });
    Ok(token)
}
