//! What agents there are on this machine, and what stands in the way of each.

use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use opsmith_sandbox::{CommandSpec, Ended, ExitStatus, Limits, OutputChunk, Sandbox, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::fault::one_line;
use super::launch::{Launch, ended};
use super::preset::{PRESETS, Verified};
use super::{Agent, AgentError};
use crate::config::{AgentKind, Settings};

/// How long a program may take to say its version.
const MOST_VERSION_TIME: Duration = Duration::from_secs(10);
const MOST_VERSION_BYTES: u64 = 4096;

/// Whether an agent can be used, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgentStatus {
    /// Its name in the configuration, or that of a program that needs none.
    pub name: String,
    /// Its adapter.
    pub kind: String,
    /// The program or file.
    pub program: String,
    /// It stands in the configuration.
    pub configured: bool,
    /// The program is on this machine.
    pub found: bool,
    /// What the program says of itself.
    pub version: Option<String>,
    /// It can be used.
    pub ready: bool,
    /// Why it cannot.
    pub reason: Option<String>,
    /// The adapter was run against its program.
    pub verified: bool,
    /// With which version it was, or why it was not.
    pub verification: Option<String>,
}

/// Every agent, the configured ones first. Programs are asked for their versions in `folder`.
pub async fn statuses(settings: &Settings, sandbox: &Sandbox, folder: &Path) -> Vec<AgentStatus> {
    let configured = settings.agents.keys().map(String::as_str);
    let known = PRESETS.iter().map(|preset| preset.name).chain([AgentKind::Builtin.as_str()]);
    let known = known.filter(|name| !settings.agents.contains_key(*name));
    join_all(configured.chain(known).map(|name| status(settings, name, sandbox, folder))).await
}

async fn status(settings: &Settings, name: &str, sandbox: &Sandbox, folder: &Path) -> AgentStatus {
    let agent = Agent::of(settings, name);
    let checked = match &agent {
        Ok(agent) => agent.check(),
        Err(AgentError::Incomplete { agent, key }) => Err(AgentError::Incomplete { agent: agent.clone(), key }),
        Err(_) => Err(AgentError::NotConfigured(name.to_owned())),
    };
    let launch = agent.as_ref().ok().and_then(Agent::launch);
    let found = launch.is_none_or(|launch| launch.found().is_ok());
    let asked = match (&agent, launch) {
        (Ok(agent @ Agent::Program(_)), Some(launch)) if found => {
            // Behind the walls that its tasks will have, so that what does not start there is told.
            let told = version(launch, &sandbox.with_access(agent.access()), folder).await;
            // What speaks ACP need not know the flag.
            if settings.agent(name).is_some_and(|agent| agent.kind == AgentKind::Acp) {
                told.or(Ok(None))
            } else {
                told
            }
        }
        (Ok(_) | Err(_), _) => Ok(None),
    };
    let no_answer = asked.as_ref().err().cloned();
    let reason = no_answer.or_else(|| checked.err().map(|error| error.to_string()));
    let (verified, verification) = match agent.as_ref().ok().and_then(Agent::verified) {
        Some(Verified::With(version)) => (true, Some(format!("with {version}"))),
        Some(Verified::Never(why)) => (false, Some(why.to_owned())),
        // What a command or a script does is its owner's to verify, and the built-in one is part of opsmith.
        None => (true, None),
    };
    AgentStatus {
        name: name.to_owned(),
        kind: settings.agent(name).map(|agent| agent.kind.as_str().to_owned()).unwrap_or_default(),
        program: agent.as_ref().map(Agent::program).unwrap_or_default(),
        configured: settings.agents.contains_key(name),
        found,
        version: asked.ok().flatten(),
        ready: reason.is_none(),
        reason,
        verified,
        verification,
    }
}

/// What the program answers to `--version`; the error says why it does not.
async fn version(launch: &Launch, sandbox: &Sandbox, folder: &Path) -> Result<Option<String>, String> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let number = ASKED.fetch_add(1, Ordering::Relaxed);
    let marker = format!("ampx-version-{}-{number}", std::process::id());
    let Ok(marker) = marker.parse() else { return Ok(None) };
    let home = OsString::from(folder);
    let spec = CommandSpec {
        program: launch.program.clone().into(),
        args: vec!["--version".into()],
        cwd: folder.to_owned(),
        env: [("HOME".into(), home.clone()), ("TMPDIR".into(), home)].into(),
        stdin: Vec::new(),
        limits: Limits { wall: MOST_VERSION_TIME, output_bytes: MOST_VERSION_BYTES, ..Limits::default() },
        marker,
    };
    let (sender, mut receiver) = mpsc::channel::<OutputChunk>(4);
    let cancel = CancellationToken::new();
    let gather = async {
        let mut said = Vec::new();
        while let Some(chunk) = receiver.recv().await {
            match chunk.stream {
                Stream::Stdout => said.extend(chunk.bytes),
                // Remarks about its surroundings, which are not those of its work.
                Stream::Stderr => {}
            }
        }
        said
    };
    let (exit, said) = tokio::join!(sandbox.run(spec, sender, &cancel), gather);
    let exit = exit.map_err(|error| error.to_string())?;
    let said = strip_ansi_escapes::strip(&said);
    let said = String::from_utf8_lossy(&said);
    let first = said.lines().map(one_line).find(|line| line.chars().any(|char| char.is_ascii_digit()));
    match exit.ended {
        Ended::Exited if exit.status == ExitStatus::Code(0) => Ok(first),
        Ended::Exited => Err(format!("`{} --version` {}", launch.program, ended(&exit))),
        Ended::TimedOut | Ended::Cancelled | Ended::MemoryExceeded => {
            Err(format!("`{} --version` does not answer", launch.program))
        }
    }
}
