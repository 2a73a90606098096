use clap::Subcommand;
use opsmith_guard::{Answer, Confirmation};
use opsmith_host::cli::{Cell, Exit, Failure, ago, clean_line};
use opsmith_host::process::Process;
use opsmith_model::{ConfirmationId, Digest, ErrorKind};
use serde_json::json;

use super::session::Session;

/// How many waiting ones are listed.
const MOST_PENDING: u64 = 1_000;

const EXAMPLES: &str = "\
Examples:
  opsmith confirm list
  opsmith confirm show 3f9k2m1x
  opsmith confirm yes 3f9k2m1x

The id of one that waits may be shortened to either end while it is unique.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List what waits for an answer, oldest first
    #[command(after_help = "Examples:\n  opsmith confirm list")]
    List,
    /// Show one with its plan
    #[command(after_help = "Examples:\n  opsmith confirm show 3f9k2m1x")]
    Show {
        /// The confirmation
        id: String,
    },
    /// Let exactly that plan happen, once
    #[command(after_help = "Examples:\n  opsmith confirm yes 3f9k2m1x")]
    Yes(AnswerArgs),
    /// Refuse it
    #[command(after_help = "Examples:\n  opsmith confirm no 3f9k2m1x")]
    No(AnswerArgs),
}

#[derive(clap::Args, Debug)]
struct AnswerArgs {
    /// The confirmation
    id: String,
    /// Answer only if the plan has this digest
    #[arg(long)]
    digest: Option<Digest>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<Exit, Failure> {
    let process = session.process().await?;
    match args.command {
        Command::List => list(session, &process).await,
        Command::Show { id } => show(session, &find(&process, &id).await?),
        Command::Yes(args) => answer(session, &process, args, Answer::Yes).await,
        Command::No(args) => answer(session, &process, args, Answer::No).await,
    }
}

async fn list(session: &Session, process: &Process) -> Result<Exit, Failure> {
    let pending = process.guard.pending(MOST_PENDING).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "confirmations": pending }))?;
        return Ok(Exit::OK);
    }
    let now = process.clock.now();
    let row = |asked: &Confirmation| {
        vec![
            Cell::from(asked.id.to_string()),
            Cell::from(&asked.plan.operation.kind),
            Cell::from(asked.plan.operation.target.as_str()),
            Cell::from(asked.plan.operation.principal.to_string()),
            Cell::from(ago(asked.created_at, now)),
            Cell::from(ago(asked.expires_at, now)),
        ]
    };
    let rows: Vec<_> = pending.iter().map(row).collect();
    session.output.table(&["CONFIRMATION", "OPERATION", "TARGET", "ASKED BY", "ASKED", "ENDS"], &rows);
    if rows.is_empty() {
        session.output.note("nothing waits for an answer");
    }
    Ok(Exit::OK)
}

/// The confirmation of an id, which may be shortened where it still waits.
async fn find(process: &Process, id: &str) -> Result<Confirmation, Failure> {
    let upper = id.to_uppercase();
    if let Ok(id) = upper.parse::<ConfirmationId>() {
        return Ok(process.guard.confirmation(id).await?);
    }
    let mut pending = process.guard.pending(MOST_PENDING).await?;
    pending.retain(|asked| {
        let whole = asked.id.to_string();
        !upper.is_empty() && (whole.ends_with(&upper) || whole.starts_with(&upper))
    });
    match (pending.pop(), pending.len()) {
        (Some(asked), 0) => Ok(asked),
        (Some(_), more) => {
            let message = format!("`{id}` fits {} confirmations", more + 1);
            Err(Failure::new(ErrorKind::Conflict, message).with_hint("give more of the id"))
        }
        (None, _) => {
            let failure = Failure::new(ErrorKind::NotFound, format!("no waiting confirmation has the id `{id}`"));
            Err(failure.with_hint("see what waits with `opsmith confirm list`"))
        }
    }
}

fn show(session: &Session, asked: &Confirmation) -> Result<Exit, Failure> {
    if session.output.is_json() {
        session.output.json(asked)?;
        return Ok(Exit::OK);
    }
    let line = |name: &str, text: &str| session.output.line(&format!("{name:<13}{}", clean_line(text)));
    line("confirmation", &asked.id.to_string());
    line("state", state(asked));
    line("operation", &format!("{} on {}", asked.plan.operation.kind, asked.plan.operation.target));
    line("asked by", &asked.plan.operation.principal.to_string());
    line("because", &asked.reason);
    line("digest", asked.digest.as_str());
    line("ends", &asked.expires_at.to_rfc3339());
    for effect in &asked.plan.effects {
        line("effect", &format!("{}: {}", effect.kind, effect.summary));
        line("", &effect.parameters.to_string());
    }
    Ok(Exit::OK)
}

const fn state(asked: &Confirmation) -> &'static str {
    use opsmith_guard::ConfirmationState as S;
    match asked.state {
        S::Pending => "waiting for an answer",
        S::Yes => "yes, not used so far",
        S::No => "no",
        S::Consumed => "yes, used",
    }
}

async fn answer(session: &Session, process: &Process, args: AnswerArgs, answer: Answer) -> Result<Exit, Failure> {
    let asked = find(process, &args.id).await?;
    if session.globals.dry_run {
        let word = match answer {
            Answer::Yes => "yes",
            Answer::No => "no",
        };
        return session
            .would(&format!("answer {word} to {} on {}", asked.plan.operation.kind, asked.plan.operation.target));
    }
    let digest = args.digest.unwrap_or_else(|| asked.digest.clone());
    let answered = process.guard.confirm(asked.id, answer, &digest, &Process::local_user()).await?;
    show(session, &answered)
}
