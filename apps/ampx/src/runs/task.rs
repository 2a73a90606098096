//! A task from its prompt to its pull request.

use chrono::{DateTime, Duration, Utc};
use opsmith_model::TaskId;
use opsmith_runs::{Halt, RunContext};
use serde::{Deserialize, Serialize};

use super::attempt::{self, Edited};
use super::check::{self, Checked, Red};
use super::gate::gate;
use super::halt::halt;
use super::prompt::Failure;
use super::work::{Decides, End, Work, change};
use super::{effects, finish, github_ci, measure, prepare};
use crate::gates::FindingKind;
use crate::inputs::{Mode, TaskInput};
use crate::task::{Task, TaskEvent, TaskStatus};
use crate::{Ampx, db, sweep_turn};

/// The longest wait between two attempts.
const MOST_DELAY_S: u64 = 900;

/// Takes a task to its end.
pub async fn run(run: RunContext, ampx: Ampx, input: TaskInput) -> Result<(), Halt> {
    let end = match drive(&run, &ampx, &input).await {
        Ok(end) => end,
        Err(Halt::Failed(failure)) => match failure.hint {
            Some(hint) => End::Error(format!("{}; {hint}", failure.message)),
            None => End::Error(failure.message),
        },
        Err(Halt::Cancelled) => End::Aborted("its run was cancelled".to_owned()),
        Err(interrupted @ Halt::Interrupted(_)) => return Err(interrupted),
    };
    let aborted = matches!(end, End::Aborted(_));
    let finished = finish::finish(&run, &ampx, input.task_id, end).await;
    ampx.end_redacting(input.task_id);
    finished?;
    if aborted { Err(Halt::Cancelled) } else { Ok(()) }
}

/// What a run knows of its task when it begins, fixed by the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Begun {
    /// The first attempt's number.
    first: u32,
    max_attempts: u32,
    head_sha: Option<String>,
    pushed_sha: Option<String>,
    prompt: String,
    /// What CI said of the commit that a resumed run begins with, where it was green.
    #[serde(default)]
    passed: Option<String>,
    /// The newest commit was held for a secret.
    #[serde(default)]
    leaks: bool,
}

async fn drive(run: &RunContext, ampx: &Ampx, input: &TaskInput) -> Result<End, Halt> {
    let id = input.task_id;
    ampx.begin_redacting(id).await;
    sweep_turn::let_pass(ampx).await.map_err(halt)?;
    let begun = begin(run, ampx, id, input.mode).await?;
    let prepared = prepare::prepare(run, ampx, id).await?;
    let pushed = begun.pushed_sha;
    // What was pushed was searched before, as was the base by whoever pushed it.
    let instead = begun.leaks.then(|| pushed.clone().unwrap_or_else(|| prepared.base.sha.clone()));
    let mut work = Work { ampx: ampx.clone(), id, prepared, head: begun.head_sha, pushed, instead };
    if let (Mode::Accept, Some(head)) = (input.mode, work.head.clone()) {
        return accepted(run, &mut work, begun.first.saturating_sub(1), &head).await;
    }
    let resumes = input.mode == Mode::Resume;
    let mut last: Option<Failure> = None;
    let mut hindered = None;
    for tried in 0..begun.max_attempts {
        let number = begun.first + tried;
        if tried > 0 {
            wait(run, ampx, id, number, tried).await?;
        }
        let edited = match work.head.clone().filter(|_| resumes && tried == 0) {
            Some(head) => Ok(Edited::Head(head)),
            None => attempt::attempt(run, &work, number, &begun.prompt, last.as_ref()).await,
        };
        if !run.is_replayed() {
            measure::edited(&edited);
        }
        let head = match edited? {
            Edited::Head(head) => head,
            Edited::Hindered(how) => {
                hindered = Some(how);
                match over_budget(run, ampx, id, number).await? {
                    Some(end) => return Ok(end),
                    None => continue,
                }
            }
            Edited::Nothing { out_of_bounds: Some(how) } => {
                return Ok(End::Review(format!("the agent {how} and had changed nothing")));
            }
            Edited::Nothing { out_of_bounds: None } => {
                return Ok(End::Review("the agent changed nothing, twice".to_owned()));
            }
        };
        (work.head, work.instead, hindered) = (Some(head.clone()), None, None);
        if let Some(end) = gate(run, &work, number, &head).await? {
            if !run.is_replayed() {
                measure::held();
            }
            return Ok(end);
        }
        let passed = begun.passed.as_deref().filter(|_| tried == 0);
        let failure = match check_and_push(run, &mut work, number, &head, passed).await? {
            Stand::Green(passed) => return effects::open_pull_request(run, &work, &head, &passed).await,
            Stand::End(end) => return Ok(end),
            Stand::Red(red) => red,
        };
        if last.as_ref().is_some_and(|last| last.report.fingerprint == failure.report.fingerprint) {
            return Ok(End::Review(format!("the same failure twice running: {}", failure.report.failing)));
        }
        if let Some(end) = over_budget(run, ampx, id, number).await? {
            return Ok(end);
        }
        let base = match failure.by {
            Decides::Here => check::compare_with_base(run, &work, number, &failure.report).await?,
            Decides::GitHub { .. } => github_ci::compare_with_base(run, &work, number, &failure.report).await?,
        };
        last = Some(Failure { report: failure.report, otherwise: failure.otherwise, base });
    }
    if let Some(how) = hindered {
        return Ok(End::Error(format!("the agent could not work: {how}")));
    }
    let why = last.map_or_else(String::new, |last| format!(": {}. {}", last.report.failing, last.base.sentence()));
    Ok(End::Review(format!("max retries hit{why}")))
}

