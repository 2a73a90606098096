use std::time::Duration;

use opsmith_model::{ErrorKind, Hint as _};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{CommitCi, GitHubError, GitHubRepo};
use crate::ci::Verdict;

/// How a commit's CI is waited for.
#[derive(Clone, Copy, Debug)]
pub struct CiWait {
    /// Between two looks where nothing wakes the waiting.
    pub poll_interval: Duration,
    /// How long nobody may have reported before there counts as no CI.
    pub grace: Duration,
    /// How long it may take in all.
    pub longest: Duration,
}

impl GitHubRepo {
    /// Waits until those who report on a commit have come to a verdict; `wake` makes it look at once.
    ///
    /// A GitHub that does not answer for a while is asked again at the next look. Dropping the future ends the waiting.
    pub async fn await_verdict(&self, sha: &str, wait: CiWait, wake: &Notify) -> Result<Verdict, GitHubError> {
        let began = Instant::now();
        loop {
            let over = began.elapsed() >= wait.longest;
            match self.ci_of(sha).await {
                Ok(ci) => {
                    if let Some(verdict) = self.verdict(&ci, began, wait).await? {
                        return Ok(verdict);
                    }
                }
                Err(error) if over || !passes(&error) => return Err(error),
                Err(error) => tracing::warn!(%error, "looking again at the next poll"),
            }
            let next = (Instant::now() + wait.poll_interval).min(began + wait.longest);
            let _ = timeout_at(next, wake.notified()).await;
        }
    }

    /// The verdict, if the waiting is over.
    async fn verdict(&self, ci: &CommitCi, began: Instant, wait: CiWait) -> Result<Option<Verdict>, GitHubError> {
        let took = began.elapsed();
        Ok(Some(match ci {
            CommitCi::Silent if took >= wait.grace => Verdict::NoCi,
            CommitCi::Pending { waiting_for } if took >= wait.longest => {
                let reason = format!("still not finished after {} s: `{}`", took.as_secs(), waiting_for.join("`, `"));
                Verdict::CannotRun { reason }
            }
            CommitCi::Silent | CommitCi::Pending { .. } => return Ok(None),
            CommitCi::Green { passed, .. } => Verdict::Green {
                passed: format!("{passed} {} passed", if *passed == 1 { "check" } else { "checks" }),
                took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            },
            CommitCi::Red { failed } => Verdict::Red(self.red_report(failed).await?),
            CommitCi::Undecided { undecided } => {
                let names: Vec<&str> = undecided.iter().map(|one| one.name.as_str()).collect();
                let reason = format!("cancelled, or waiting for a person: `{}`", names.join("`, `"));
                Verdict::CannotRun { reason }
            }
        }))
    }
}

fn passes(error: &GitHubError) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::RateLimited)
}
