use clap::{Subcommand, ValueEnum};
use opsmith_guard::tokens::{Lifetime, NewToken, Role, Token, TokenError, TokenState};
use opsmith_host::cli::{Cell, Exit, Failure, Output, Tone, ago};
use opsmith_host::process::Process;
use opsmith_model::{ErrorKind, PrincipalKind, TokenId};
use opsmith_store::Page;
use serde_json::json;

use super::session::Session;
use crate::http::MadeToken;

/// How many are listed, and looked through for a shortened id.
const ALL: Page = Page { limit: 10_000, offset: 0 };

const EXAMPLES: &str = "\
Examples:
  opsmith token create ada --role admin
  export OPSMITH_TOKEN=$(opsmith token create ada)
  opsmith token create ci --for service --role viewer --expires never
  opsmith token list
  opsmith token revoke 3f9k2m1x

They work on the store of this machine, with or without a server. As long as there is none, a server on loopback is open;
from the first on it wants one of everybody, who sends it as OPSMITH_TOKEN or `Authorization: Bearer`.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Form of the data; json is the same as --json
    #[arg(long, short, global = true, value_enum)]
    output: Option<Form>,
    #[command(subcommand)]
    command: Command,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Table,
    Json,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make one and print its text, this one time
    #[command(
        after_help = "Examples:\n  opsmith token create ada --role admin\n  opsmith token create bot --for agent --expires 12h -o json"
    )]
    Create(CreateArgs),
    /// List them, newest first
    #[command(after_help = "Examples:\n  opsmith token list\n  opsmith token list --json")]
    List,
    /// End one for good
    #[command(after_help = "Examples:\n  opsmith token revoke 3f9k2m1x")]
    Revoke {
        /// The token's id, which may be shortened to either end while it is unique
        id: String,
    },
}

#[derive(clap::Args, Debug)]
struct CreateArgs {
    /// The name of whoever it stands for; the audit chain has it with what they do
    name: String,
    /// How much it may: viewer reads, operator starts and ends work and answers, admin makes tokens too
    #[arg(long, default_value_t = Role::Operator)]
    role: Role,
    /// What sort of principal it stands for; only a user answers for a person
    #[arg(long = "for", value_enum, default_value_t = For::User)]
    kind: For,
    /// How long it holds: days, hours, or never
    #[arg(long, value_name = "90d", default_value_t = Lifetime::default())]
    expires: Lifetime,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum For {
    User,
    Agent,
    Service,
}

impl From<For> for PrincipalKind {
    fn from(kind: For) -> Self {
        match kind {
            For::User => Self::User,
            For::Agent => Self::Agent,
            For::Service => Self::Service,
        }
    }
}

pub(super) async fn run(session: &Session, args: Args) -> Result<Exit, Failure> {
    let output = if args.output == Some(Form::Json) { Output::new(true) } else { session.output };
    let process = session.process().await?;
    match args.command {
        Command::Create(args) => create(session, output, &process, args).await,
        Command::List => list(output, &process).await,
        Command::Revoke { id } => revoke(session, output, &process, &id).await,
    }
}

async fn create(session: &Session, output: Output, process: &Process, args: CreateArgs) -> Result<Exit, Failure> {
    let tokens = process.guard.tokens();
    let new = NewToken {
        name: args.name,
        kind: args.kind.into(),
        role: args.role,
        expires_at: args.expires.end(process.clock.now()),
    };
    new.check_name().map_err(as_wrong_words)?;
    if session.globals.dry_run {
        return session.would(&format!("make a token for `{}` with the role {}", new.name, new.role));
    }
    let first = !tokens.any_standing().await?;
    let (token, text) = tokens.create(&new, &Process::local_user()).await?;
    if output.is_json() {
        output.json(&MadeToken::new(token, &text))?;
        return Ok(Exit::OK);
    }
    output.line(text.expose());
    let end = token.expires_at.map_or_else(|| "revoked".to_owned(), |end| end.format("%Y-%m-%d").to_string());
    output.note(&format!(
        "token {} of {}, role {}, until {end}; it is not shown again",
        token.id,
        token.principal(),
        token.role
    ));
    if first {
        output.note("from now on the server on this store wants a token of everybody: set OPSMITH_TOKEN for commands, and log in with it in a browser");
    }
    Ok(Exit::OK)
}

/// The name is from the command line.
fn as_wrong_words(error: TokenError) -> Failure {
    let mut failure = Failure::from(error);
    if failure.kind == ErrorKind::Invalid {
        failure.kind = ErrorKind::Usage;
    }
    failure
}

async fn list(output: Output, process: &Process) -> Result<Exit, Failure> {
    let (tokens, _) = process.guard.tokens().list(ALL).await?;
    if output.is_json() {
        output.json(&json!({ "tokens": tokens }))?;
        return Ok(Exit::OK);
    }
    let now = process.clock.now();
    let row = |token: &Token| {
        let state = match token.state(now) {
            TokenState::Active => Cell::toned("active", Tone::Good),
            TokenState::Expired => Cell::toned("expired", Tone::Warn),
            TokenState::Revoked => Cell::toned("revoked", Tone::Dim),
        };
        vec![
            Cell::from(token.id.to_string()),
            Cell::from(token.principal().to_string()),
            Cell::from(token.role.as_str()),
            state,
            Cell::from(token.expires_at.map_or_else(|| "never".to_owned(), |end| ago(end, now))),
            Cell::from(token.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, now))),
            Cell::from(token.created_by.to_string()),
        ]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    output.table(&["TOKEN", "WHO", "ROLE", "STATE", "ENDS", "LAST USED", "MADE BY"], &rows);
    if rows.is_empty() {
        output.note(
            "no tokens: a server on loopback is open to whoever reaches it; `opsmith token create NAME` closes it",
        );
    }
    Ok(Exit::OK)
}

async fn revoke(session: &Session, output: Output, process: &Process, id: &str) -> Result<Exit, Failure> {
    let tokens = process.guard.tokens();
    let id = find(process, id).await?;
    if session.globals.dry_run {
        return session.would(&format!("revoke token {id}"));
    }
    let token = tokens.revoke(id, &Process::local_user()).await?;
    if output.is_json() {
        output.json(&token)?;
    } else {
        output.line(&format!("revoked {} of {}", token.id, token.principal()));
    }
    if !tokens.any_standing().await? {
        output.note("no token is left: a server on loopback is open again to whoever reaches it");
    }
    Ok(Exit::OK)
}

/// The token of an id, which may be shortened to either end.
async fn find(process: &Process, id: &str) -> Result<TokenId, Failure> {
    let upper = id.to_uppercase();
    if let Ok(id) = upper.parse::<TokenId>() {
        return Ok(id);
    }
    let (tokens, _) = process.guard.tokens().list(ALL).await?;
    let ids = tokens.iter().map(|token| token.id).filter(|id| {
        let whole = id.to_string();
        !upper.is_empty() && (whole.ends_with(&upper) || whole.starts_with(&upper))
    });
    match ids.collect::<Vec<_>>()[..] {
        [id] => Ok(id),
        [] => Err(Failure::new(ErrorKind::NotFound, format!("there is no token `{id}`"))
            .with_hint("see them with `opsmith token list`")),
        [_, _, ..] => {
            Err(Failure::new(ErrorKind::Conflict, format!("`{id}` fits several tokens"))
                .with_hint("give more of the id"))
        }
    }
}
