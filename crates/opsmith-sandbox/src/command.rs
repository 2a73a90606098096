use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use opsmith_model::{ErrorKind, Hint};
use serde::{Deserialize, Serialize};

/// A foreign command and the bounds it runs in.
#[derive(Clone, Debug)]
pub struct CommandSpec {
    /// The program: a bare name is looked up in the command's `PATH`, a relative path starts at `cwd`.
    pub program: OsString,
    /// The arguments, passed as they are: no shell sees them.
    pub args: Vec<OsString>,
    /// The folder it starts in.
    pub cwd: PathBuf,
    /// The environment beside [`crate::HOST_ENV`], which it overrides; `HOME` and `TMPDIR` exist only if set here.
    pub env: BTreeMap<OsString, OsString>,
    /// What it can read on stdin; empty means `/dev/null`.
    pub stdin: Vec<u8>,
    /// The bounds.
    pub limits: Limits,
    /// The id of its processes, not in use by any other command that runs now: ending one ends all that carry it.
    pub marker: Marker,
}

/// The bounds of a command. `None` sets no bound beyond the host's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest it may take, by the wall clock.
    pub wall: Duration,
    /// The most resident memory of all its processes together; over it, all are killed.
    pub memory_mib: Option<u64>,
    /// How much of stdout and stderr together is passed on; the rest is read, counted and dropped.
    pub output_bytes: u64,
    /// The size of the largest file it may write; writing on ends with SIGXFSZ.
    pub file_mib: Option<u64>,
    /// The most processes and threads at a time; where no control group counts those of the command, the kernel counts
    /// all of the *user* (RLIMIT_NPROC).
    pub processes: Option<u64>,
    /// The most of the processors, 100 being one of them; enforced by control groups alone.
    pub cpu_percent: Option<u32>,
}

impl Default for Limits {
    /// One hour, 8 GiB of memory, 16 MiB of output, files up to 4 GiB, 8192 processes, any share of the processors.
    fn default() -> Self {
        Self {
            wall: Duration::from_secs(3600),
            memory_mib: Some(8192),
            output_bytes: 16 * 1024 * 1024,
            file_mib: Some(4096),
            processes: Some(8192),
            cpu_percent: None,
        }
    }
}

/// The id under which every process of one command is found again, such as `task-01J…-2`.
///
/// 1 to 128 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Marker(String);

/// A text that cannot mark a process.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a marker")]
pub struct ParseMarkerError(String);

impl Hint for ParseMarkerError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some("use 1 to 128 letters, digits, dots, dashes and underscores".to_owned())
    }
}

impl Marker {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Marker {
    type Err = ParseMarkerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if fits { Ok(Self(text.to_owned())) } else { Err(ParseMarkerError(text.chars().take(40).collect())) }
    }
}

impl TryFrom<String> for Marker {
    type Error = ParseMarkerError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Marker> for String {
    fn from(marker: Marker) -> Self {
        marker.0
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a piece of output was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of a command's output as it came: it may end in the middle of a line or of a character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputChunk {
    /// Where it was written.
    pub stream: Stream,
    /// 1 byte to 64 KiB.
    pub bytes: Vec<u8>,
}

/// How a command came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// What its first process ended with.
    pub status: ExitStatus,
    /// What made it end.
    pub ended: Ended,
    /// How much output was passed on.
    pub output_bytes: u64,
    /// How much output was read and not passed on: over the limit, or nobody received it.
    pub dropped_bytes: u64,
    /// How long it took, the cleaning up included.
    pub wall: Duration,
}

/// What a process ended with.
///
/// Bubblewrap and containers tell a signal as shells do, by a code of 128 and its number; so there, a program that exits
/// with such a code itself counts as ended by that signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

impl ExitStatus {
    /// The status behind a code in which signals are told as shells do.
    pub(crate) fn from_shell(code: i32) -> Self {
        match code {
            // The signals that have a name; those for real-time use are nobody's end.
            129..=159 => Self::Signal(code - 128),
            code => Self::Code(code),
        }
    }
}

/// What made a command end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// It ended by itself.
    Exited,
    /// It was stopped at [`Limits::wall`].
    TimedOut,
    /// It was stopped because the caller cancelled.
    Cancelled,
    /// It was killed over [`Limits::memory_mib`].
    MemoryExceeded,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_holds_only_what_is_safe_in_an_environment() {
        for good in ["task-01JABC-2", "a", "A.b_c-9"] {
            assert_eq!(good.parse::<Marker>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a=b", "a\0b", "a/b", "é", &"x".repeat(129)] {
            assert!(bad.parse::<Marker>().is_err(), "{bad:?}");
        }
    }
}
