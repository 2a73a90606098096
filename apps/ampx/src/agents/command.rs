use opsmith_sandbox::{Access, Ended, Network};

use super::launch::{Launch, ended};
use super::{AgentError, AgentReport, Job};
use crate::config::{AgentSettings, PromptVia};

/// Any program as an agent: it gets the prompt and edits the folder it starts in.
#[derive(Clone, Debug)]
pub struct CommandAgent {
    pub(super) launch: Launch,
    prompt: PromptVia,
    env: Vec<String>,
    network: Network,
}

impl CommandAgent {
    pub(super) fn new(name: &str, settings: &AgentSettings) -> Result<Self, AgentError> {
        let mut launch = Launch::new(name, settings, &[])?;
        launch.args.extend(settings.args.iter().cloned());
        Ok(Self { launch, prompt: settings.prompt, env: settings.env.clone(), network: settings.network.0.clone() })
    }

    pub(super) fn access(&self) -> Access {
        Access { readable: self.launch.files([]), network: self.network.clone(), ..Access::default() }
    }

    pub(super) async fn run(&self, job: Job<'_>) -> Result<AgentReport, AgentError> {
        let home = job.private.join("home");
        let spec = self.launch.spec(&job, &home, self.env.clone(), &[], Some(self.prompt))?;
        let exit = job.sandbox.run(spec, job.log, job.cancel).await?;
        Ok(AgentReport {
            ended: ended(&exit),
            out_of_bounds: matches!(exit.ended, Ended::TimedOut | Ended::MemoryExceeded),
            ..AgentReport::default()
        })
    }
}
