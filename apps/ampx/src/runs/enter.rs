use opsmith_model::RunId;
use opsmith_runs::{Halt, StepScope};

use super::halt::halt;
use super::log;
use super::work::Work;
use crate::db;

/// Notes that a long step of an attempt begins. Where it began before and did not end, the log says from here on it is
/// another try: `what` starts again.
pub(super) async fn enter(
    work: &Work,
    scope: &StepScope,
    run_id: RunId,
    number: u32,
    step: &str,
    what: &str,
) -> Result<(), Halt> {
    let write = work.ampx.store.write().await?;
    scope.hold(&write).await?;
    let again = db::attempts::enter(&write, work.id, number, &format!("{run_id} {step}")).await?;
    write.commit().await?;
    if again {
        let line = format!("opsmith: {what} starts again: its worker was stopped or lost");
        log::say(&work.ampx, work.id, number, &line).await.map_err(halt)?;
    }
    Ok(())
}
