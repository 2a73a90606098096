use std::io::Read as _;
use std::path::Path;

use opsmith_host::cli::{Exit, Failure};
use opsmith_model::ErrorKind;

use super::backend::Backend;
use super::session::Session;
use super::view::{short, show_detail};
use super::wait::{self, Begun};
use crate::NewTask;

/// Four bytes for each of a prompt's 50,000 characters, and what tells that there are more.
const MOST_STDIN_BYTES: u64 = 200_001;

const EXAMPLES: &str = "\
Examples:
  ampx start https://example.com/acme/api \"Make the failing test pass\"
  ampx start . Rename the option --wait --agent mine --max-attempts 5
  ampx start --repo git@example.com:acme/api.git --task - < prompt.md

Words without quotes are joined into the prompt. With --wait it ends with 0 for success, 1 for error or aborted, 6 for
needs_review. Where no server is at the default address, --wait runs the task in this process.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The repository (git URL or local path), then what the agent is to do, in one word or many; `-` is stdin
    #[arg(value_names = ["REPO", "PROMPT"], num_args = 0..)]
    words: Vec<String>,
    /// The repository
    #[arg(long, value_name = "REPO")]
    repo: Option<String>,
    /// What the agent is to do; `-` reads it from stdin
    #[arg(long, value_name = "PROMPT", allow_hyphen_values = true)]
    task: Option<String>,
    /// Wait until the task stops
    #[arg(long, short)]
    wait: bool,
    /// The configured agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// The branch to start from [default: the remote's HEAD]
    #[arg(long, value_name = "BRANCH")]
    base: Option<String>,
    /// How many attempts it may take
    #[arg(long, value_name = "N")]
    max_attempts: Option<u32>,
    /// What it may cost, in US dollars
    #[arg(long, value_name = "USD")]
    budget_usd: Option<f64>,
    /// Let edits of tests and CI files pass without a person
    #[arg(long)]
    allow_test_edits: bool,
    /// A word to find it by; may be repeated
    #[arg(long = "label", value_name = "WORD")]
    labels: Vec<String>,
    /// With the same key again it is the same task
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let (wait, key) = (args.wait, args.idempotency_key.clone());
    let new = args.new_task()?;
    if session.globals.dry_run {
        let agent = new.agent.as_deref().unwrap_or("the default agent");
        return session.would(&format!("give {agent} a task on `{}`", new.repo));
    }
    if wait {
        let backend = session.server_or_here("running the task in this process").await?;
        let begin = async {
            let created = backend.create(&new, key.as_deref()).await.map_err(as_wrong_words)?;
            session.output.note(&format!("task {} on branch {}", short(created.id), created.branch));
            Ok(Begun { id: created.id, new: true })
        };
        return wait::through(session, &backend, begin).await;
    }
    let backend = Backend::Server(session.server().await?);
    let created = backend.create(&new, key.as_deref()).await.map_err(|failure| match failure.kind {
        ErrorKind::Unavailable => failure.with_hint("start a server with `opsmith serve`, or add `--wait`"),
        _ => as_wrong_words(failure),
    })?;
    show_detail(session, &backend.detail(&created.id.to_string()).await?)?;
    session.output.note(&format!("follow it with `ampx logs {} --follow`", short(created.id)));
    Ok(Exit::OK)
}

impl Args {
    fn new_task(self) -> Result<NewTask, Failure> {
        let mut words = self.words.into_iter();
        let repo = self.repo.or_else(|| words.next());
        let prompt = match (self.task, joined(words)) {
            (Some(_), Some(words)) => return Err(usage(&format!("`{words}` is beside the prompt of `--task`"))),
            (task, words) => task.or(words),
        };
        let (Some(repo), Some(prompt)) = (repo, prompt) else {
            return Err(usage("a repository and a prompt are needed"));
        };
        Ok(NewTask {
            repo: absolute(repo),
            prompt: read_prompt(prompt)?,
            agent: self.agent,
            base: self.base,
            max_attempts: self.max_attempts,
            budget_usd: self.budget_usd,
            allow_test_edits: self.allow_test_edits,
            labels: self.labels,
        })
    }
}

fn usage(message: &str) -> Failure {
    Failure::new(ErrorKind::Usage, message).with_hint("write `ampx start REPO PROMPT`")
}

/// Every field of a new task is from the command line, so one that does not hold is a wrong word.
fn as_wrong_words(mut failure: Failure) -> Failure {
    if failure.kind == ErrorKind::Invalid {
        failure.kind = ErrorKind::Usage;
    }
    failure
}

/// Words as they stood on the command line; `None` where there are none.
pub(super) fn joined(words: impl IntoIterator<Item = String>) -> Option<String> {
    let words: Vec<String> = words.into_iter().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// The prompt, from stdin where it is `-`; an empty one is refused.
pub(super) fn read_prompt(prompt: String) -> Result<String, Failure> {
    let prompt = if prompt == "-" { from_stdin()? } else { prompt };
    if prompt.trim().is_empty() {
        return Err(Failure::new(ErrorKind::Usage, "the prompt is empty").with_hint("say what the agent is to do"));
    }
    Ok(prompt)
}

/// A folder of this machine by its whole path, since the one who clones it may be elsewhere; all else as it is.
pub(super) fn absolute(repo: String) -> String {
    let path = Path::new(&repo);
    if path.is_absolute() || !path.is_dir() {
        return repo;
    }
    path.canonicalize().ok().and_then(|path| path.to_str().map(str::to_owned)).unwrap_or(repo)
}

/// The prompt from stdin, without the line break at its end.
fn from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = tokio::task::block_in_place(|| std::io::stdin().lock().take(MOST_STDIN_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(Failure::new(ErrorKind::Invalid, format!("failed to read the prompt from stdin: {error}"))),
    }
}
