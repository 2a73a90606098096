use std::path::Path;

use opsmith_sandbox::{Marker, OutputChunk, Sandbox};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ci::{ActCi, CiError, CommandCi, RedReport, Verdict};
use crate::git::Git;

/// Who is asked for a verdict.
#[derive(Clone, Debug)]
pub enum Provider {
    /// A configured command, run here.
    Command(CommandCi),
    /// The repository's own workflows, run here by act.
    Act(ActCi),
    /// Nobody.
    None,
}

/// One commit to be checked, and the means to do it.
#[derive(Debug)]
pub struct CiJob<'a> {
    /// Where commands run. What they need of the check's own files is added to what they may touch.
    pub sandbox: &'a Sandbox,
    /// What checks the commit out.
    pub git: &'a Git,
    /// The repository that has the commit; it has to be there until the end.
    pub git_dir: &'a Path,
    /// The commit.
    pub sha: &'a str,
    /// A folder for this check alone, made and removed by it.
    pub scratch_dir: &'a Path,
    /// The id of the command's processes. What a killed check left running under it is ended first.
    pub marker: Marker,
    /// Takes the output as it comes.
    pub log: mpsc::Sender<OutputChunk>,
    /// Ends the check.
    pub cancel: &'a CancellationToken,
}

impl Provider {
    /// Checks a commit. Asked again after a kill, it starts from nothing.
    pub async fn check(&self, job: CiJob<'_>) -> Result<Verdict, CiError> {
        match self {
            Self::Command(command) => command.check(job).await,
            Self::Act(act) => act.check(job).await,
            Self::None => Ok(Verdict::NoCi),
        }
    }

    /// The same for a second look at a commit that was red: a command runs whole, of workflows those that were not
    /// green.
    #[must_use]
    pub fn again(self, red: &RedReport) -> Self {
        match self {
            Self::Act(act) => Self::Act(ActCi { only: red.again.clone(), ..act }),
            same @ (Self::Command(_) | Self::None) => same,
        }
    }
}
