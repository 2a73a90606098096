use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use opsmith_sandbox::{CommandSpec, Ended as How, Exit, Limits, SandboxError};
use serde_json::json;
use tokio::sync::mpsc;

use super::judge::{Ended, judge, section};
use super::listen::{Heard, listen};
use super::trigger::Event;
use super::workflow::{MAX_FILE_BYTES, Workflow};
use crate::ci::output::pass_on;
use crate::ci::place::Place;
use crate::ci::{CiError, CiJob, RedReport, Verdict};

/// Where GitHub looks for workflows.
const FOLDER: &str = ".github/workflows";
/// More workflow files than these are not run.
const MOST_FILES: usize = 100;
/// Sourced by the bash that act starts for a step. act 0.2.89 stops listening to a step's terminal the moment that its
/// shell ends with a failure, and the last words, which say why, are lost; so a failing shell ends a little later.
const LAST_WORDS: &str = "unset BASH_ENV\ntrap '[ $? -eq 0 ] || sleep 1' EXIT\n";
/// How long act may take to its first job; until then it reads files, and fetches workflows that are called.
const MOST_START: Duration = Duration::from_secs(120);

/// The repository's own workflows, run by act without containers.
#[derive(Clone, Debug)]
pub struct ActCi {
    /// The act program.
    pub program: OsString,
    /// The branch that is checked.
    pub branch: String,
    /// The branch that it is to go into.
    pub base: String,
    /// The files of the workflows that are run; where it is empty, all.
    pub only: Vec<String>,
    /// The bounds; the time is for all workflows together.
    pub limits: Limits,
}

impl ActCi {
    /// Checks a commit: each workflow that its pull request would start, one after the other.
    pub async fn check(&self, mut job: CiJob<'_>) -> Result<Verdict, CiError> {
        job.sandbox.reap(&job.marker).await.map_err(CiError::Sandbox)?;
        let place = Place::make(job.scratch_dir).await?;
        let verdict = self.check_at(&place, &mut job).await;
        place.remove().await;
        verdict
    }

    async fn check_at(&self, place: &Place, job: &mut CiJob<'_>) -> Result<Verdict, CiError> {
        let checkout = place.check_out(job).await?;
        let (mut ended, mut spent) = (Vec::new(), Duration::ZERO);
        for file in files(&checkout).into_iter().filter(|file| self.only.is_empty() || self.only.contains(file)) {
            let workflow = match read(&checkout, &file).and_then(|text| Workflow::parse(&file, &text)) {
                Ok(workflow) => workflow,
                Err(error) => {
                    let failing = format!("`{file}` is not a workflow: {error}");
                    return Ok(Verdict::Red(RedReport::new(failing, error.as_bytes())));
                }
            };
            let Some(event) = workflow.trigger.event(&self.branch, &self.base) else { continue };
            let wall = self.limits.wall.saturating_sub(spent);
            let (exit, heard) = match self.run(place, job, &workflow, event, wall).await {
                Ok(ran) => ran,
                Err(CiError::Sandbox(SandboxError::ProgramNotFound { program })) => {
                    return Ok(Verdict::CannotRun { reason: format!("`{}` is not installed", program.display()) });
                }
                Err(CiError::Sandbox(SandboxError::NotExecutable { program, .. })) => {
                    return Ok(Verdict::CannotRun { reason: format!("`{}` cannot be executed", program.display()) });
                }
                Err(error) => return Err(error),
            };
            // Stopped before its first job, and not for the time that other workflows took: not the commit's doing.
            if heard.never_began || (exit.ended == How::TimedOut && !heard.report.has_jobs() && spent.is_zero()) {
                let waited_s = wall.min(MOST_START).as_secs();
                return Ok(Verdict::CannotRun { reason: format!("{file}: act began no job within {waited_s} s") });
            }
            spent += exit.wall;
            let run = Ended { file, jobs: heard.report.into_jobs(), complaint: heard.complaint, status: exit.status };
            match exit.ended {
                How::Exited => ended.push(run),
                How::Cancelled => return Err(CiError::Cancelled),
                How::TimedOut => {
                    let stopped = stopped(run, &format!("timed out after {} s", self.limits.wall.as_secs()));
                    return Ok(Verdict::Red(RedReport { timed_out: true, ..stopped }));
                }
                How::MemoryExceeded => {
                    let memory_mib = self.limits.memory_mib.unwrap_or_default();
                    return Ok(Verdict::Red(stopped(run, &format!("was killed over {memory_mib} MiB of memory"))));
                }
            }
        }
        if ended.is_empty() {
            return Ok(Verdict::NoCi);
        }
        Ok(judge(ended, u64::try_from(spent.as_millis()).unwrap_or(u64::MAX)))
    }

