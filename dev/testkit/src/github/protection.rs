use super::answer::Answer;
use super::reviews::Verdict;
use super::state::Pull;
use super::state::{PullState, Repository};

/// The rules of a protected branch.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    /// So many people must approve.
    pub approvals: usize,
    /// Whether an approval is of one commit only.
    pub dismiss_stale: bool,
    /// The check runs and statuses that must have passed.
    pub checks: Vec<String>,
}

/// Where a required check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Passed,
    Expected,
    Pending,
    Failing,
}

/// Why a pull request may not be merged, in GitHub's words.
pub(super) fn blocked(repository: &Repository, pull: &Pull) -> Option<String> {
    if let Some(rule) = &pull.blocked_by {
        return Some(rule.clone());
    }
    let rules = repository.protected.get(&pull.base)?;
    by_checks(repository, pull, &rules.checks).or_else(|| by_reviews(pull, rules))
}

/// The refusal to merge by a rule.
pub(super) fn refusal(rule: &str) -> Answer {
    Answer::refuse_with(405, rule, "https://docs.github.com/articles/about-protected-branches")
}

fn by_checks(repository: &Repository, pull: &Pull, checks: &[String]) -> Option<String> {
    let standings: Vec<(&String, Standing)> =
        checks.iter().map(|name| (name, standing(repository, &pull.head_sha, name))).collect();
    let open: Vec<_> = standings.iter().filter(|(_, standing)| *standing != Standing::Passed).collect();
    let word = |standing: Standing| match standing {
        Standing::Passed => "successful",
        Standing::Expected => "expected",
        Standing::Pending => "pending",
        Standing::Failing => "failing",
    };
    match open[..] {
        [] => None,
        [(name, standing)] => Some(format!("Required status check \"{name}\" is {}.", word(*standing))),
        _ => {
            let kinds = [Standing::Failing, Standing::Pending, Standing::Expected];
            let counts = kinds.map(|kind| (kind, open.iter().filter(|(_, standing)| *standing == kind).count()));
            let parts: Vec<String> = counts
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .map(|(kind, count)| format!("{count} {}", word(kind)))
                .collect();
            let (open, all) = (open.len(), checks.len());
            Some(format!("{open} of {all} required status checks have not succeeded: {}.", parts.join(", ")))
        }
    }
}

fn standing(repository: &Repository, sha: &str, name: &str) -> Standing {
    let run = repository.latest_checks(sha).into_iter().rfind(|run| run.name == name);
    if let Some(run) = run {
        return match (run.status.as_str(), run.conclusion.as_deref()) {
            ("completed", Some("success" | "neutral" | "skipped")) => Standing::Passed,
            ("completed", _) => Standing::Failing,
            _ => Standing::Pending,
        };
    }
    let status = repository.statuses.iter().rfind(|status| status.sha == sha && status.context == name);
    match status.map(|status| status.state.as_str()) {
        Some("success") => Standing::Passed,
        Some("pending") => Standing::Pending,
        Some(_) => Standing::Failing,
        None => Standing::Expected,
    }
}

fn by_reviews(pull: &Pull, rules: &Protection) -> Option<String> {
    if rules.approvals == 0 {
        return None;
    }
    let counts = |verdict: Verdict| {
        let of_now = |sha: &str| !rules.dismiss_stale || sha == pull.head_sha;
        pull.standing_reviews().filter(|review| review.verdict == verdict && of_now(&review.sha)).count()
    };
    if counts(Verdict::ChangesRequested) > 0 {
        return Some("Changes have been requested.".to_owned());
    }
    (counts(Verdict::Approved) < rules.approvals).then(|| {
        let (many, are) = if rules.approvals == 1 { ("", "is") } else { ("s", "are") };
        let wanted = rules.approvals;
        format!("At least {wanted} approving review{many} {are} required by reviewers with write access.")
    })
}

/// GitHub's one word for whether a pull request can be merged.
pub(super) fn mergeable_state(repository: &Repository, pull: &Pull, mergeable: Option<bool>) -> &'static str {
    let failing = || {
        let runs = repository.latest_checks(&pull.head_sha);
        runs.iter().any(|run| run.status != "completed" || run.conclusion.as_deref() == Some("failure"))
    };
    match mergeable {
        _ if pull.state != PullState::Open => "unknown",
        None => "unknown",
        Some(false) => "dirty",
        Some(true) if blocked(repository, pull).is_some() => "blocked",
        Some(true) if failing() => "unstable",
        Some(true) => "clean",
    }
}
