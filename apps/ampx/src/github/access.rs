use opsmith_forge::git::{CachedRepo, Git, GitError};
use opsmith_forge::github::GitHubRepo;
use opsmith_forge::url::RepoUrl;
use opsmith_host::config::process_environment;

use crate::{Ampx, AmpxError};

impl Ampx {
    /// The cached repository by a git that may talk to its remote: with GitHub's token, where GitHub has it. An App's
    /// token ends after an hour, so this is asked for anew by each step that talks.
    pub(crate) async fn remote(&self, url: &RepoUrl) -> Result<CachedRepo, AmpxError> {
        let Some(github) = self.forge.github(url) else { return Ok(self.cache.open(url).await?) };
        let environment = github.repository(url)?.git_environment(process_environment()).await?;
        Ok(self.cache.with_git(Git::new(environment)?).open(url).await?)
    }

    /// The repository as GitHub has it; an error where no GitHub is configured that does.
    pub(crate) fn on_github(&self, url: &RepoUrl) -> Result<GitHubRepo, AmpxError> {
        let gone = || AmpxError::NotNow {
            message: format!("`{}` is not on a GitHub that is configured", url.target()),
            hint: Some("set `GITHUB_TOKEN` or an App again, then continue the task".to_owned()),
        };
        Ok(self.forge.github(url).ok_or_else(gone)?.repository(url)?)
    }

    /// What an error of git means where git had a token of GitHub's: the user's own credentials are not to blame.
    pub(crate) fn of_remote(&self, url: &RepoUrl, error: GitError) -> AmpxError {
        match error {
            GitError::AuthenticationFailed { repository } if self.forge.github(url).is_some() && is_http(url) => {
                AmpxError::NotNow {
                    message: format!("GitHub refuses git access to `{repository}`"),
                    hint: Some(
                        "the token may be expired or revoked, or may not write there: give a new one, then continue \
                         the task"
                            .to_owned(),
                    ),
                }
            }
            other => other.into(),
        }
    }
}

fn is_http(url: &RepoUrl) -> bool {
    url.as_str().starts_with("http")
}
