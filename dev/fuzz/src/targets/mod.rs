//! The targets: each reads an input as its parser would get it from outside.

mod agents;
mod changes;
mod ci;
mod git;
mod github;
mod models;
mod secrets;
mod settings;

/// One parser, or a few that read the same.
#[derive(Clone, Copy)]
pub struct Target {
    /// As `FUZZ_TARGET` and the folders of seeds and dictionaries have it.
    pub name: &'static str,
    /// Reads an input; panics where something does not hold.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}

/// Every target.
pub const ALL: &[Target] = &[
    target("acp", agents::acp),
    target("act", ci::act),
    target("agent_stream", agents::agent_stream),
    target("codeowners", github::codeowners),
    target("commit", git::commit),
    target("config", settings::config),
    target("diff", changes::diff),
    target("events", agents::events),
    target("gates", changes::gates),
    target("git_output", git::git_output),
    target("github_answer", github::answer),
    target("job_log", github::job_log),
    target("model_answer", models::answer),
    target("model_stream", models::stream),
    target("policy", settings::policy),
    target("redact", secrets::redact),
    target("repo_url", git::repo_url),
    target("repository_file", settings::repository_file),
    target("scan", secrets::scan),
    target("secret_ref", secrets::secret_ref),
    target("sops", secrets::sops),
    target("webhook", github::webhook),
    target("workflow", ci::workflow),
];
