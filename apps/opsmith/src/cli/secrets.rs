use std::collections::BTreeMap;

use clap::Subcommand;
use opsmith_guard::secrets::{REVEAL, placeholder, reveal, reveal_effect};
use opsmith_guard::{Answer, Permit, Refusal};
use opsmith_host::cli::{Exit, Failure};
use opsmith_host::process::Process;
use opsmith_model::{ConfirmationId, ErrorKind, Operation, Plan};
use serde_json::json;

use super::session::Session;

const EXAMPLES: &str = "\
Examples:
  opsmith secrets reveal 01K9ZQ6V0M3Q8R5T7W9Y1B3D5F 1
  opsmith secrets reveal 01K9ZQ6V0M3Q8R5T7W9Y1B3D5F 1 2 --yes

Texts of a task have <SECRET_HASH_1> where a secret stood. What it stands for is told to a person alone, after a yes, and
that it was told is in `opsmith audit list`.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Tell what placeholders of a task stand for
    #[command(after_help = "Examples:\n  opsmith secrets reveal 01K9ZQ6V0M3Q8R5T7W9Y1B3D5F 1")]
    Reveal(RevealArgs),
}

#[derive(clap::Args, Debug)]
struct RevealArgs {
    /// The task, by its whole id
    task: String,
    /// The numbers of the placeholders
    #[arg(required = true)]
    numbers: Vec<u32>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Reveal(args) => tell(session, args).await,
    }
}

async fn tell(session: &Session, args: RevealArgs) -> Result<Exit, Failure> {
    let process = session.process().await?;
    let (scope, numbers) = (args.task.to_uppercase(), args.numbers);
    let effect = reveal_effect(&scope, &numbers);
    if session.globals.dry_run {
        return session.would(&effect.summary);
    }
    let operation = Operation {
        kind: REVEAL.kind.to_owned(),
        target: effect.target.clone(),
        principal: Process::local_user(),
        // Each time is an operation of its own, which a yes is used up by.
        key: format!("secrets.reveal:{}", ConfirmationId::new(process.clock.now())),
    };
    let permit = permit(session, &process, &Plan { operation, effects: vec![effect] }).await?;
    let write = process.store.write().await?;
    let told = reveal(&process.guard, write, &permit, process.secrets.store(), &scope, &numbers).await?;
    if session.output.is_json() {
        let secrets: BTreeMap<String, &str> =
            told.iter().map(|(number, secret)| (placeholder(*number), secret.expose())).collect();
        session.output.json(&json!({ "task": scope, "secrets": secrets }))?;
    } else {
        for (number, secret) in &told {
            session.output.line(&format!("{} {}", placeholder(*number), secret.expose()));
        }
    }
    Ok(Exit::OK)
}

/// The permit, after a person's yes where the policy wants one.
async fn permit(session: &Session, process: &Process, plan: &Plan) -> Result<Permit, Failure> {
    let asked = match process.guard.authorize(plan).await {
        Ok(permits) => return only(permits),
        Err(Refusal::ConfirmationRequired(asked)) => asked,
        Err(refusal) => return Err(refusal.into()),
    };
    let yes = match session.ask(&format!("Really {}?", plan.effects[0].summary)) {
        Ok(yes) => yes,
        Err(failure) if failure.kind == ErrorKind::ConfirmationRequired => {
            let hint = format!("confirm it with `opsmith confirm yes {}` and ask again, or say `--yes`", asked.id);
            return Err(failure.with_hint(hint));
        }
        Err(failure) => return Err(failure),
    };
    let answer = if yes { Answer::Yes } else { Answer::No };
    process.guard.confirm(asked.id, answer, &asked.digest, &plan.operation.principal).await?;
    if !yes {
        return Err(Failure::new(ErrorKind::ConfirmationRequired, "not confirmed; nothing was told"));
    }
    only(process.guard.authorize(plan).await?)
}

fn only(mut permits: Vec<Permit>) -> Result<Permit, Failure> {
    permits.pop().ok_or_else(|| Failure::new(ErrorKind::Bug, "the gate gave no permit"))
}
