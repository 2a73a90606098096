use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use opsmith_host::cli::{Exit, Failure};
use opsmith_host::config::Platform;
use opsmith_model::ErrorKind;
use opsmith_store::{Store, StoreUrl};
use serde_json::json;

use super::session::Session;
use crate::CATALOGUE;

const EXAMPLES: &str = "\
Examples:
  opsmith store migrate --dry-run
  opsmith store check
  opsmith store backup /var/backups/opsmith.db";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Bring the tables up to date; forward only
    #[command(after_help = "Examples:\n  opsmith store migrate --dry-run\n  opsmith store migrate")]
    Migrate,
    /// Have the database check itself
    #[command(after_help = "Examples:\n  opsmith store check")]
    Check,
    /// Copy an SQLite database while it is in use
    #[command(after_help = "Examples:\n  opsmith store backup /var/backups/opsmith.db")]
    Backup {
        /// The new file
        path: PathBuf,
    },
}

pub(super) async fn run(session: &Session, args: Args) -> Result<Exit, Failure> {
    let platform = Platform::resolve(&session.config()?)?;
    platform.create_data_dir()?;
    let store = Store::open(StoreUrl::parse(platform.store_url.expose())?).await?;
    match args.command {
        Command::Migrate => migrate(session, &store).await,
        Command::Check => check(session, &store).await,
        Command::Backup { path } => backup(session, &store, &path).await,
    }
}

async fn migrate(session: &Session, store: &Store) -> Result<Exit, Failure> {
    let pending = store.pending_migrations(CATALOGUE.migrations).await?;
    if session.globals.dry_run {
        return session.would(&format!("apply {} migrations: {}", pending.len(), pending.join(", ")));
    }
    store.migrate(CATALOGUE.migrations).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "store": store.url().to_string(), "applied": pending }))?;
    } else if pending.is_empty() {
        session.output.line(&format!("{} is up to date", store.url()));
    } else {
        session.output.line(&format!("{}: applied {}", store.url(), pending.join(", ")));
    }
    Ok(Exit::OK)
}

async fn check(session: &Session, store: &Store) -> Result<Exit, Failure> {
    store.check().await?;
    let pending = store.pending_migrations(CATALOGUE.migrations).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "store": store.url().to_string(), "pending_migrations": pending }))?;
    } else {
        session.output.line(&format!("{} is sound", store.url()));
        if !pending.is_empty() {
            session.output.warn(&format!("migrations to apply: {}", pending.join(", ")));
        }
    }
    Ok(Exit::OK)
}

async fn backup(session: &Session, store: &Store, path: &Path) -> Result<Exit, Failure> {
    if path.exists() {
        let failure = Failure::new(ErrorKind::Conflict, format!("`{}` is there already", path.display()));
        return Err(failure.with_hint("name a new file"));
    }
    if session.globals.dry_run {
        return session.would(&format!("copy {} to `{}`", store.url(), path.display()));
    }
    let bytes = copy_to(store, path).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "path": path, "bytes": bytes }))?;
    } else {
        session.output.line(&format!("copied {} to `{}`, {} bytes", store.url(), path.display(), bytes));
    }
    Ok(Exit::OK)
}

/// Copies under another name first, so that under its own there is a whole copy or none.
async fn copy_to(store: &Store, path: &Path) -> Result<u64, Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let failed = |error: io::Error| {
        let message = format!("failed to write the copy `{}`: {error}", path.display());
        let failure = Failure::new(ErrorKind::Failed, message);
        match error.kind() {
            io::ErrorKind::NotFound => failure.with_hint("make its folder first, or name another"),
            io::ErrorKind::AlreadyExists => {
                failure.with_hint(format!("remove `{}`, which a broken-off backup left", partial.display()))
            }
            _ => failure.with_hint("name a file in a folder that you can write to"),
        }
    };
    // SQLite copies into an empty file as it does into a new one, and this one only its owner can read.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
    let copied = match store.backup(&partial).await {
        Ok(copy) => File::open(&partial)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&partial, path))
            .map(|()| copy.bytes)
            .map_err(failed),
        Err(error) => Err(unwritten(error.into(), path)),
    };
    if copied.is_err() {
        // What is left of it is of no use; the copy's own failure is what to tell.
        let _ = std::fs::remove_file(&partial);
    }
    copied
}

/// A copy that the database did not make; that is no fault of opsmith's own.
fn unwritten(mut failure: Failure, path: &Path) -> Failure {
    if failure.kind != ErrorKind::Bug {
        return failure;
    }
    failure.kind = ErrorKind::Failed;
    failure.message = format!("failed to copy the database to `{}`", path.display());
    failure.with_hint("check the space on its disk, and the database with `opsmith store check`")
}
