use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use opsmith_sandbox::{CommandSpec, Ended as How, Exit, Limits, OutputChunk, SandboxError, Stream};
use serde_json::json;
use tokio::sync::mpsc;

use super::event::ActEvent;
use super::judge::{Ended, judge};
use super::report::Report;
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
/// A longer line of act's is left out.
const MAX_LINE_BYTES: usize = 1024 * 1024;

/// The repository's own workflows, run by act without containers.
#[derive(Clone, Debug)]
pub struct ActCi {
    /// The act program.
    pub program: OsString,
    /// The branch that is checked.
    pub branch: String,
    /// The branch that it is to go into.
    pub base: String,
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
        for file in files(&checkout) {
            let workflow = match read(&checkout, &file).and_then(|text| Workflow::parse(&file, &text)) {
                Ok(workflow) => workflow,
                Err(error) => {
                    let failing = format!("`{file}` is not a workflow: {error}");
                    return Ok(Verdict::Red(RedReport::new(failing, error.as_bytes())));
                }
            };
            let Some(event) = workflow.trigger.event(&self.branch, &self.base) else { continue };
            let wall = self.limits.wall.saturating_sub(spent);
            let (exit, run) = match self.run(place, job, &workflow, event, wall).await {
                Ok(ran) => ran,
                Err(CiError::Sandbox(SandboxError::ProgramNotFound { program })) => {
                    return Ok(Verdict::CannotRun { reason: format!("`{}` is not installed", program.display()) });
                }
                Err(error) => return Err(error),
            };
            spent += exit.wall;
            match exit.ended {
                How::Exited => ended.push(run),
                How::Cancelled => return Err(CiError::Cancelled),
                How::TimedOut => {
                    return Ok(stopped(run, &format!("timed out after {} s", self.limits.wall.as_secs())));
                }
                How::MemoryExceeded => {
                    let memory_mib = self.limits.memory_mib.unwrap_or_default();
                    return Ok(stopped(run, &format!("was killed over {memory_mib} MiB of memory")));
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
    ) -> Result<(Exit, Ended), CiError> {
        let payload = place.file("event.json", &self.payload(event, job.sha))?;
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
        let spec = CommandSpec {
            program: self.program.clone(),
            args,
            cwd: place.checkout(),
            env: place.environment(),
            stdin: Vec::new(),
            limits: Limits { wall, output_bytes: u64::MAX, ..self.limits.clone() },
            marker: job.marker.clone(),
        };
        let ((sender, receiver), (said, heard)) = (mpsc::channel(16), mpsc::channel(16));
        let (exit, (report, complaint), _) = tokio::join!(
            job.sandbox.run(spec, sender, job.cancel),
            listen(workflow, place, receiver, said),
            pass_on(heard, job.log.clone(), self.limits.output_bytes, job.cancel)
        );
        let exit = exit.map_err(CiError::Sandbox)?;
        let exit_ok = exit.status == opsmith_sandbox::ExitStatus::Code(0);
        let jobs = report.into_jobs();
        Ok((exit, Ended { file: workflow.file.clone(), jobs, complaint, exit_ok }))
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

/// Reads act's lines as they come; gives what they tell and the last complaint of act's own.
async fn listen(
    workflow: &Workflow,
    place: &Place,
    mut output: mpsc::Receiver<OutputChunk>,
    said: mpsc::Sender<OutputChunk>,
) -> (Report, Option<String>) {
    let (mut report, mut complaint) = (Report::default(), None);
    let (mut lines, mut errors) = (Lines::default(), Lines::default());
    while let Some(chunk) = output.recv().await {
        let whole = match chunk.stream {
            Stream::Stdout => lines.push(&chunk.bytes),
            Stream::Stderr => errors.push(&chunk.bytes),
        };
        for line in whole {
            let line = without_workspaces(place.without_paths(&line));
            match serde_json::from_str::<ActEvent>(&line) {
                Ok(event) => {
                    let Some(text) = report.take(workflow, &event) else { continue };
                    // Nobody listens any more after a cancel alone.
                    let _ = said.send(OutputChunk { stream: Stream::Stdout, bytes: text.into_bytes() }).await;
                }
                Err(_) => {
                    let text = line.trim_start_matches("Error: ").trim().to_owned();
                    complaint = (!text.is_empty()).then_some(text);
                }
            }
        }
    }
    (report, complaint)
}

/// A job's copy of the repository lies in a folder with a name by chance: `~/.cache/act/<16 hex digits>/hostexecutor`.
fn without_workspaces(mut line: String) -> String {
    const BEFORE: &str = "~/.cache/act/";
    const AFTER: &str = "/hostexecutor";
    let mut from = 0;
    while let Some(at) = line[from..].find(BEFORE).map(|at| from + at) {
        let name = at + BEFORE.len();
        let end = line[name..].find(|c: char| !c.is_ascii_hexdigit()).map_or(line.len(), |end| name + end);
        if line[end..].starts_with(AFTER) {
            line.replace_range(at..end + AFTER.len(), ".");
        }
        from = at + 1;
    }
    line
}

/// Lines out of pieces.
#[derive(Debug, Default)]
struct Lines {
    open: Vec<u8>,
    too_long: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut whole = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.too_long |= self.open.len() + piece.len() > MAX_LINE_BYTES;
            if !self.too_long {
                self.open.extend_from_slice(piece);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.open);
                if !std::mem::take(&mut self.too_long) {
                    whole.push(line);
                }
            }
        }
        whole
    }
}

/// A run that was ended for us, with what had failed until then.
fn stopped(run: Ended, how: &str) -> Verdict {
    let failing = format!("`{}` {how}", run.file);
    let failed = run.jobs.into_iter().flat_map(|job| job.failed);
    let tails: Vec<u8> = failed.flat_map(|(_, tail)| tail.into_bytes()).collect();
    Verdict::Red(RedReport::new(failing, &tails))
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