/// Where a commit stands after its check and its push.
enum Stand {
    Green(String),
    Red(Red),
    End(End),
}

/// Checks before the push where that can be done here, so that a red attempt costs no push; else after it.
/// What it `passed` before it need not pass again.
async fn check_and_push(
    run: &RunContext,
    work: &mut Work,
    number: u32,
    head: &str,
    passed: Option<&str>,
) -> Result<Stand, Halt> {
    if let Decides::GitHub { first_here } = work.prepared.decides {
        return push_and_await(run, work, number, head, passed, first_here).await;
    }
    let first = work.ampx.settings.ci.local_first;
    if !first && let Some(end) = effects::push(run, work, number, head).await? {
        return Ok(Stand::End(end));
    }
    let passed = match passed {
        Some(passed) => passed.to_owned(),
        None => match check::check(run, work, number, head).await? {
            Checked::Green(passed) => passed,
            Checked::Red(red) => return Ok(Stand::Red(red)),
            Checked::Stop(reason) => return Ok(Stand::End(End::Review(reason))),
        },
    };
    if first && let Some(end) = effects::push(run, work, number, head).await? {
        return Ok(Stand::End(end));
    }
    Ok(Stand::Green(passed))
}

/// Checks here as far as that can be done, pushes, and waits for GitHub's CI, which decides.
async fn push_and_await(
    run: &RunContext,
    work: &mut Work,
    number: u32,
    head: &str,
    passed: Option<&str>,
    first_here: bool,
) -> Result<Stand, Halt> {
    if first_here
        && passed.is_none()
        && let Checked::Red(red) = check::check(run, work, number, head).await?
    {
        return Ok(Stand::Red(red));
    }
    if let Some(end) = effects::push(run, work, number, head).await? {
        return Ok(Stand::End(end));
    }
    if let Some(passed) = passed {
        return Ok(Stand::Green(passed.to_owned()));
    }
    Ok(match github_ci::check(run, work, number, head).await? {
        Checked::Green(passed) => Stand::Green(passed),
        Checked::Red(red) => Stand::Red(red),
        Checked::Stop(reason) => Stand::End(End::Review(reason)),
    })
}

/// A person has let the commit pass: push, CI and pull request follow, and a red is for a person again.
async fn accepted(run: &RunContext, work: &mut Work, number: u32, head: &str) -> Result<End, Halt> {
    if let Some(end) = gate(run, work, number, head).await? {
        return Ok(end);
    }
    match check_and_push(run, work, number, head, None).await? {
        Stand::Green(passed) => effects::open_pull_request(run, work, head, &passed).await,
        Stand::Red(red) => Ok(End::Review(format!("accepted, but {}", red.report.failing))),
        Stand::End(end) => Ok(end),
    }
}

