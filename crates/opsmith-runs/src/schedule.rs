use chrono::{DateTime, Utc};
use durare::{ApplySchedule, ScheduleOptions, WorkflowSchedule};
use opsmith_model::Principal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{NewRun, RunsError};

/// The journal's name for the handling of one moment.
pub(crate) const TICK: &str = "opsmith.tick";

/// A run that is started again and again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name; setting a schedule of the same name replaces it.
    pub name: String,
    /// When: minute, hour, day of month, month, day of week; a sixth field in front is seconds.
    pub cron: String,
    /// The IANA time zone that `cron` is read in; UTC where there is none.
    pub time_zone: Option<String>,
    /// The kind of the runs.
    pub kind: String,
    /// What a person sees in a list.
    pub label: String,
    /// The handler's input.
    pub input: Value,
    /// Who asked for it.
    pub requested_by: Principal,
    /// Runs with this key wait for each other up to the limit.
    pub concurrency: Option<(String, u32)>,
}

/// One moment of a schedule, as the journal hands it to whichever worker is first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tick {
    pub(crate) scheduled_time: DateTime<Utc>,
    pub(crate) context: Option<Schedule>,
}

impl Tick {
    /// The run that this tick starts; however often it is handled, it is one.
    pub(crate) fn run(&self) -> Option<NewRun> {
        let schedule = self.context.clone()?;
        let at = self.scheduled_time.to_rfc3339();
        let mut run = NewRun::new(&schedule.kind, schedule.label, schedule.input, schedule.requested_by);
        run.concurrency = schedule.concurrency;
        run.idempotency_key = Some(format!("schedule:{}:{at}", schedule.name));
        Some(run)
    }
}

impl Schedule {
    /// The journal's form; its reader wants seconds in front.
    pub(crate) fn apply(&self) -> Result<ApplySchedule, RunsError> {
        let bad = |source| RunsError::BadSchedule { cron: self.cron.clone(), source };
        let mut options = ScheduleOptions::new().context(self);
        if let Some(zone) = &self.time_zone {
            options = options.cron_timezone(zone);
        }
        let with_seconds = match self.cron.split_whitespace().count() {
            5 => format!("0 {}", self.cron),
            6 => self.cron.clone(),
            _ => return Err(bad(durare::Error::app("it has not five or six fields"))),
        };
        Ok(ApplySchedule::new(&self.name, TICK, with_seconds).options(options))
    }

    /// Reads a stored schedule of ours back.
    pub(crate) fn read(stored: &WorkflowSchedule) -> Option<Self> {
        serde_json::from_value(stored.context.clone()?).ok()
    }
}
