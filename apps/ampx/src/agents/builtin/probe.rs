//! The task's check, run in the sandbox over the tree as it is.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;

use opsmith_sandbox::{CommandSpec, Ended, ExitStatus, Limits, OutputChunk};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::agents::{AgentError, Job};

/// What is shown of the output: its end, where failures are told.
const MAX_SHOWN_BYTES: usize = 16 << 10;
/// What is read of it at all.
const MAX_OUTPUT_BYTES: u64 = 64 << 20;

/// Runs the check for as long as the go has time, and tells in words for the model how it went.
pub(super) async fn run(job: &Job<'_>, command: &str, deadline: Instant) -> Result<(String, bool), AgentError> {
    let (home, tmp) = (job.private.join("home"), job.private.join("tmp"));
    for folder in [&home, &tmp] {
        fs::create_dir_all(folder).map_err(|source| AgentError::Write { path: folder.clone(), source })?;
    }
    let env: [(&str, OsString); 3] = [("HOME", home.into()), ("TMPDIR", tmp.into()), ("CI", "true".into())];
    let spec = CommandSpec {
        program: "sh".into(),
        args: vec!["-c".into(), format!("exec 2>&1\n{command}").into()],
        cwd: job.tree.to_owned(),
        env: env.into_iter().map(|(name, value)| (name.into(), value)).collect::<BTreeMap<_, _>>(),
        stdin: Vec::new(),
        limits: Limits {
            wall: deadline.saturating_duration_since(Instant::now()),
            output_bytes: MAX_OUTPUT_BYTES,
            ..job.limits.clone()
        },
        marker: job.marker.clone(),
    };
    let (sender, mut receiver) = mpsc::channel::<OutputChunk>(16);
    let keep = async {
        let mut tail: VecDeque<u8> = VecDeque::new();
        while let Some(chunk) = receiver.recv().await {
            tail.extend(chunk.bytes);
            let excess = tail.len().saturating_sub(MAX_SHOWN_BYTES);
            tail.drain(..excess);
        }
        Vec::from(tail)
    };
    let (exit, tail) = tokio::join!(job.sandbox.run(spec, sender, job.cancel), keep);
    let exit = exit?;
    let (verdict, passed) = match (exit.ended, exit.status) {
        (Ended::Exited, ExitStatus::Code(0)) => ("it passed".to_owned(), true),
        (Ended::Exited, ExitStatus::Code(code)) => (format!("it failed: exited with {code}"), false),
        (Ended::Exited, ExitStatus::Signal(signal)) => (format!("it failed: ended by signal {signal}"), false),
        (Ended::TimedOut, _) => (format!("it was stopped after {} s", exit.wall.as_secs()), false),
        (Ended::MemoryExceeded, _) => ("it was stopped over its memory limit".to_owned(), false),
        (Ended::Cancelled, _) => ("it was stopped".to_owned(), false),
    };
    let output = strip_ansi_escapes::strip_str(String::from_utf8_lossy(&tail));
    Ok((format!("{verdict}\n{}", output.trim()), passed))
}
