//! What a run works against: the repository fetched, its base fixed, and what the base branch's `.opsmith.toml` says.

use opsmith_forge::git::{BaseRef, CachedRepo};
use opsmith_model::{ErrorKind, Hint, TaskId, nearest};
use opsmith_runs::{Halt, RunContext};

use super::halt::halt;
use super::log;
use super::repository::{self, FILE, RepositoryFile};
use super::walls;
use super::work::{Decides, Prepared, change, patiently, unless_stopped};
use crate::config::{CiProvider, Settings};
use crate::{Ampx, AmpxError};

/// How much is repeated of a name that nobody here gave.
const MOST_NAME_CHARS: usize = 60;

/// Fetches the repository, fixes the base, and takes what the base branch wants where the task says nothing.
pub(super) async fn prepare(run: &RunContext, ampx: &Ampx, id: TaskId) -> Result<Prepared, Halt> {
    let run_id = run.run_id();
    run.step("prepare", |scope| async move {
        let task = ampx.task(id).await.map_err(halt)?;
        let url = ampx.url_of(&task).map_err(halt)?;
        let repo = unless_stopped(&scope, ampx.remote(&url)).await?.map_err(halt)?;
        patiently(&scope, || async { repo.fetch().await.map_err(|error| ampx.of_remote(&url, error)) }).await?;
        let base = match (task.base.clone(), task.base_sha.clone()) {
            (Some(branch), Some(sha)) => BaseRef { branch, sha },
            (asked, _) => patiently(&scope, || resolve(ampx, &repo, asked.as_deref())).await?,
        };
        let file = repository::read(ampx, &repo, &base.sha).await?;
        // Noted first: what is not known may be why the rest is not as somebody wants it.
        if let Some(note) = file.note() {
            log::say(ampx, id, 0, &format!("opsmith: {note}")).await.map_err(halt)?;
        }
        let agent = match file.agent.as_deref() {
            Some(name) if !task.agent_asked => Some(configured(&ampx.settings, name)?),
            Some(_) | None => None,
        };
        if let Some(agent) = agent {
            let line = format!("opsmith: agent `{agent}`, as the repository's `{FILE}` says");
            log::say(ampx, id, 0, &line).await.map_err(halt)?;
        }
        walls::check_asked(ampx, agent.unwrap_or(&task.agent))?;
        // Before an agent's work is paid for that could not be committed.
        if let Some(signer) = &ampx.signer {
            signer.probe().await.map_err(|error| Halt::failed(&error))?;
        }
        change(ampx, &scope, id, run_id, |task| {
            task.base = Some(base.branch.clone());
            task.base_sha = Some(base.sha.clone());
            if let Some(agent) = agent {
                agent.clone_into(&mut task.agent);
            }
            Ok(())
        })
        .await?;
        let RepositoryFile { ci_command, .. } = file;
        let ci = &ampx.settings.ci;
        let ci_command = ci_command.or_else(|| ci.command.clone());
        let on_github = ampx.forge.github(&url).is_some();
        let decides = decides(&ampx.settings, on_github, ci_command.is_some())?;
        Ok(Prepared { base, ci_command, reruns: ci.reruns, on_github, decides })
    })
    .await
}

async fn resolve(ampx: &Ampx, repo: &CachedRepo, asked: Option<&str>) -> Result<BaseRef, AmpxError> {
    repo.resolve(asked).await.map_err(|error| ampx.of_remote(repo.url(), error))
}

/// Who decides: with `auto` a command, since somebody chose it, then the forge of the repository, then its workflows
/// run here.
fn decides(settings: &Settings, on_github: bool, has_command: bool) -> Result<Decides, Halt> {
    let github = Decides::GitHub { first_here: settings.ci.local_first };
    match settings.ci.provider {
        CiProvider::GitHub if !on_github => Err(Halt::failed(&NotOnGitHub)),
        CiProvider::GitHub => Ok(github),
        CiProvider::Auto if on_github && !has_command => Ok(github),
        CiProvider::Auto | CiProvider::Act | CiProvider::Command | CiProvider::None => Ok(Decides::Here),
    }
}

/// GitHub is to check a repository that it has not.
#[derive(Debug, thiserror::Error)]
#[error("`ampx.ci.provider` is `github`, and the repository is not on a GitHub that is configured")]
struct NotOnGitHub;

impl Hint for NotOnGitHub {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some(
            "set `GITHUB_TOKEN` or an App, and `github.base_url` of an Enterprise server, or another provider"
                .to_owned(),
        )
    }
}

/// A repository names an agent that this configuration does not have.
#[derive(Debug, thiserror::Error)]
#[error("the repository's `{FILE}` names the agent `{name}`, which is not configured here")]
struct NoSuchAgent {
    name: String,
    hint: String,
}

impl Hint for NoSuchAgent {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

/// The configured agent that a repository names.
fn configured<'a>(settings: &'a Settings, name: &str) -> Result<&'a str, Halt> {
    if let Some((known, _)) = settings.agents.get_key_value(name) {
        return Ok(known);
    }
    let all = || settings.agents.keys().map(String::as_str);
    let hint = match nearest(name, all()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let names: Vec<String> = all().map(|agent| format!("`{agent}`")).collect();
            format!("configured are {}; ask for one with `--agent`, or configure the other", names.join(", "))
        }
    };
    let name = name.chars().filter(|c| !c.is_control()).take(MOST_NAME_CHARS).collect();
    Err(Halt::failed(&NoSuchAgent { name, hint }))
}
