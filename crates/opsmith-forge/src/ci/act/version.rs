use std::cmp;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use opsmith_sandbox::{CommandSpec, Ended, ExitStatus, Limits, OutputChunk, Sandbox, SandboxError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ci::{CiError, TailBuffer, excerpt};

/// The version of act whose events and words are known here.
pub const TESTED_ACT: &str = "0.2.89";

/// How long act may take to say its version.
const MOST_TIME: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 4096;

/// What there is of act on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActFound {
    /// [`TESTED_ACT`].
    Tested,
    /// A version before that.
    Older(String),
    /// A version after that.
    Newer(String),
    /// No such program.
    Missing,
    /// It does not say a version; how it ended instead.
    Silent(String),
}

impl ActFound {
    /// What to do about it, where something is.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tested => None,
            Self::Newer(_) => Some("its words for what a machine lacks may be others: look at what is red".to_owned()),
            Self::Older(_) | Self::Missing | Self::Silent(_) => {
                Some(format!("install act {TESTED_ACT} (https://github.com/nektos/act)"))
            }
        }
    }

    fn of(said: &str) -> Self {
        let silent = || Self::Silent(format!("says `{}`", said.lines().next().unwrap_or_default()));
        let Some(version) = said.trim().strip_prefix("act version ").map(|rest| rest.trim_start_matches('v')) else {
            return silent();
        };
        match (numbers(version), numbers(TESTED_ACT)) {
            (Some(found), Some(tested)) => match found.cmp(&tested) {
                cmp::Ordering::Less => Self::Older(version.to_owned()),
                cmp::Ordering::Equal => Self::Tested,
                cmp::Ordering::Greater => Self::Newer(version.to_owned()),
            },
            (None, _) | (_, None) => silent(),
        }
    }
}

impl fmt::Display for ActFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tested => write!(f, "act {TESTED_ACT}"),
            Self::Older(version) => write!(f, "act {version}, which is older than the tested {TESTED_ACT}"),
            Self::Newer(version) => write!(f, "act {version}, which is newer than the tested {TESTED_ACT}"),
            Self::Missing => f.write_str("act is not installed"),
            Self::Silent(how) => write!(f, "act does not tell its version: it {how}"),
        }
    }
}

/// `1.2.3`, with anything after the last number left out.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.splitn(3, '.');
    let mut next = || {
        let part = parts.next()?;
        part[..part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len())].parse().ok()
    };
    Some([next()?, next()?, next()?])
}

/// Asks the act program for its version, in `folder`, within 10 s.
pub async fn find_act(program: &OsStr, sandbox: &Sandbox, folder: &Path) -> Result<ActFound, CiError> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let marker = format!("act-version-{}-{}", std::process::id(), ASKED.fetch_add(1, Ordering::Relaxed));
    let Ok(marker) = marker.parse() else { return Ok(ActFound::Silent("was not asked".to_owned())) };
    let spec = CommandSpec {
        program: program.to_owned(),
        args: vec!["--version".into()],
        cwd: folder.to_owned(),
        env: [("HOME".into(), folder.into()), ("TMPDIR".into(), folder.into())].into(),
        stdin: Vec::new(),
        limits: Limits { wall: MOST_TIME, output_bytes: MOST_BYTES as u64, ..Limits::default() },
        marker,
    };
    let (sender, mut receiver) = mpsc::channel::<OutputChunk>(4);
    let gather = async {
        let mut said = TailBuffer::new(MOST_BYTES);
        while let Some(chunk) = receiver.recv().await {
            said.push(&chunk.bytes);
        }
        excerpt(&said.into_bytes())
    };
    let cancel = CancellationToken::new();
    let (exit, said) = tokio::join!(sandbox.run(spec, sender, &cancel), gather);
    let exit = match exit {
        Ok(exit) => exit,
        Err(SandboxError::ProgramNotFound { .. }) => return Ok(ActFound::Missing),
        Err(SandboxError::NotExecutable { .. }) => return Ok(ActFound::Silent("cannot be executed".to_owned())),
        Err(error) => return Err(CiError::Sandbox(error)),
    };
    Ok(match (exit.ended, exit.status) {
        (Ended::Exited, ExitStatus::Code(0)) => ActFound::of(&said),
        (Ended::Exited, ExitStatus::Code(code)) => ActFound::Silent(format!("exited with {code}")),
        (Ended::Exited, ExitStatus::Signal(signal)) => ActFound::Silent(format!("was ended by signal {signal}")),
        (Ended::TimedOut, _) => ActFound::Silent(format!("did not answer within {} s", MOST_TIME.as_secs())),
        (Ended::Cancelled | Ended::MemoryExceeded, _) => ActFound::Silent("was stopped".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_act_says_of_itself_is_compared_with_what_was_tested() {
        for (said, shown) in [
            ("act version 0.2.89\n", "act 0.2.89"),
            ("act version 0.2.9", "act 0.2.9, which is older than the tested 0.2.89"),
            ("act version v0.3.0-rc1", "act 0.3.0-rc1, which is newer than the tested 0.2.89"),
            ("ACT 1.2\nmore", "act does not tell its version: it says `ACT 1.2`"),
            ("act version", "act does not tell its version: it says `act version`"),
            ("act version 99999999999.1.1", "act does not tell its version: it says `act version 99999999999.1.1`"),
        ] {
            assert_eq!(ActFound::of(said).to_string(), shown);
        }
    }
}
