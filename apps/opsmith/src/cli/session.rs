use opsmith_host::cli::{Exit, Failure, Globals, Output, confirm};
use opsmith_host::config::Config;
use opsmith_host::process::{Process, load_config};
use opsmith_runs::WorkerRow;
use opsmith_store::Dialect;
use serde_json::json;

use crate::CATALOGUE;

/// What every command works with.
pub(super) struct Session {
    pub(super) globals: Globals,
    pub(super) output: Output,
}

impl Session {
    pub(super) fn new(globals: Globals) -> Self {
        Self { output: globals.output(), globals }
    }

    pub(super) fn config(&self) -> Result<Config, Failure> {
        self.config_with(&[])
    }

    /// The configuration with settings that flags of the command set.
    pub(super) fn config_with(&self, overrides: &[(&str, String)]) -> Result<Config, Failure> {
        Ok(load_config(&CATALOGUE, overrides, self.globals.config.as_deref())?)
    }

    /// The open platform.
    pub(super) async fn process(&self) -> Result<Process, Failure> {
        Ok(Process::open(&CATALOGUE, &self.config()?).await?)
    }

    /// Says who else works on this machine's store, since two servers on it are seldom meant.
    pub(super) async fn name_others(&self, process: &Process, own_worker: &str) -> Result<(), Failure> {
        if process.store.dialect() != Dialect::Sqlite {
            return Ok(());
        }
        let (now, patience) = (process.clock.now(), process.platform.worker.dead_after());
        let lives = |worker: &WorkerRow| {
            let silent = (now - worker.seen_at).to_std().unwrap_or_default();
            worker.id != own_worker && !worker.stopped && silent < patience
        };
        for other in process.runs.workers().await?.into_iter().filter(lives) {
            let store = process.store.url();
            self.output.warn(&format!(
                "process {} on {} works on the store {store} too; both take runs from it",
                other.pid, other.host
            ));
        }
        Ok(())
    }

    /// Asks the person; `--yes` answers.
    pub(super) fn ask(&self, question: &str) -> Result<bool, Failure> {
        Ok(tokio::task::block_in_place(|| confirm(question, &self.globals))?)
    }

    /// Says what a command would do, for `--dry-run`.
    pub(super) fn would(&self, what: &str) -> Result<Exit, Failure> {
        if self.output.is_json() {
            self.output.json(&json!({ "dry_run": true, "would": what }))?;
        } else {
            self.output.line(&format!("would {what}; nothing was changed"));
        }
        Ok(Exit::OK)
    }
}
