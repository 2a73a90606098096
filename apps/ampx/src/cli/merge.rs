use clap::ValueEnum;
use opsmith_forge::git::MergeMethod;
use opsmith_guard::Answer;
use opsmith_host::cli::{Exit, Failure};
use opsmith_host::http::ProblemBody;
use opsmith_model::{Decision, ErrorKind, Plan};

use super::session::Session;
use super::view::{short, show_detail};
use crate::Merged;
use crate::client::{Client, ClientError, MergeWish};
use crate::task::Task;

const EXAMPLES: &str = "\
Examples:
  ampx merge 3f9k2m1x --dry-run
  ampx merge 3f9k2m1x --method rebase --delete-branch
  ampx merge 3f9k2m1x --auto --yes

Where the policy wants a person's yes, it shows the plan and asks on a terminal; elsewhere it ends with 4 and says how
to confirm. --yes is that yes.";

#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The task
    id: String,
    /// Merge as soon as it may be, if it may not be now
    #[arg(long, short)]
    auto: bool,
    /// Delete the task's branch afterwards
    #[arg(long)]
    delete_branch: bool,
    /// How the commits come into the base
    #[arg(long, value_enum, default_value_t = Method::Squash)]
    method: Method,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Method {
    /// One new commit with all changes
    Squash,
    /// A merge commit
    Merge,
    /// Each commit anew on top of the base
    Rebase,
}

impl From<Method> for MergeMethod {
    fn from(method: Method) -> Self {
        match method {
            Method::Squash => Self::Squash,
            Method::Merge => Self::Merge,
            Method::Rebase => Self::Rebase,
        }
    }
}

pub(super) async fn run(session: &Session<'_>, args: Args) -> Result<Exit, Failure> {
    let client = session.server().await?;
    let task = client.detail(&args.id).await?.task;
    let wish = MergeWish { method: args.method.into(), delete_branch: args.delete_branch, auto: args.auto };
    if session.globals.dry_run {
        return show_plan_only(session, &client, &task, &wish).await;
    }
    let merged = match merge(session, &client, &task, &wish).await? {
        Ok(merged) => merged,
        Err(exit) => return Ok(exit),
    };
    match &merged.sha {
        Some(sha) => session.output.note(&format!("merged task {} as {sha}", short(task.id))),
        None => session.output.note(&format!("task {} is merged as soon as it may be", short(task.id))),
    }
    show_detail(session, &client.detail(&task.id.to_string()).await?)?;
    Ok(Exit::OK)
}

/// Merges, after a person's yes where the policy wants one; an exit where there was none.
async fn merge(
    session: &Session<'_>,
    client: &Client,
    task: &Task,
    wish: &MergeWish,
) -> Result<Result<Merged, Exit>, Failure> {
    let id = task.id.to_string();
    let problem = match client.merge(&id, wish).await {
        Ok(merged) => return Ok(Ok(merged)),
        Err(ClientError::Problem(problem)) if problem.kind() == ErrorKind::ConfirmationRequired => problem,
        Err(error) => return Err(error.into()),
    };
    let asked = Asked::read(&problem)?;
    match asked.answer(session, task)? {
        Some(Answer::Yes) => {
            client.confirm(&asked.id, Answer::Yes, &asked.digest).await?;
            Ok(Ok(client.merge(&id, wish).await?))
        }
        Some(Answer::No) => {
            client.confirm(&asked.id, Answer::No, &asked.digest).await?;
            session.output.note("not confirmed; nothing was changed");
            Ok(Err(ErrorKind::ConfirmationRequired.into()))
        }
        None => Err(asked.unanswered(session, &problem)?),
    }
}

/// A question of the policy, as the server asks it.
struct Asked {
    id: String,
    digest: String,
    plan: Option<Plan>,
}

impl Asked {
    fn read(problem: &ProblemBody) -> Result<Self, Failure> {
        let (Some(id), Some(digest)) = (problem.confirmation_id.clone(), problem.digest.clone()) else {
            let what = "the server wants a confirmation and does not say of what";
            return Err(Failure::new(ErrorKind::Failed, what));
        };
        let plan = problem.plan.clone().and_then(|plan| serde_json::from_value::<Plan>(plan).ok());
        // What is shown must be what is confirmed.
        let plan = plan.filter(|plan| plan.digest().as_str() == digest);
        Ok(Self { id, digest, plan })
    }

    /// The person's answer; `None` where nobody can be asked.
    fn answer(&self, session: &Session<'_>, task: &Task) -> Result<Option<Answer>, Failure> {
        let Some(plan) = &self.plan else {
            return Err(Failure::new(ErrorKind::Failed, "the plan to confirm does not fit its digest"));
        };
        for line in plan_lines(plan) {
            session.output.note(&line);
        }
        match session.ask(&format!("Merge task {}?", short(task.id))) {
            Ok(true) => Ok(Some(Answer::Yes)),
            Ok(false) => Ok(Some(Answer::No)),
            Err(failure) if failure.kind == ErrorKind::ConfirmationRequired => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    fn unanswered(&self, session: &Session<'_>, problem: &ProblemBody) -> Result<Failure, Failure> {
        if session.output.is_json() {
            session.output.json(problem)?;
        }
        let message = format!("the merge waits for a person's yes, confirmation `{}`", self.id);
        let hint = format!("confirm it with `opsmith confirm yes {}` and merge again, or merge with `--yes`", self.id);
        Ok(Failure::new(ErrorKind::ConfirmationRequired, message).with_hint(hint))
    }
}

/// What would happen, in a person's words, in order.
fn plan_lines(plan: &Plan) -> Vec<String> {
    let head = format!("plan for {} (digest {}):", plan.operation.target, &plan.digest().as_str()[..12]);
    let effects = plan.effects.iter().map(|effect| format!("  {}: {}", effect.kind, effect.summary));
    [head].into_iter().chain(effects).collect()
}

/// Shows the plan as it would be now, and what the policy says of it.
async fn show_plan_only(
    session: &Session<'_>,
    client: &Client,
    task: &Task,
    wish: &MergeWish,
) -> Result<Exit, Failure> {
    let planned = client.merge_plan(&task.id.to_string(), wish).await?;
    if session.output.is_json() {
        session.output.json(&planned)?;
        return Ok(Exit::OK);
    }
    for line in plan_lines(&planned.plan) {
        session.output.line(&line);
    }
    for (effect, decision) in planned.plan.effects.iter().zip(&planned.decisions) {
        let said = match decision {
            Decision::Allow => "may happen".to_owned(),
            Decision::Confirm(reason) => format!("needs a person's yes ({reason})"),
            Decision::Deny(reason) => format!("is denied ({reason})"),
        };
        session.output.note(&format!("{} {said}", effect.kind));
    }
    session.output.note("nothing was changed");
    Ok(Exit::OK)
}
