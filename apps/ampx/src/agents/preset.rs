//! What is known of each program: how it is called, what it needs of the user's home, what it leaves behind.

use std::path::Path;

use crate::config::AgentKind;

/// A program that can be an agent without configuration.
#[derive(Debug)]
pub(super) struct Preset {
    /// Its name as an agent.
    pub(super) name: &'static str,
    pub(super) kind: AgentKind,
    /// The program, and arguments that always come first.
    pub(super) command: &'static [&'static str],
    /// Its own files below the user's home.
    pub(super) files: &'static [HomeFile],
    /// Variables of this machine that hold its login or say where its model is.
    pub(super) env: &'static [&'static str],
    /// Variables of this machine that name a configuration file.
    pub(super) file_env: &'static [&'static str],
    /// Variables with a fixed value.
    pub(super) fixed_env: &'static [(&'static str, &'static str)],
    /// Patterns of what it leaves in the tree.
    pub(super) litter: &'static [&'static str],
    /// How to log in.
    pub(super) login: &'static str,
    pub(super) verified: Verified,
}

/// Whether an adapter was run against its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verified {
    /// It was, with this version, in `make e2e-agents`.
    With(&'static str),
    /// It was not.
    Never(&'static str),
}

/// A file of a program below the user's home.
#[derive(Clone, Copy, Debug)]
pub(super) struct HomeFile {
    /// Its folder below the home, in slashes.
    pub(super) folder: &'static str,
    /// The variable that names another folder instead.
    pub(super) folder_env: Option<&'static str>,
    pub(super) name: &'static str,
    pub(super) sharing: Sharing,
}

/// How a file comes into the agent's home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// As a copy: what the agent does to it stays in its home.
    Copied,
    /// As a link: a login that the program renews has to be renewed for the user too.
    Linked,
}

const fn copied(folder: &'static str, name: &'static str) -> HomeFile {
    HomeFile { folder, folder_env: None, name, sharing: Sharing::Copied }
}

const fn linked(folder: &'static str, name: &'static str) -> HomeFile {
    HomeFile { folder, folder_env: None, name, sharing: Sharing::Linked }
}

const fn at(folder_env: &'static str, file: HomeFile) -> HomeFile {
    HomeFile { folder_env: Some(folder_env), folder: file.folder, name: file.name, sharing: file.sharing }
}

