//! One verdict out of all that is reported on a commit.

/// What one reporter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not finished.
    Pending,
    /// It has nothing against the commit.
    Passed,
    /// The commit fails.
    Failed,
    /// It did not come to a verdict: cancelled, stale, or waiting for a person.
    Undecided,
}

impl Standing {
    /// Reads a check run's, or a workflow run's, status and conclusion; words that are new count as undecided.
    pub(super) fn of_check(status: &str, conclusion: Option<&str>) -> Self {
        match (status, conclusion) {
            ("completed", Some("success" | "neutral" | "skipped")) => Self::Passed,
            ("completed", Some("failure" | "timed_out")) => Self::Failed,
            ("completed", _) | ("waiting", _) => Self::Undecided,
            _ => Self::Pending,
        }
    }

    /// Reads a commit status' state.
    pub(super) fn of_status(state: &str) -> Self {
        match state {
            "success" => Self::Passed,
            "failure" | "error" => Self::Failed,
            "pending" => Self::Pending,
            _ => Self::Undecided,
        }
    }
}

/// One who reports on a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// What it says.
    pub standing: Standing,
    /// The check's, workflow's or status' name.
    pub name: String,
    /// Its page.
    pub url: Option<String>,
    /// The job of GitHub Actions that it is.
    pub job_id: Option<u64>,
    /// The run of a workflow that it is.
    pub run_id: Option<u64>,
}

/// What is known of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitCi {
    /// Nobody has reported, so far.
    Silent,
    /// Some are not finished, and none fails.
    Pending {
        /// Their names.
        waiting_for: Vec<String>,
    },
    /// All who reported are content.
    Green {
        /// How many they are.
        passed: usize,
        /// A page.
        url: Option<String>,
        /// The first workflow run among them.
        run_id: Option<u64>,
    },
    /// At least one fails; others may not be finished.
    Red {
        /// Those that fail.
        failed: Vec<Reported>,
    },
    /// None fails, but some came to no verdict: cancelled, or held until a person approves.
    Undecided {
        /// Those that have none.
        undecided: Vec<Reported>,
    },
}

/// One verdict: a failure decides at once, everything else when all have finished.
pub(super) fn judge(reported: &[Reported]) -> CommitCi {
    let of = |standing: Standing| reported.iter().filter(move |one| one.standing == standing);
    if of(Standing::Failed).next().is_some() {
        return CommitCi::Red { failed: of(Standing::Failed).cloned().collect() };
    }
    if of(Standing::Pending).next().is_some() {
        return CommitCi::Pending { waiting_for: of(Standing::Pending).map(|one| one.name.clone()).collect() };
    }
    if of(Standing::Undecided).next().is_some() {
        return CommitCi::Undecided { undecided: of(Standing::Undecided).cloned().collect() };
    }
    // A workflow run and its jobs are the same work.
    let passed = of(Standing::Passed).filter(|one| one.run_id.is_none()).count();
    match of(Standing::Passed).next() {
        Some(first) => CommitCi::Green {
            passed: passed.max(1),
            url: first.url.clone(),
            run_id: of(Standing::Passed).find_map(|one| one.run_id),
        },
        None => CommitCi::Silent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_api_has_a_standing() {
        for (status, conclusion, standing) in [
            ("queued", None, Standing::Pending),
            ("in_progress", None, Standing::Pending),
            ("requested", None, Standing::Pending),
            ("pending", None, Standing::Pending),
            ("waiting", None, Standing::Undecided),
            ("completed", Some("success"), Standing::Passed),
            ("completed", Some("neutral"), Standing::Passed),
            ("completed", Some("skipped"), Standing::Passed),
            ("completed", Some("failure"), Standing::Failed),
            ("completed", Some("timed_out"), Standing::Failed),
            ("completed", Some("cancelled"), Standing::Undecided),
            ("completed", Some("action_required"), Standing::Undecided),
            ("completed", Some("startup_failure"), Standing::Undecided),
            ("completed", Some("stale"), Standing::Undecided),
            ("completed", None, Standing::Undecided),
        ] {
            assert_eq!(Standing::of_check(status, conclusion), standing, "{status} {conclusion:?}");
        }
        for (state, standing) in [
            ("success", Standing::Passed),
            ("failure", Standing::Failed),
            ("error", Standing::Failed),
            ("pending", Standing::Pending),
            ("new", Standing::Undecided),
        ] {
            assert_eq!(Standing::of_status(state), standing, "{state}");
        }
    }

    #[test]
    fn a_failure_decides_at_once_and_the_rest_at_the_end() {
        use Standing::{Failed, Passed, Pending, Undecided};
        for (standings, verdict) in [
            (&[][..], "Silent"),
            (&[Passed], "Green"),
            (&[Passed, Pending], "Pending"),
            (&[Passed, Pending, Failed, Undecided], "Red"),
            (&[Passed, Undecided], "Undecided"),
            (&[Pending, Undecided], "Pending"),
        ] {
            let one = |standing: &Standing| Reported {
                standing: *standing,
                name: "n".into(),
                url: None,
                job_id: None,
                run_id: None,
            };
            let verdict_is = format!("{:?}", judge(&standings.iter().map(one).collect::<Vec<_>>()));
            assert!(verdict_is.starts_with(verdict), "{standings:?}: {verdict_is}");
        }
    }
}
