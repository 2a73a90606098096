use std::time::Duration;

use opsmith_model::{ErrorKind, Hint as _};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{CommitCi, GitHubError, GitHubRepo, RerunRequest, WorkflowRun};
use crate::ci::Verdict;

/// A commit whose CI is waited for, and the branch that has it.
#[derive(Clone, Copy, Debug)]
pub struct Awaited<'a> {
    /// The branch; once it is at another commit nobody waits any longer.
    pub branch: &'a str,
    /// The commit.
    pub sha: &'a str,
    /// Workflow runs that were sent on again: their attempts after these count.
    pub reruns: &'a [RerunRequest],
}

/// What came of waiting for CI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CiOutcome {
    /// The verdict.
    pub verdict: Verdict,
    /// The first workflow run behind it.
    pub run_id: Option<u64>,
    /// A page for a person to look at.
    pub url: Option<String>,
}

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

/// Those who report on a push begin within seconds of one another, and workflows are not always the first: a green without
/// any workflow does not count sooner.
const SETTLED_AFTER: Duration = Duration::from_secs(15);

impl CiWait {
    fn settled_after(self) -> Duration {
        SETTLED_AFTER.min(self.poll_interval).min(self.longest)
    }

    fn silent_for(self) -> Duration {
        self.grace.min(self.longest)
    }
}

impl GitHubRepo {
    /// Waits until those who report on a commit have come to a verdict; `wake` makes it look at once.
    ///
    /// A GitHub that does not answer for a while is asked again at the next look. Dropping the future ends the waiting.
    pub async fn await_verdict(
        &self,
        commit: Awaited<'_>,
        wait: CiWait,
        wake: &Notify,
    ) -> Result<CiOutcome, GitHubError> {
        let (began, mut unheard) = (Instant::now(), Duration::ZERO);
        loop {
            let over = began.elapsed() >= wait.longest;
            let mut next = (Instant::now() + wait.poll_interval).min(began + wait.longest);
            let asked = Instant::now();
            let looked = self.look(commit).await;
            // While GitHub does not answer, nobody can report either.
            unheard += asked.elapsed();
            match looked {
                Ok(ci) => {
                    if let Some(verdict) = self.verdict(&ci, began, unheard, wait).await? {
                        let url = ci.url().map(str::to_owned);
                        return Ok(CiOutcome { verdict, run_id: ci.run_id(), url });
                    }
                    match ci {
                        CommitCi::Silent => next = next.min(began + unheard + wait.silent_for()),
                        CommitCi::Green { .. } => next = next.min(began + wait.settled_after()),
                        CommitCi::Pending { .. } | CommitCi::Red { .. } | CommitCi::Undecided { .. } => {}
                    }
                }
                Err(error) if over || !passes(&error) => return Err(error),
                Err(error) => tracing::warn!(%error, "looking again at the next poll"),
            }
            let _ = timeout_at(next, wake.notified()).await;
        }
    }

    /// What is known of the commit, as long as its branch has it.
    async fn look(&self, commit: Awaited<'_>) -> Result<CommitCi, GitHubError> {
        let seen = self.branch(commit.branch).await?;
        if seen.as_deref() != Some(commit.sha) {
            self.check_there(seen.as_deref()).await?;
            let (branch, expected) = (commit.branch.to_owned(), commit.sha.to_owned());
            return Err(GitHubError::HeadMoved { branch, expected, seen });
        }
        if !commit.reruns.is_empty() {
            let runs = self.workflow_runs_of(commit.sha).await?;
            let is_over = |rerun: &RerunRequest| {
                let run = runs.iter().find(|run| run.id == rerun.run_id);
                run.is_some_and(|run| run.run_attempt > rerun.attempt && run.is_over())
            };
            // Until then the check runs of the attempt before may still be shown.
            if !commit.reruns.iter().all(is_over) {
                return Ok(CommitCi::Pending { waiting_for: vec!["jobs that run again".to_owned()] });
            }
        }
        self.ci_of(commit.sha).await
    }

    /// The runs of a commit's workflows whose failed jobs can run again, once all of the commit's runs have ended;
    /// none where others than workflows failed alone, or they do not end within `longest`.
    pub async fn await_failed_runs(
        &self,
        sha: &str,
        wait: CiWait,
        wake: &Notify,
    ) -> Result<Vec<RerunRequest>, GitHubError> {
        let until = Instant::now() + wait.longest;
        loop {
            let runs = self.workflow_runs_of(sha).await?;
            let failed = runs.iter().filter(|run| run.has_failed());
            if runs.iter().all(WorkflowRun::is_over) {
                return Ok(failed.map(|run| RerunRequest { run_id: run.id, attempt: run.run_attempt }).collect());
            }
            if Instant::now() >= until {
                return Ok(Vec::new());
            }
            let next = (Instant::now() + wait.poll_interval).min(until);
            let _ = timeout_at(next, wake.notified()).await;
        }
    }

    /// The verdict, if the waiting is over.
    async fn verdict(
        &self,
        ci: &CommitCi,
        began: Instant,
        unheard: Duration,
        wait: CiWait,
    ) -> Result<Option<Verdict>, GitHubError> {
        let took = began.elapsed();
        Ok(Some(match ci {
            CommitCi::Silent if took >= wait.silent_for() + unheard || took >= wait.longest => Verdict::NoCi,
            CommitCi::Pending { waiting_for } if took >= wait.longest => {
                let reason = format!("still not finished after {} s: `{}`", took.as_secs(), waiting_for.join("`, `"));
                Verdict::CannotRun { reason }
            }
            CommitCi::Silent | CommitCi::Pending { .. } => return Ok(None),
            CommitCi::Green { run_id: None, .. } if took < wait.settled_after() => return Ok(None),
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
