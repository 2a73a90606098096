use std::path::{Path, PathBuf};

use serde_json::json;

use super::scenario::{Rule, Scenario};
use super::turn::Turn;

/// The folder with the programs, from `dev/agents.sh`.
const PROGRAMS_VARIABLE: &str = "OPSMITH_AGENTS_BIN";

/// A coding agent that `dev/agents.sh` installs and that can be told to ask a stub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// codex.
    Codex,
    /// opencode, read by its own stream.
    Opencode,
    /// opencode, read by the Agent Client Protocol.
    OpencodeAcp,
    /// claude.
    Claude,
}

/// Every one of them.
pub const REAL_PROGRAMS: [Program; 4] = [Program::Codex, Program::Opencode, Program::OpencodeAcp, Program::Claude];

impl Program {
    /// The one that has that name as an agent.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "codex" => Some(Self::Codex),
            "opencode" => Some(Self::Opencode),
            "claude" => Some(Self::Claude),
            _ => None,
        }
    }

    /// Where it is. A test that needs it and does not find it has failed.
    pub fn path(self) -> PathBuf {
        let folder =
            std::env::var_os(PROGRAMS_VARIABLE).expect("run `make e2e-agents`, which sets the programs' folder");
        let name = match self {
            Self::Codex => "codex",
            Self::Opencode | Self::OpencodeAcp => "opencode",
            Self::Claude => "claude",
        };
        let path = PathBuf::from(folder).join(name);
        assert!(path.is_file(), "{} is not there", path.display());
        path
    }

    /// The keys of an agent's table in opsmith.toml, for a stub at `url`. opencode needs [`Program::config`] too.
    pub fn settings(self, program: &Path, url: &str) -> String {
        let (kind, words, args) = match self {
            Self::Codex => ("codex", None, codex_args(url)),
            Self::Opencode => ("opencode", None, Vec::new()),
            Self::OpencodeAcp => ("acp", Some("acp".to_owned()), Vec::new()),
            Self::Claude => ("claude", None, claude_args(url)),
        };
        let command: Vec<String> = std::iter::once(program.display().to_string()).chain(words).collect();
        format!("kind = {kind:?}\ncommand = {command:?}\nargs = {args:?}\n")
    }

    /// What it reads beside its arguments, and under which name in a repository.
    pub fn config(self, url: &str) -> Option<(&'static str, String)> {
        match self {
            Self::Codex | Self::Claude => None,
            Self::Opencode | Self::OpencodeAcp => Some(("opencode.json", opencode_config(url))),
        }
    }

    /// The model's way to run a command.
    pub fn shell(self, command: &str) -> Turn {
        match self {
            Self::Codex => Turn::tool("exec_command", json!({ "cmd": command })),
            Self::Opencode | Self::OpencodeAcp => {
                Turn::tool("bash", json!({ "command": command, "description": "Edits a file" }))
            }
            Self::Claude => Turn::tool("Bash", json!({ "command": command, "description": "Edits a file" })),
        }
    }

    /// A model that lets `sum.sh` say 6, and add once it is told that this is wrong; however often it is asked.
    pub fn six_then_sum(self) -> Scenario {
        let edit = |line: &str, done: &str| self.shell(&format!("echo '{line}' > sum.sh && echo {done}"));
        Scenario::ByWords(vec![
            Rule { words: "wrote six", turn: Turn::text("I have tried six.") },
            Rule { words: "wrote the sum", turn: Turn::text("The sum is right now.") },
            Rule { words: "2 + 2 is not 6", turn: edit("echo $(($1 + $2))", "wrote the sum") },
            Rule { words: "", turn: edit("echo 6", "wrote six") },
        ])
    }
}

fn codex_args(url: &str) -> Vec<String> {
    let provider = |key: &str, value: &str| format!("model_providers.stub.{key}={value}");
    let settings = [
        "model=\"stub-model\"".to_owned(),
        "model_provider=\"stub\"".to_owned(),
        provider("name", "\"stub\""),
        provider("base_url", &format!("{url:?}")),
        provider("wire_api", "\"responses\""),
        provider("request_max_retries", "1"),
        provider("stream_max_retries", "1"),
    ];
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

fn claude_args(url: &str) -> Vec<String> {
    let variables = json!({
        "ANTHROPIC_BASE_URL": url.trim_end_matches("/v1"),
        "ANTHROPIC_API_KEY": "stub",
        "CLAUDE_CODE_MAX_RETRIES": "1",
    });
    vec!["--settings".to_owned(), json!({ "env": variables }).to_string()]
}

fn opencode_config(url: &str) -> String {
    json!({
        // opencode adds it to a file that is without it.
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": false,
        "share": "disabled",
        "model": "stub/stub-model",
        "small_model": "stub/stub-model",
        "provider": { "stub": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "stub",
            "options": { "baseURL": url, "apiKey": "stub" },
            "models": { "stub-model": { "name": "stub", "cost": { "input": 1, "output": 2 } } },
        }},
    })
    .to_string()
}
