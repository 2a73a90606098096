use clap::Subcommand;
use opsmith_guard::{AuditEntry, AuditOutcome, ClientChain};
use opsmith_host::cli::{Cell, Exit, Failure, Output, Tone};
use opsmith_host::process::Process;
use opsmith_store::Page;
use serde_json::json;

use super::session::Session;

const BATCH: u64 = 500;

const EXAMPLES: &str = "\
Examples:
  opsmith audit list -l 20
  opsmith audit verify
  opsmith audit export > audit.jsonl";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List entries, newest first
    #[command(after_help = "Examples:\n  opsmith audit list\n  opsmith audit list --limit 10 --json")]
    List(ListArgs),
    /// Check every link of the hash chain
    #[command(after_help = "Examples:\n  opsmith audit verify")]
    Verify,
    /// Print entries as JSON lines, oldest first
    #[command(after_help = "Examples:\n  opsmith audit export > audit.jsonl\n  opsmith audit export --after 120")]
    Export {
        /// Only those after this one
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: i64,
    },
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    /// How many
    #[arg(long, short, value_name = "N", default_value_t = 50)]
    limit: u64,
    /// Pass over so many first
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<Exit, Failure> {
    let process = session.process().await?;
    match args.command {
        Command::List(args) => list(session, &process, &args).await,
        Command::Verify => verify(session, &process).await,
        Command::Export { after } => export(&process, after).await,
    }
}

async fn list(session: &Session, process: &Process, args: &ListArgs) -> Result<Exit, Failure> {
    let entries = process.guard.audit(Page { limit: args.limit, offset: args.offset }).await?;
    if session.output.is_json() {
        session.output.json(&json!({ "entries": entries }))?;
        return Ok(Exit::OK);
    }
    // Most stores have no such entries, and lines are long enough.
    let of_clients = entries.iter().any(|entry| entry.client.is_some());
    let row = |entry: &AuditEntry| {
        let outcome = match entry.outcome {
            AuditOutcome::Done => Cell::toned("done", Tone::Good),
            AuditOutcome::Refused => Cell::toned("refused", Tone::Warn),
            AuditOutcome::Failed => Cell::toned("failed", Tone::Bad),
        };
        let client = entry.client.as_ref().map_or_else(String::new, |link| format!("{} {}", link.id, link.seq));
        let mut row = vec![
            Cell::from(entry.seq.to_string()),
            Cell::from(entry.at.format("%Y-%m-%d %H:%M:%S").to_string()),
            Cell::from(&entry.principal),
            Cell::from(&entry.action),
            outcome,
            Cell::from(&entry.target),
        ];
        row.extend(of_clients.then(|| Cell::from(client)));
        row
    };
    let mut headers = vec!["SEQ", "AT (UTC)", "WHO", "ACTION", "OUTCOME", "TARGET"];
    headers.extend(of_clients.then_some("CLIENT"));
    session.output.table(&headers, &entries.iter().map(row).collect::<Vec<_>>());
    if entries.is_empty() {
        session.output.note("no entries; each change to an outside system makes one");
    }
    Ok(Exit::OK)
}

async fn verify(session: &Session, process: &Process) -> Result<Exit, Failure> {
    let chain = process.guard.verify().await?;
    if session.output.is_json() {
        session.output.json(&chain)?;
    } else {
        session.output.toned(Tone::Good, &format!("the chain of {} entries holds", chain.entries));
        session.output.line(&format!("head {}", chain.head));
        for ClientChain { client, entries, head } in &chain.clients {
            session.output.line(&format!("client {client}: {entries} entries, head {head}"));
        }
        session.output.note("keep the head elsewhere to notice a chain that was written anew");
    }
    Ok(Exit::OK)
}

async fn export(process: &Process, mut after: i64) -> Result<Exit, Failure> {
    // JSON whatever was asked for: lines are this command's form.
    let output = Output::new(true);
    loop {
        let entries = process.guard.audit_after(after, BATCH).await?;
        let Some(last) = entries.last() else { return Ok(Exit::OK) };
        after = last.seq;
        for entry in &entries {
            match serde_json::to_vec(entry) {
                Ok(mut line) => {
                    line.push(b'\n');
                    output.content(&line);
                }
                Err(error) => {
                    let message = format!("audit entry {} is not JSON: {error}", entry.seq);
                    return Err(Failure::new(opsmith_model::ErrorKind::Bug, message));
                }
            }
        }
    }
}
