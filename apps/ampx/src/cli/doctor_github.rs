//! What doctor says of GitHub.

use std::collections::BTreeMap;
use std::time::Duration;

use opsmith_forge::github::{GitHub, Whoami};
use opsmith_host::config::Config;
use opsmith_host::process::Process;

use super::doctor::{Check, State};
use crate::github::GitHubSettings;

/// Longer than this nobody looks at a doctor.
const PATIENCE: Duration = Duration::from_secs(20);
/// What an App needs: the last ones for reviewers, labels and jobs that run again.
const NEEDED: [(&str, &str); 6] = [
    ("contents", "write"),
    ("pull_requests", "write"),
    ("checks", "read"),
    ("statuses", "read"),
    ("actions", "write"),
    ("issues", "write"),
];

/// Whether GitHub is configured, who we are there and what we may, and whether it can wake tasks.
pub(super) async fn checks(process: &Process, config: &Config) -> Vec<Check> {
    let settings = match GitHubSettings::resolve(config) {
        Ok(settings) => settings,
        Err(error) => return vec![Check::missing("GitHub", &error)],
    };
    let github = match settings.client(config, &process.clock) {
        Ok(Some(github)) => github,
        Ok(None) => {
            let detail = "not configured: pull requests are kept in this machine's store";
            let hint = "set `GITHUB_TOKEN`, or `GITHUB_APP_ID` and `GITHUB_PRIVATE_KEY_PATH`";
            return vec![note("GitHub", detail.to_owned(), hint)];
        }
        Err(error) => return vec![Check::missing("GitHub", &error)],
    };
    let mut checks = vec![us(&github).await];
    if settings.webhooks(&process.clock).is_none() {
        let detail = "their secret is not set: a task that waits looks every `ampx.poll_interval_s`".to_owned();
        let hint = "set `github.webhook_secret`, and have GitHub send to `/webhooks/github`";
        checks.push(note("webhooks", detail, hint));
    }
    checks
}

async fn us(github: &GitHub) -> Check {
    match tokio::time::timeout(PATIENCE, github.whoami()).await {
        Err(_) => note("GitHub", "it does not answer".to_owned(), "check the network and `github.base_url`"),
        Ok(Err(error)) => Check::missing("GitHub", &error),
        Ok(Ok(Whoami::User { login, scopes: None })) => {
            Check::ok("GitHub", format!("as `{login}`; what it may is set for each repository"))
        }
        Ok(Ok(Whoami::User { login, scopes: Some(scopes) })) => of_user(&login, &scopes),
        Ok(Ok(Whoami::App { name, permissions })) => of_app(&name, &permissions),
    }
}

/// A classic token: of its scopes `public_repo` is `repo` for public repositories.
fn of_user(login: &str, scopes: &str) -> Check {
    let detail = format!("as `{login}`, with the scopes `{scopes}`");
    if scopes.split(',').any(|scope| matches!(scope.trim(), "repo" | "public_repo")) {
        return Check::ok("GitHub", detail);
    }
    note("GitHub", detail, "give the token the scope `repo`")
}

fn of_app(name: &str, permissions: &BTreeMap<String, String>) -> Check {
    let suffices = |(permission, needed): &(&str, &str)| {
        permissions.get(*permission).is_some_and(|given| given == needed || given == "write" || given == "admin")
    };
    let lacking: Vec<String> = NEEDED
        .iter()
        .filter(|need| !suffices(need))
        .map(|(permission, needed)| format!("{permission}: {needed}"))
        .collect();
    if lacking.is_empty() {
        return Check::ok("GitHub", format!("as the App `{name}`"));
    }
    let detail = format!("as the App `{name}`, which lacks {}", lacking.join(", "));
    note("GitHub", detail, "give the App these permissions, and accept them where it is installed")
}

fn note(name: &str, detail: String, hint: &str) -> Check {
    Check { name: name.to_owned(), state: State::Note, detail, hint: Some(hint.to_owned()) }
}
