//! What happens with tasks in a worker: [`task`] from prompt to pull request, [`merge`] into the base.

mod attempt;
mod check;
mod effects;
mod enter;
mod finish;
mod gate;
mod github_ci;
mod halt;
mod leaks;
mod log;
mod measure;
pub mod merge;
mod prepare;
mod prompt;
mod repository;
mod review;
pub mod task;
mod walls;
mod work;

use opsmith_runs::Registry;

use crate::Ampx;
use crate::inputs::{MERGE, TASK};
pub(crate) use finish::end_processes;
#[cfg(feature = "fuzzing")]
pub use repository::repository_file;
pub(crate) use walls::asked_in_vain;
pub(crate) use work::forget_agent;

/// Registers ampx's kinds of runs.
pub fn register(registry: &mut Registry, ampx: &Ampx) {
    measure::begin();
    opsmith_llm::begin_measuring();
    let of_tasks = ampx.clone();
    registry.register(TASK, move |run, input| task::run(run, of_tasks.clone(), input));
    let of_merges = ampx.clone();
    registry.register(MERGE, move |run, input| merge::run(run, of_merges.clone(), input));
}
