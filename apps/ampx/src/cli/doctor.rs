use std::path::Path;

use opsmith_forge::ci::{ActFound, find_act};
use opsmith_forge::git::Git;
use opsmith_guard::tokens::TokenError;
use opsmith_host::cli::{Cell, Exit, Failure, Globals, Tone};
use opsmith_host::config::{Auth, Config, GitSettings, Platform, process_environment};
use opsmith_host::process::{Catalogue, Process};
use opsmith_model::{ErrorKind, Hint};
use opsmith_sandbox::{Backend, Capability, Enforcement, Sandbox};
use serde::Serialize;
use serde_json::json;

use super::agents::on_this_machine;
use super::config::checked_settings;
use super::doctor_github;
use super::session::Session;
use crate::config::{CiProvider, Settings};
use crate::open::signer;
use crate::{SandboxChoice, runs};

const EXAMPLES: &str = "\
Examples:
  ampx doctor
  ampx doctor -v        (with each thing that the sandbox does or does not hold)
  ampx doctor --json";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Worth knowing; tasks run without it.
    Note,
    /// Without it no task runs.
    Missing,
}

impl Check {
    pub(super) fn ok(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), state: State::Ok, detail: detail.into(), hint: None }
    }

    pub(super) fn missing<E: Hint + std::error::Error>(name: &str, error: &E) -> Self {
        let failure = opsmith_runs::StepFailure::of(error);
        Self { name: name.to_owned(), state: State::Missing, detail: failure.message, hint: failure.hint }
    }

    fn failed(name: &str, state: State, failure: Failure) -> Self {
        Self { name: name.to_owned(), state, detail: failure.message, hint: failure.hint }
    }
}

pub(super) async fn run(session: &Session<'_>, _: &Args) -> Result<Exit, Failure> {
    let checks = match session.config() {
        Ok(config) => {
            let file = config.file().map_or_else(|| "none".to_owned(), |file| file.display().to_string());
            let mut checks = vec![Check::ok("configuration", format!("file: {file}"))];
            checks.extend(configured(session, &config).await);
            checks
        }
        Err(failure) => vec![Check::failed("configuration", State::Missing, failure)],
    };
    show(session, &checks)
}

/// What `opsmith doctor` has to say of ampx and of what it stands on.
pub async fn doctor(globals: Globals, catalogue: &Catalogue) -> Result<Exit, Failure> {
    run(&Session::new(globals, None, catalogue), &Args {}).await
}

async fn configured(session: &Session<'_>, config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    match Process::open(session.catalogue, config).await {
        Ok(process) => {
            let data_dir = &process.platform.data_dir;
            checks.push(writable(data_dir));
            checks.push(Check::ok("store", process.store.url().to_string()));
            checks.push(tokens(&process).await);
            checks.push(git(data_dir).await);
            checks.extend(signing(&process.platform.git).await);
            checks.extend(doctor_github::checks(&process, config).await);
        }
        Err(error) => checks.push(Check::missing("store", &error)),
    }
    let sandbox = match sandbox_of(config).await {
        Ok(sandbox) => Some(sandbox),
        Err(failure) => {
            checks.push(Check::failed("sandbox", State::Missing, failure));
            None
        }
    };
    match checked_settings(config) {
        Ok(settings) => {
            if let Some(sandbox) = &sandbox {
                checks.extend(agents(config, &settings, sandbox).await);
                checks.extend(asked_in_vain(&settings, sandbox));
            }
            checks.push(ci(&settings));
            if let Some(sandbox) = &sandbox {
                checks.extend(act(&settings, sandbox).await);
            }
        }
        Err(failure) => checks.push(Check::failed("settings", State::Missing, failure)),
    }
    checks.push(server(session).await);
    let detailed = session.output.is_json() || session.globals.verbose > 0;
    checks.extend(sandbox.iter().flat_map(|sandbox| walls(sandbox, detailed)));
    checks
}

/// The sandbox that tasks would run in.
async fn sandbox_of(config: &Config) -> Result<Sandbox, Failure> {
    Ok(SandboxChoice::of(&Platform::resolve(config)?, config).make_to_look().await?)
}

/// The walls that the configuration asks for and that are not to be had; tasks that need them do not run.
fn asked_in_vain(settings: &Settings, sandbox: &Sandbox) -> Vec<Check> {
    let names = settings.agents.keys().map(String::as_str).chain(settings.default_agent());
    let mut checks: Vec<Check> = Vec::new();
    for missing in names.filter_map(|name| runs::asked_in_vain(settings, name, sandbox)) {
        let check = Check::missing("network", &missing);
        if !checks.iter().any(|told| told.detail == check.detail) {
            checks.push(check);
        }
    }
    checks
}