/// Variables that any program may need to reach its model.
pub(super) const NETWORK_ENV: &[&str] =
    &["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];

const DOCUMENTED: Verified = Verified::Never("written from its documentation");

/// The presets in the order in which the default agent is looked for.
pub(super) static PRESETS: [Preset; 7] = [CODEX, OPENCODE, CLAUDE, AMP, GEMINI, AIDER, MINI];

const CODEX: Preset = Preset {
    name: "codex",
    kind: AgentKind::Codex,
    command: &["codex"],
    files: &[
        at("CODEX_HOME", linked(".codex", "auth.json")),
        at("CODEX_HOME", copied(".codex", "config.toml")),
        at("CODEX_HOME", copied(".codex", "AGENTS.md")),
    ],
    env: &["OPENAI_API_KEY", "CODEX_API_KEY", "OPENAI_BASE_URL"],
    file_env: &[],
    fixed_env: &[],
    litter: &[".codex/"],
    login: "run `codex login`, or set `OPENAI_API_KEY`",
    verified: Verified::With("0.169.0"),
};

const OPENCODE: Preset = Preset {
    name: "opencode",
    kind: AgentKind::Opencode,
    command: &["opencode"],
    files: &[
        linked(".local/share/opencode", "auth.json"),
        copied(".config/opencode", "opencode.json"),
        copied(".config/opencode", "opencode.jsonc"),
        copied(".config/opencode", "AGENTS.md"),
    ],
    env: &["OPENCODE_CONFIG_CONTENT", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY"],
    file_env: &["OPENCODE_CONFIG"],
    fixed_env: &[("OPENCODE_DISABLE_AUTOUPDATE", "1")],
    litter: &[".opencode/"],
    login: "run `opencode auth login`, or set the variable of your model's service",
    verified: Verified::With("1.18.33"),
};

const CLAUDE: Preset = Preset {
    name: "claude",
    kind: AgentKind::Claude,
    command: &["claude"],
    files: &[
        at("CLAUDE_CONFIG_DIR", linked(".claude", ".credentials.json")),
        at("CLAUDE_CONFIG_DIR", copied(".claude", "settings.json")),
        at("CLAUDE_CONFIG_DIR", copied(".claude", "CLAUDE.md")),
    ],
    env: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN"],
    // It refuses its permission mode to root unless it is told that there are walls around it.
    file_env: &[],
    fixed_env: &[("DISABLE_AUTOUPDATER", "1"), ("IS_SANDBOX", "1")],
    litter: &[".claude/"],
    login: "run `claude` and `/login`, or set `ANTHROPIC_API_KEY`",
    verified: Verified::With("2.1.197"),
};

const AMP: Preset = Preset {
    name: "amp",
    kind: AgentKind::Amp,
    command: &["amp"],
    files: &[linked(".local/share/amp", "secrets.json"), copied(".config/amp", "settings.json")],
    env: &["AMP_API_KEY", "AMP_URL"],
    file_env: &[],
    fixed_env: &[("AMP_SKIP_UPDATE_CHECK", "1")],
    litter: &[".amp/"],
    login: "run `amp login`, or set `AMP_API_KEY`",
    verified: Verified::Never("it asks its makers' own service, of which there is no stub"),
};

const GEMINI: Preset = Preset {
    name: "gemini",
    kind: AgentKind::Acp,
    command: &["gemini", "--acp", "--skip-trust"],
    files: &[
        linked(".gemini", "oauth_creds.json"),
        copied(".gemini", "google_accounts.json"),
        copied(".gemini", "settings.json"),
    ],
    env: &["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_CLOUD_PROJECT"],
    file_env: &[],
    fixed_env: &[],
    litter: &[".gemini/"],
    login: "run `gemini` and log in, or set `GEMINI_API_KEY`",
    verified: Verified::Never("the ACP adapter was run against opencode only"),
};

const AIDER: Preset = Preset {
    name: "aider",
    kind: AgentKind::Aider,
    command: &["aider"],
    files: &[copied("", ".aider.conf.yml"), copied("", ".aider.model.settings.yml")],
    env: &["OPENAI_API_KEY", "OPENAI_API_BASE", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"],
    file_env: &[],
    fixed_env: &[],
    litter: &[".aider*"],
    login: "set the variable of your model's service, such as `OPENAI_API_KEY`",
    verified: DOCUMENTED,
};

const MINI: Preset = Preset {
    name: "mini",
    kind: AgentKind::Mini,
    command: &["mini"],
    files: &[copied(".config/mini-swe-agent", ".env")],
    env: &["OPENAI_API_KEY", "OPENAI_API_BASE", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY", "GEMINI_API_KEY"],
    file_env: &[],
    // It ends at the first answer of a model whose price it does not know, unless it is told to go on.
    fixed_env: &[("MSWEA_CONFIGURED", "true"), ("MSWEA_COST_TRACKING", "ignore_errors")],
    litter: &[],
    login: "set the variable of your model's service, such as `OPENAI_API_KEY`",
    verified: DOCUMENTED,
};

/// A program that speaks ACP and of which nothing more is known.
static ANY_ACP: Preset = Preset {
    name: "acp",
    kind: AgentKind::Acp,
    command: &[],
    files: &[],
    env: &[],
    file_env: &[],
    fixed_env: &[],
    litter: &[],
    login: "log in with the program itself, or name its variables with `env`",
    verified: Verified::Never("the ACP adapter was run against opencode only"),
};

/// The preset of that agent name.
pub(super) fn named(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// What is known of a program that an agent of that kind runs.
pub(super) fn of(kind: AgentKind, program: &str) -> Option<&'static Preset> {
    match kind {
        AgentKind::Builtin | AgentKind::Command | AgentKind::Script => None,
        AgentKind::Acp => {
            let name = Path::new(program).file_name()?.to_str()?;
            Some(named(name).unwrap_or(&ANY_ACP))
        }
        AgentKind::Codex
        | AgentKind::Claude
        | AgentKind::Amp
        | AgentKind::Opencode
        | AgentKind::Aider
        | AgentKind::Mini => PRESETS.iter().find(|preset| preset.kind == kind),
    }
}