async fn begin(run: &RunContext, ampx: &Ampx, id: TaskId, mode: Mode) -> Result<Begun, Halt> {
    let run_id = run.run_id();
    run.step("begin", |scope| async move {
        let task = change(ampx, &scope, id, run_id, |task| {
            task.status = task.status.apply(TaskEvent::Begin).map_err(halt)?;
            task.summary = match mode {
                Mode::Start => "fetching the repository".to_owned(),
                Mode::Continue => "going on from the last commit".to_owned(),
                Mode::Resume => "going on with the last commit".to_owned(),
                Mode::Accept => "going on with the accepted commit".to_owned(),
            };
            Ok(())
        })
        .await?;
        let resumed = match mode {
            Mode::Resume => db::attempts::of_task(ampx.store.read(), id).await?.pop(),
            Mode::Start | Mode::Continue | Mode::Accept => None,
        };
        let leaks = leaks(ampx, &task).await?;
        let green = resumed.as_ref().filter(|last| last.ci_verdict.as_deref() == Some("green"));
        let passed = green.map(|last| last.summary.as_deref().unwrap_or_default());
        Ok(Begun {
            // A resumed attempt is the one that it was.
            first: task.attempt_count + u32::from(resumed.is_none()),
            passed: passed.map(|said| said.strip_prefix("green: ").unwrap_or(said).to_owned()),
            max_attempts: task.max_attempts,
            head_sha: task.head_sha,
            pushed_sha: task.pushed_sha,
            prompt: task.prompt,
            leaks,
        })
    })
    .await
}

/// Whether the newest commit was held for a secret.
async fn leaks(ampx: &Ampx, task: &Task) -> Result<bool, Halt> {
    let attempts = db::attempts::of_task(ampx.store.read(), task.id).await?;
    let made = attempts.iter().rev().find(|attempt| task.head_sha.is_some() && attempt.head_sha == task.head_sha);
    let Some(made) = made else { return Ok(false) };
    let found = db::findings::of_task(ampx.store.read(), task.id).await?.remove(&made.number).unwrap_or_default();
    Ok(found.iter().any(|finding| finding.kind == FindingKind::Secret))
}

/// Waits before the next attempt: the configured delay, doubled each time, with up to a tenth of it more or less.
async fn wait(run: &RunContext, ampx: &Ampx, id: TaskId, number: u32, tried: u32) -> Result<(), Halt> {
    let run_id = run.run_id();
    let until: DateTime<Utc> = run
        .step(&format!("wait {number}"), |scope| async move {
            let doubled = ampx.settings.retry_delay_s.saturating_mul(1 << (tried - 1).min(20)).min(MOST_DELAY_S);
            let spread = id.to_string().bytes().map(u64::from).sum::<u64>().wrapping_add(u64::from(number)) % 200;
            let delay_ms = doubled * (900 + spread);
            change(ampx, &scope, id, run_id, |task| {
                if task.status == TaskStatus::Running {
                    task.status = task.status.apply(TaskEvent::Retry).map_err(halt)?;
                }
                task.summary = match delay_ms / 1000 {
                    0 => format!("attempt {number} begins now"),
                    seconds => format!("attempt {number} begins in {seconds} s"),
                };
                Ok(())
            })
            .await?;
            Ok(ampx.now() + Duration::milliseconds(i64::try_from(delay_ms).unwrap_or(i64::MAX)))
        })
        .await?;
    run.sleep_until(&format!("pause {number}"), until).await
}

async fn over_budget(run: &RunContext, ampx: &Ampx, id: TaskId, number: u32) -> Result<Option<End>, Halt> {
    run.step(&format!("budget {number}"), |_| async move {
        let detail = ampx.detail(id).await.map_err(halt)?;
        let spent: f64 = detail.attempts.iter().filter_map(|attempt| attempt.usage.cost_usd).sum();
        let over = detail.task.budget_usd.filter(|budget| spent >= *budget);
        Ok(over.map(|budget| End::Review(format!("budget spent: {spent:.2} of {budget:.2} USD"))))
    })
    .await
}