fn writable(data_dir: &Path) -> Check {
    let probe = data_dir.join(".writable");
    match std::fs::write(&probe, b"").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => Check::ok("data_dir", format!("{} can be written", data_dir.display())),
        Err(error) => Check {
            name: "data_dir".to_owned(),
            state: State::Missing,
            detail: format!("{} cannot be written: {error}", data_dir.display()),
            hint: Some("name another folder with `data_dir` or `OPSMITH_DATA_DIR`".to_owned()),
        },
    }
}

/// Whether the server on this store knows who calls it.
async fn tokens(process: &Process) -> Check {
    let tokens = process.guard.tokens();
    let counted = async { Ok::<_, TokenError>((tokens.any_standing().await?, tokens.count_active().await?)) };
    match counted.await {
        Err(error) => Check::missing("tokens", &error),
        Ok((true, active)) => Check::ok("tokens", format!("{active} hold; the server wants one of everybody")),
        Ok((false, _)) if process.platform.server.auth == Auth::Required => Check {
            name: "tokens".to_owned(),
            state: State::Note,
            detail: "none, and `server.auth` requires one: nobody can use the server".to_owned(),
            hint: Some("make one with `opsmith token create NAME`".to_owned()),
        },
        Ok((false, _)) => Check {
            name: "tokens".to_owned(),
            state: State::Note,
            detail: "none: whoever reaches the server acts as you, an agent or check with the network on too"
                .to_owned(),
            hint: Some("`opsmith token create NAME` makes one, which closes the server to who has none".to_owned()),
        },
    }
}

async fn git(folder: &Path) -> Check {
    let git = match Git::new(process_environment()) {
        Ok(git) => git,
        Err(error) => return Check::missing("git", &error),
    };
    match git.work(folder).arg("version").text().await {
        Ok(version) => Check::ok("git", version),
        Err(error) => Check::missing("git", &error),
    }
}

/// Whether commits can be signed, where they are to be: signs a few words and verifies them.
async fn signing(settings: &GitSettings) -> Option<Check> {
    let signer = signer(settings)?;
    Some(match signer.probe().await {
        Ok(fingerprint) => Check::ok("signing", format!("{} signs: {fingerprint}", signer.key())),
        Err(error) => Check::missing("signing", &error),
    })
}

async fn agents(config: &Config, settings: &Settings, sandbox: &Sandbox) -> Vec<Check> {
    let mut found = match on_this_machine(config, settings, sandbox).await {
        Ok(found) => found,
        Err(Failure { message, hint, .. }) => {
            return vec![Check { name: "agents".to_owned(), state: State::Missing, detail: message, hint }];
        }
    };
    found.retain(|agent| agent.configured || agent.found);
    // One that is ready will do; the others are only worth knowing.
    let others = if found.iter().any(|agent| agent.ready) { State::Note } else { State::Missing };
    if found.is_empty() {
        let detail = "none is configured or installed".to_owned();
        let hint = Some("install one that `ampx agents` lists, or add `[ampx.agents.NAME]` to opsmith.toml".to_owned());
        return vec![Check { name: "agents".to_owned(), state: others, detail, hint }];
    }
    let check = |agent: crate::agents::AgentStatus| {
        let state = if agent.ready { State::Ok } else { others };
        let name = format!("agent {}", agent.name);
        let detail = match (agent.reason, agent.version, agent.verified, agent.verification) {
            (Some(reason), _, _, _) => reason,
            (None, version, false, Some(why)) => format!("{}; not verified: {why}", version.unwrap_or(agent.program)),
            (None, version, _, _) => version.unwrap_or(agent.program),
        };
        Check { name, state, detail, hint: None }
    };
    found.into_iter().map(check).collect()
}

fn ci(settings: &Settings) -> Check {
    let note = |detail: &str, hint: &str| Check {
        name: "CI".to_owned(),
        state: State::Note,
        detail: detail.to_owned(),
        hint: Some(hint.to_owned()),
    };
    match (settings.ci.provider, &settings.ci.command) {
        (CiProvider::GitHub, _) => Check::ok("CI", "that of the GitHub which has the repository"),
        (CiProvider::Auto | CiProvider::Command, Some(command)) => Check::ok("CI", format!("command: {command}")),
        (CiProvider::None, _) => {
            note("switched off: a pull request is opened unchecked", "set `command` in `[ampx.ci]`")
        }
        (CiProvider::Act, _) => Check::ok("CI", format!("the repository's workflows, by `{}`", settings.ci.act)),
        (CiProvider::Auto, None) => note(
            &format!("no command is configured: the repository's workflows, by `{}`", settings.ci.act),
            "set `command` in `[ampx.ci]`, or in `[ci]` of a repository's `.opsmith.toml`, where another is meant",
        ),
        (CiProvider::Command, None) => note(
            "no command is configured",
            "set `command` in `[ampx.ci]`, or in `[ci]` of a repository's `.opsmith.toml`",
        ),
    }
}

