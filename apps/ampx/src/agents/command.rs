use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use opsmith_host::config::process_env;
use opsmith_sandbox::{CommandSpec, Ended, Exit, ExitStatus};

use super::{AgentError, AgentReport, Job};
use crate::config::{AgentSettings, PromptVia};
use crate::task::Usage;

/// Any program as an agent: it gets the prompt and edits the folder it starts in.
#[derive(Clone, Debug)]
pub struct CommandAgent {
    program: String,
    args: Vec<String>,
    prompt: PromptVia,
    env: Vec<String>,
}

impl CommandAgent {
    pub(super) fn new(name: &str, settings: &AgentSettings) -> Result<Self, AgentError> {
        let [program, args @ ..] = settings.command.as_slice() else {
            return Err(AgentError::Incomplete { agent: name.to_owned(), key: "command" });
        };
        // A path is meant from where opsmith was started, not from the task's tree.
        let program = match Path::new(program).components().count() {
            0 | 1 => program.clone(),
            _ => std::path::absolute(program).map_or_else(|_| program.clone(), |path| path.display().to_string()),
        };
        Ok(Self { program, args: args.to_vec(), prompt: settings.prompt, env: settings.env.clone() })
    }

    pub(super) fn program(&self) -> String {
        self.program.clone()
    }

    /// Whether the program is there to be run.
    pub(super) fn check(&self) -> Result<(), AgentError> {
        let path = Path::new(&self.program);
        let found = if path.components().count() > 1 {
            path.is_file()
        } else {
            let folders = process_env("PATH").unwrap_or_default();
            std::env::split_paths(&folders).any(|folder| folder.join(path).is_file())
        };
        if found { Ok(()) } else { Err(AgentError::NoProgram(self.program.clone())) }
    }

    pub(super) async fn run(&self, job: Job<'_>) -> Result<AgentReport, AgentError> {
        let spec = self.spec(&job)?;
        let exit = job.sandbox.run(spec, job.log, job.cancel).await?;
        Ok(AgentReport {
            ended: ended(&exit),
            out_of_bounds: matches!(exit.ended, Ended::TimedOut | Ended::MemoryExceeded),
            usage: Usage::default(),
            thread_id: None,
        })
    }

    fn spec(&self, job: &Job<'_>) -> Result<CommandSpec, AgentError> {
        let home = job.private.join("home");
        let tmp = job.private.join("tmp");
        for folder in [&home, &tmp] {
            fs::create_dir_all(folder).map_err(|source| AgentError::Write { path: folder.clone(), source })?;
        }
        let mut env: BTreeMap<OsString, OsString> = BTreeMap::new();
        env.insert("HOME".into(), home.into());
        env.insert("TMPDIR".into(), tmp.into());
        for name in &self.env {
            if let Some(value) = process_env(name) {
                env.insert(name.into(), value.into());
            }
        }
        env.insert("OPSMITH_TASK_ID".into(), job.task_id.clone().into());
        env.insert("OPSMITH_ATTEMPT".into(), job.attempt.to_string().into());
        if let Some(log) = job.ci_log {
            env.insert("OPSMITH_CI_LOG".into(), write(job.private.join("ci.log"), log)?.into());
        }
        let mut args: Vec<OsString> = self.args.iter().map(OsString::from).collect();
        let mut stdin = Vec::new();
        match self.prompt {
            PromptVia::Stdin => stdin = job.prompt.clone().into_bytes(),
            PromptVia::Arg => args.push(job.prompt.clone().into()),
            PromptVia::File => args.push(write(job.private.join("prompt.md"), &job.prompt)?.into()),
        }
        Ok(CommandSpec {
            program: self.program.clone().into(),
            args,
            cwd: job.tree.to_owned(),
            env,
            stdin,
            limits: job.limits.clone(),
            marker: job.marker.clone(),
        })
    }
}

fn write(path: PathBuf, text: &str) -> Result<PathBuf, AgentError> {
    fs::write(&path, text).map_err(|source| AgentError::Write { path: path.clone(), source })?;
    Ok(path)
}

fn ended(exit: &Exit) -> String {
    match (exit.ended, &exit.status) {
        (Ended::TimedOut, _) => format!("was stopped after {} s", exit.wall.as_secs()),
        (Ended::MemoryExceeded, _) => "was stopped over its memory limit".to_owned(),
        (Ended::Cancelled, _) => "was stopped".to_owned(),
        (Ended::Exited, ExitStatus::Code(code)) => format!("exited with {code}"),
        (Ended::Exited, ExitStatus::Signal(signal)) => format!("ended by signal {signal}"),
    }
}
