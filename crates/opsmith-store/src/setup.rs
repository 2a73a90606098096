use std::fs::File;

use crate::StoreUrl;

/// Alone among all processes in setting up an SQLite file, until dropped; the kernel ends it with its holder.
///
/// Switching to WAL and creating a library's tables take no turn of their own in SQLite. A server does.
#[derive(Debug)]
pub struct SetupTurn(#[allow(dead_code, reason = "held, never read")] Option<File>);

impl SetupTurn {
    /// Waits for the turn; a database without a file, or in a folder that cannot be written, needs none.
    pub async fn take(url: &StoreUrl) -> Self {
        let Some(path) = url.file() else { return Self(None) };
        let mut name = path.into_os_string();
        name.push("-setup");
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::create(name).ok()?;
            file.lock().ok()?;
            Some(file)
        });
        Self(locked.await.unwrap_or(None))
    }
}