/// The program that runs workflows, where it is what checks.
async fn act(settings: &Settings, sandbox: &Sandbox) -> Option<Check> {
    let missing = match (settings.ci.provider, &settings.ci.command) {
        (CiProvider::Act, _) => State::Missing,
        (CiProvider::Auto | CiProvider::GitHub, None) => State::Note,
        (CiProvider::GitHub, Some(_)) => return None,
        (CiProvider::Auto | CiProvider::Command, _) | (CiProvider::None, _) => return None,
    };
    let folder = tempfile::tempdir().ok()?;
    Some(match find_act(settings.ci.act.as_ref(), sandbox, folder.path()).await {
        Ok(found) => {
            let state = match found {
                ActFound::Tested => State::Ok,
                ActFound::Older(_) | ActFound::Newer(_) => State::Note,
                ActFound::Missing | ActFound::Silent(_) => missing,
            };
            Check { name: "act".to_owned(), state, detail: found.to_string(), hint: found.hint() }
        }
        Err(error) => Check::missing("act", &error),
    })
}

async fn server(session: &Session<'_>) -> Check {
    let reached = match session.server().await {
        Ok(client) => client.ping().await.map(|_| client.url().to_owned()).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    match reached {
        Ok(url) => Check::ok("server", format!("{url} answers")),
        Err(failure) => Check::failed("server", State::Note, failure),
    }
}

fn walls(sandbox: &Sandbox, detailed: bool) -> Vec<Check> {
    let capabilities = sandbox.capabilities();
    let mut checks = vec![walls_in_short(sandbox, &capabilities)];
    if !detailed {
        return checks;
    }
    let check = |capability: Capability| {
        let (state, how) = match capability.enforcement {
            Enforcement::Full => (State::Ok, ""),
            Enforcement::Partial => (State::Note, "in part: "),
            Enforcement::None => (State::Note, "not enforced: "),
        };
        let name = format!("sandbox {}", capability.name);
        Check { name, state, detail: format!("{how}{}", capability.detail), hint: None }
    };
    checks.extend(capabilities.into_iter().map(check));
    checks
}

/// What an agent is kept from, on one row.
fn walls_in_short(sandbox: &Sandbox, capabilities: &[Capability]) -> Check {
    let named = |enforcement: Enforcement| {
        let names = capabilities.iter().filter(|capability| capability.enforcement == enforcement);
        names.map(|capability| capability.name.replace('_', " ")).collect::<Vec<_>>().join(", ")
    };
    let backend = sandbox.backend();
    let parts = [
        ("holds", named(Enforcement::Full)),
        ("in part", named(Enforcement::Partial)),
        ("not", named(Enforcement::None)),
    ];
    let detail = parts.iter().filter(|(_, names)| !names.is_empty()).map(|(how, names)| format!("{how}: {names}"));
    let whole = capabilities.iter().all(|capability| capability.enforcement == Enforcement::Full);
    Check {
        name: "sandbox".to_owned(),
        state: if whole { State::Ok } else { State::Note },
        detail: format!("{backend}: {}", detail.collect::<Vec<_>>().join("; ")),
        hint: Some(way_to_more(sandbox)),
    }
}

/// What to do for the walls that are missing, and where the reasons are.
fn way_to_more(sandbox: &Sandbox) -> String {
    let why_not = sandbox.passed_over().join("; ");
    let next = match sandbox.backend() {
        Backend::Bubblewrap | Backend::Container => String::new(),
        Backend::Local if why_not.is_empty() => "for walls, remove `sandbox.backend = \"local\"`; ".to_owned(),
        Backend::Local => format!("for walls, install bubblewrap and allow user namespaces: {why_not}; "),
    };
    format!("{next}what each means: `-v`")
}

fn show(session: &Session<'_>, checks: &[Check]) -> Result<Exit, Failure> {
    let missing = checks.iter().filter(|check| check.state == State::Missing).count();
    if session.output.is_json() {
        session.output.json(&json!({ "ok": missing == 0, "checks": checks }))?;
    } else {
        let row = |check: &Check| {
            let state = match check.state {
                State::Ok => Cell::toned("ok", Tone::Good),
                State::Note => Cell::toned("note", Tone::Warn),
                State::Missing => Cell::toned("missing", Tone::Bad),
            };
            let hint = check.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            vec![Cell::from(&check.name), state, Cell::from(format!("{}{hint}", check.detail))]
        };
        session.output.table(&["CHECK", "STATE", "DETAIL"], &checks.iter().map(row).collect::<Vec<_>>());
    }
    if missing == 0 {
        return Ok(Exit::OK);
    }
    let what = if missing == 1 { "one thing is".to_owned() } else { format!("{missing} things are") };
    session.output.note(&format!("{what} missing"));
    Ok(ErrorKind::Failed.into())
}
