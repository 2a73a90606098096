//! How an agent's program is started, whichever adapter reads it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use opsmith_host::config::process_env;
use opsmith_sandbox::{CommandSpec, Ended, Exit, ExitStatus, find_program, program_files};

use super::{AgentError, Job};
use crate::config::{AgentSettings, PromptVia};

/// The variable with the folders of programs.
const PATH_VARIABLE: &str = "PATH";

/// A program and the arguments that come first.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) program: String,
    pub(super) args: Vec<String>,
}

impl Launch {
    /// The configured command, else `preset`.
    pub(super) fn new(name: &str, settings: &AgentSettings, preset: &[&str]) -> Result<Self, AgentError> {
        let preset: Vec<String> = preset.iter().map(|word| (*word).to_owned()).collect();
        let command = if settings.command.is_empty() { &preset } else { &settings.command };
        let [program, args @ ..] = command.as_slice() else {
            return Err(AgentError::Incomplete { agent: name.to_owned(), key: "command" });
        };
        // A path is meant from where opsmith was started, not from the task's tree.
        let program = match Path::new(program).components().count() {
            0 | 1 => program.clone(),
            _ => std::path::absolute(program).map_or_else(|_| program.clone(), |path| path.display().to_string()),
        };
        Ok(Self { program, args: args.to_vec() })
    }

    /// Where the program is.
    pub(super) fn found(&self) -> Result<PathBuf, AgentError> {
        find(&self.program).ok_or_else(|| AgentError::NoProgram(self.program.clone()))
    }

    /// What the program needs to read: its own files, its interpreter's, and the files that its arguments name.
    pub(super) fn files<'a>(&'a self, more: impl IntoIterator<Item = &'a String>) -> Vec<PathBuf> {
        let path = process_env(PATH_VARIABLE);
        let mut files = program_files(self.program.as_ref(), path.as_ref().map(OsStr::new), Path::new("/"));
        let named = self.args.iter().chain(more).map(PathBuf::from);
        files.extend(named.filter(|path| path.is_absolute() && path.is_file()));
        files
    }

    /// The command for one go. `args` come after the launch's own.
    pub(super) fn spec(
        &self,
        job: &Job<'_>,
        home: &Path,
        passed_env: impl IntoIterator<Item = String>,
        args: &[String],
        prompt: Option<PromptVia>,
    ) -> Result<CommandSpec, AgentError> {
        // Of what is ours, the program surely sees its home and this.
        let tmp = job.private.join("tmp");
        for folder in [home, &tmp] {
            fs::create_dir_all(folder).map_err(|source| AgentError::Write { path: folder.to_owned(), source })?;
        }
        let mut env: BTreeMap<OsString, OsString> = BTreeMap::new();
        env.insert("HOME".into(), home.into());
        env.insert("TMPDIR".into(), tmp.clone().into());
        for name in passed_env {
            if let Some(value) = process_env(&name) {
                env.insert(name.into(), value.into());
            }
        }
        env.insert("OPSMITH_TASK_ID".into(), job.task_id.clone().into());
        env.insert("OPSMITH_ATTEMPT".into(), job.attempt.to_string().into());
        if let Some(log) = job.ci_log {
            env.insert("OPSMITH_CI_LOG".into(), write(tmp.join("ci.log"), log)?.into());
        }
        let mut args: Vec<OsString> = self.args.iter().chain(args).map(OsString::from).collect();
        let mut stdin = Vec::new();
        match prompt {
            None => {}
            Some(PromptVia::Stdin) => stdin = job.prompt.clone().into_bytes(),
            Some(PromptVia::Arg) => args.push(job.prompt.clone().into()),
            Some(PromptVia::File) => args.push(write(tmp.join("prompt.md"), &job.prompt)?.into()),
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

/// Where a program is for a command of ours.
fn find(program: &str) -> Option<PathBuf> {
    find_program(program.as_ref(), process_env(PATH_VARIABLE).as_ref().map(OsStr::new), Path::new("/"))
}

fn write(path: PathBuf, text: &str) -> Result<PathBuf, AgentError> {
    fs::write(&path, text).map_err(|source| AgentError::Write { path: path.clone(), source })?;
    Ok(path)
}

/// How a program ended, for a person.
pub(super) fn ended(exit: &Exit) -> String {
    match (exit.ended, &exit.status) {
        (Ended::TimedOut, _) => format!("was stopped after {} s", exit.wall.as_secs()),
        (Ended::MemoryExceeded, _) => "was stopped over its memory limit".to_owned(),
        (Ended::Cancelled, _) => "was stopped".to_owned(),
        (Ended::Exited, ExitStatus::Code(code)) => format!("exited with {code}"),
        (Ended::Exited, ExitStatus::Signal(signal)) => format!("ended by signal {signal}"),
    }
}