    async fn run(
        &self,
        place: &Place,
        job: &mut CiJob<'_>,
        workflow: &Workflow,
        event: Event,
        wall: Duration,
    ) -> Result<(Exit, Heard), CiError> {
        let spec = CommandSpec {
            program: self.program.clone(),
            args: self.arguments(place, workflow, event, job.sha)?,
            cwd: place.checkout(),
            env: place.environment(),
            stdin: Vec::new(),
            limits: Limits { wall, output_bytes: u64::MAX, ..self.limits.clone() },
            marker: job.marker.clone(),
        };
        let ((sender, receiver), (said, heard)) = (mpsc::channel(16), mpsc::channel(16));
        let (sandbox, cancel) = (place.sandbox(job), job.cancel.child_token());
        let (exit, heard, _) = tokio::join!(
            sandbox.run(spec, sender, &cancel),
            listen(workflow, place, receiver, said, MOST_START, &cancel),
            pass_on(heard, job.log.clone(), self.limits.output_bytes, job.cancel)
        );
        Ok((exit.map_err(CiError::Sandbox)?, heard))
    }

    fn arguments(&self, place: &Place, workflow: &Workflow, event: Event, sha: &str) -> Result<Vec<OsString>, CiError> {
        let payload = place.file("event.json", &self.payload(event, sha))?;
        let mut last_words = OsString::from("BASH_ENV=");
        last_words.push(place.file("last-words", LAST_WORDS)?);
        let mut args: Vec<OsString> = vec![event.name().into(), "--json".into(), "--no-cache-server".into()];
        args.extend(["-W".into(), format!("{FOLDER}/{}", workflow.file).into(), "--no-recurse".into()]);
        args.extend(["--eventpath".into(), payload.into()]);
        args.extend(["--env".into(), last_words]);
        args.extend(["--container-daemon-socket".into(), "-".into(), "--use-gitignore=false".into()]);
        // A repository may carry files of these names; nothing of them is ours to hand on.
        for option in ["--env-file", "--secret-file", "--var-file", "--input-file"] {
            args.extend([option.into(), "/dev/null".into()]);
        }
        for label in workflow.platforms() {
            args.extend(["-P".into(), format!("{label}=-self-hosted").into()]);
        }
        Ok(args)
    }

    /// What GitHub would tell the workflow of its event, as far as workflows commonly ask.
    fn payload(&self, event: Event, sha: &str) -> String {
        match event {
            Event::PullRequest => json!({
                "action": "synchronize",
                "number": 0,
                "pull_request": {
                    "number": 0,
                    "draft": false,
                    "head": { "ref": self.branch, "sha": sha },
                    "base": { "ref": self.base },
                },
            }),
            Event::Push => json!({ "ref": format!("refs/heads/{}", self.branch), "after": sha }),
        }
        .to_string()
    }
}

/// A run that was ended for us, with what had failed until then and what the steps under way had said.
fn stopped(run: Ended, how: &str) -> RedReport {
    let failing = format!("`{}` {how}", run.file);
    let mut log = Vec::new();
    for job in run.jobs {
        let name = format!("{}: {}", run.file, job.name);
        let tails = job.failed.into_iter().chain(job.step).map(|(step, tail)| (step, tail.into_bytes()));
        for (step, tail) in tails.filter(|(_, tail)| !tail.is_empty()) {
            log.extend(section(&name, &step, tail));
        }
    }
    RedReport::new(failing, &log)
}

/// The names of the workflow files, in order; a link is not followed.
fn files(checkout: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(checkout.join(FOLDER)) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".yml") || name.ends_with(".yaml"))
        .collect();
    names.sort();
    names.truncate(MOST_FILES);
    names
}

fn read(checkout: &Path, file: &str) -> Result<String, String> {
    let open = fs::File::open(checkout.join(FOLDER).join(file)).map_err(|error| error.to_string())?;
    let mut text = String::new();
    let limit = MAX_FILE_BYTES as u64 + 1;
    open.take(limit).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() > MAX_FILE_BYTES { Err("it is too large".to_owned()) } else { Ok(text) }
}
