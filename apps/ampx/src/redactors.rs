//! No secret is kept with a task or told of it: what comes in from people, agents and checks passes the task's redactor.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use opsmith_forge::ci::{RedReport, Verdict};
use opsmith_guard::secrets::{Redactor, ScopedRedactor};
use opsmith_model::TaskId;

use crate::Ampx;
use crate::agents::{AgentFault, AgentReport};

/// The redactors of the tasks whose runs this process executes: a run's steps give out numbers of one list.
#[derive(Debug, Default)]
pub(crate) struct Redactors(Mutex<BTreeMap<TaskId, ScopedRedactor>>);

impl Redactors {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TaskId, ScopedRedactor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ampx {
    /// The redactor of a task: the one of its run where this process executes it.
    pub(crate) async fn redactor(&self, id: TaskId) -> ScopedRedactor {
        let of_run = self.redactors.lock().get(&id).cloned();
        match of_run {
            Some(redactor) => redactor,
            None => self.secrets.scope(&id.to_string()).await,
        }
    }

    /// Reads the task's numbers anew: before a run begins, others may have given out some.
    pub(crate) async fn begin_redacting(&self, id: TaskId) {
        let redactor = self.secrets.scope(&id.to_string()).await;
        self.redactors.lock().insert(id, redactor);
    }

    /// The task's run is over.
    pub(crate) fn end_redacting(&self, id: TaskId) {
        self.redactors.lock().remove(&id);
    }

    /// What a person says of a task that has no run now, as it is kept.
    pub(crate) async fn redact_said(&self, id: TaskId, texts: &[&str]) -> Vec<String> {
        // Of another process's run there may be new numbers.
        let redactor = self.secrets.scope(&id.to_string()).await;
        let redacted = texts.iter().map(|text| redactor.redact(text).into_owned()).collect();
        redactor.keep().await;
        redacted
    }
}

/// The verdict without its secrets. Its fingerprint is a digest already.
pub(crate) fn redacted_verdict(verdict: Verdict, redactor: &Redactor) -> Verdict {
    let redact = |text: String| redactor.redact(&text).into_owned();
    match verdict {
        Verdict::Green { passed, took_ms } => Verdict::Green { passed: redact(passed), took_ms },
        Verdict::Red(RedReport { excerpt, failing, fingerprint, timed_out, again }) => Verdict::Red(RedReport {
            excerpt: redact(excerpt),
            failing: redact(failing),
            fingerprint,
            timed_out,
            again,
        }),
        Verdict::CannotRun { reason } => Verdict::CannotRun { reason: redact(reason) },
        Verdict::NoCi => Verdict::NoCi,
    }
}

/// What an agent's program said of its go, without secrets.
pub(crate) fn redacted_report(report: AgentReport, redactor: &Redactor) -> AgentReport {
    let redact = |text: String| redactor.redact(&text).into_owned();
    let fault = report.fault.map(|fault| AgentFault { message: redact(fault.message), ..fault });
    AgentReport { ended: redact(report.ended), fault, ..report }
}
