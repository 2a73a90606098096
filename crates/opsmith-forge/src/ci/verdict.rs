use serde::{Deserialize, Serialize};

use crate::ci::{excerpt, fingerprint};

/// What a CI provider says of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It passed.
    Green {
        /// What passed, for a person: "`make test` passed".
        passed: String,
        /// How long that took.
        took_ms: u64,
    },
    /// It failed, by the commit's own doing as far as can be seen.
    Red(RedReport),
    /// The runner lacks something, so nothing is known of the commit.
    CannotRun {
        /// What is missing, for a person.
        reason: String,
    },
    /// Nobody is there to ask.
    NoCi,
}

/// A failure, as it is told to the agent and to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedReport {
    /// The end of the failing log, as [`excerpt`] makes it.
    pub excerpt: String,
    /// The same for the same failure; see [`fingerprint`].
    pub fingerprint: String,
    /// What failed and how: "`make test` exited with 2".
    pub failing: String,
    /// It was ended at its time limit: run again, it would take as long again.
    #[serde(default)]
    pub timed_out: bool,
    /// The workflows that were not green, which are run again; empty where all is.
    #[serde(default)]
    pub again: Vec<String>,
}

impl RedReport {
    /// Reports a failure from the raw end of its log.
    pub fn new(failing: String, log_tail: &[u8]) -> Self {
        let excerpt = excerpt(log_tail);
        let fingerprint = fingerprint(&format!("{excerpt}\n{failing}"));
        Self { excerpt, fingerprint, failing, timed_out: false, again: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_survives_the_journal() {
        for verdict in [
            Verdict::Green { passed: "`make test` passed".into(), took_ms: 12 },
            Verdict::Red(RedReport::new("`make test` exited with 2".into(), b"FAILED tests/a.py::x\n")),
            Verdict::CannotRun { reason: "`act` is not installed".into() },
            Verdict::NoCi,
        ] {
            let text = serde_json::to_string(&verdict).unwrap();
            assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict, "{text}");
        }
    }

    #[test]
    fn silent_failures_of_different_kinds_differ() {
        let exited = RedReport::new("`make test` exited with 2".into(), b"");
        let timed_out = RedReport::new("`make test` timed out after 60 s".into(), b"");
        assert_ne!(exited.fingerprint, timed_out.fingerprint);
    }
}
