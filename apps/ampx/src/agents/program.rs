use std::path::PathBuf;

use opsmith_host::config::process_env;
use opsmith_sandbox::{Access, Backend, Network, Sandbox};

use super::acp::Conversation;
use super::fault::FaultKind;
use super::launch::Launch;
use super::preset::{self, NETWORK_ENV, Preset, Sharing};
use super::session::Session;
use super::stream::{self, Go};
use super::wire::Wire;
use super::{AgentError, AgentReport, Job, codex, home, messages, opencode};
use crate::config::{AgentKind, AgentSettings, PromptVia};
use crate::task::Usage;

/// A program whose output is understood.
#[derive(Clone, Debug)]
pub struct ProgramAgent {
    pub(super) launch: Launch,
    pub(super) preset: &'static Preset,
    kind: AgentKind,
    model: Option<String>,
    args: Vec<String>,
    env: Vec<String>,
    network: Network,
}

impl ProgramAgent {
    pub(super) fn new(name: &str, settings: &AgentSettings) -> Result<Self, AgentError> {
        let lacks = || AgentError::Incomplete { agent: name.to_owned(), key: "command" };
        let words: &[&str] = match settings.kind {
            // Which program speaks ACP is the configuration's to say.
            AgentKind::Acp => &[],
            kind => preset::of(kind, "").map_or(&[], |preset| preset.command),
        };
        let launch = Launch::new(name, settings, words)?;
        let preset = preset::of(settings.kind, &launch.program).ok_or_else(lacks)?;
        Ok(Self {
            launch,
            preset,
            kind: settings.kind,
            model: settings.model.clone(),
            args: settings.args.clone(),
            env: settings.env.clone(),
            network: settings.network.0.clone(),
        })
    }

    /// Whether there is anything by which the program could log in.
    pub(super) fn has_login(&self) -> bool {
        let Preset { files, env, file_env, .. } = self.preset;
        let mut names = env.iter().chain(*file_env).copied().chain(self.env.iter().map(String::as_str));
        (files.is_empty() && env.is_empty())
            || files.iter().any(|file| home::source(file).is_some())
            || names.any(|name| process_env(name).is_some())
    }

    pub(super) fn access(&self) -> Access {
        let mut readable = self.launch.files(&self.args);
        let linked = self.preset.files.iter().filter(|file| file.sharing == Sharing::Linked);
        let writable = linked.filter_map(home::source).collect();
        readable.extend(self.preset.file_env.iter().filter_map(|name| process_env(name)).map(PathBuf::from));
        Access { readable, writable, network: self.network.clone() }
    }

    fn passed_env(&self) -> impl Iterator<Item = String> {
        let known =
            NETWORK_ENV.iter().chain(self.preset.env).chain(self.preset.file_env).map(|name| (*name).to_owned());
        known.chain(self.env.clone())
    }

    /// One go; one that was to resume a session which the program does not find is begun anew.
    pub(super) async fn run(&self, job: Job<'_>) -> Result<AgentReport, AgentError> {
        let session = job.thread_id.and_then(|id| Session::find(job.state, id));
        let Some(session) = session else { return self.go(&job, None).await.map(|go| go.report) };
        let went = self.go(&job, Some(session)).await?;
        let gone = |go: &Go| {
            let kind = go.report.fault.as_ref().map(|fault| fault.kind);
            !go.began && matches!(kind, Some(FaultKind::NoSuchSession | FaultKind::Other))
        };
        if gone(&went) && !job.cancel.is_cancelled() {
            tracing::info!(task.id = %job.task_id, "the agent's session is gone; it begins anew");
            return self.go(&job, None).await.map(|go| go.report);
        }
        Ok(went.report)
    }

    async fn go(&self, job: &Job<'_>, resumed: Option<Session>) -> Result<Go, AgentError> {
        let home = job.state.join("home");
        home::prepare(&home, self.preset.files)?;
        let (id, before) = match resumed {
            // A session of which no count is known leaves the next one unknown too.
            Some(session) => (Some(session.id), session.total.unwrap_or_default()),
            None => (None, Usage::ZERO),
        };
        let (args, prompt) = self.arguments(id.as_deref(), is_walled(job.sandbox));
        let mut spec = self.launch.spec(job, &home, self.passed_env(), &args, prompt)?;
        spec.env.extend(self.preset.fixed_env.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let wire = match self.kind {
            AgentKind::Codex => Wire::Codex,
            AgentKind::Claude => Wire::Claude,
            AgentKind::Amp => Wire::Amp,
            AgentKind::Opencode => Wire::Opencode,
            AgentKind::Acp => Wire::Acp(Box::new(Conversation::new(job.tree, job.prompt.clone(), id))),
            AgentKind::Aider | AgentKind::Mini | AgentKind::Builtin | AgentKind::Command | AgentKind::Script => {
                Wire::Litellm
            }
        };
        let go = stream::run(job, spec, wire, before).await?;
        if let Some(id) = &go.report.thread_id {
            Session { id: id.clone(), total: go.session_total }.keep(job.state)?;
        }
        Ok(go)
    }

    /// The arguments of a go, and how the prompt comes in; none where the adapter sends it itself.
    fn arguments(&self, session: Option<&str>, walled: bool) -> (Vec<String>, Option<PromptVia>) {
        let model = self.model.as_deref();
        let mut args = self.args.clone();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let prompt = match self.kind {
            AgentKind::Codex => {
                args = codex::arguments(model, session, walled, &args);
                Some(PromptVia::Stdin)
            }
            AgentKind::Claude => {
                args.splice(0..0, messages::claude_arguments(model, session));
                Some(PromptVia::Stdin)
            }
            AgentKind::Amp => {
                args.splice(0..0, messages::amp_arguments(session));
                Some(PromptVia::Stdin)
            }
            AgentKind::Opencode => {
                args.splice(0..0, opencode::arguments(model, session));
                Some(PromptVia::Stdin)
            }
            AgentKind::Aider => {
                let flags = ["--yes-always", "--no-check-update", "--analytics-disable", "--no-pretty", "--no-stream"];
                args.splice(0..0, words(&flags));
                args.extend(words(&["--no-gitignore"]));
                args.extend(model.into_iter().flat_map(|model| words(&["--model", model])));
                args.extend(words(&["--message-file"]));
                Some(PromptVia::File)
            }
            AgentKind::Mini => {
                args.splice(0..0, words(&["-y", "--exit-immediately", "-o", "/dev/null"]));
                args.extend(model.into_iter().flat_map(|model| words(&["-m", model])));
                args.extend(words(&["-t"]));
                Some(PromptVia::Arg)
            }
            AgentKind::Acp => None,
            AgentKind::Builtin | AgentKind::Command | AgentKind::Script => Some(PromptVia::Stdin),
        };
        (args, prompt)
    }
}

/// Whether there are walls of ours around the program.
fn is_walled(sandbox: &Sandbox) -> bool {
    match sandbox.backend() {
        Backend::Local => false,
        Backend::Bubblewrap | Backend::Container => true,
    }
}
