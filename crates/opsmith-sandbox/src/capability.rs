use nix::unistd::{Uid, getpid};
use serde::Serialize;

use crate::{Sandbox, process};

/// One thing that a sandbox may keep a command from, and whether this one does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Capability {
    /// A stable name, such as `memory`.
    pub name: &'static str,
    /// How far it holds here and now.
    pub enforcement: Enforcement,
    /// What that means, one line.
    pub detail: &'static str,
}

/// How far a [`Capability`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// Against a hostile command too.
    Full,
    /// With the gap that the detail names.
    Partial,
    /// Not at all.
    None,
}

impl Sandbox {
    /// What this sandbox enforces on this machine and what not, for `doctor` to show.
    pub fn capabilities(&self) -> Vec<Capability> {
        use Enforcement::{Full, None, Partial};
        let table_readable = process::read(getpid().as_raw()).is_some();
        let (processes_end, memory) = if table_readable { (Partial, Partial) } else { (None, None) };
        let (process_count, count_detail) = if Uid::effective().is_root() {
            (None, "the kernel does not hold root to a number of processes")
        } else {
            (Partial, "the kernel counts all processes and threads of the user, not the command's alone")
        };
        let row = |name, enforcement, detail| Capability { name, enforcement, detail };
        vec![
            row("environment", Full, "only the allow-list and what the caller adds; none of opsmith's credentials"),
            row("descriptors", Full, "stdin, stdout and stderr only; no open file or socket of opsmith's"),
            row("wall_time", Full, "SIGTERM at the limit, SIGKILL half a second later"),
            row("output", Full, "bytes over the limit are read, counted and dropped"),
            row(
                "processes_end",
                processes_end,
                "found in /proc by marker, parent and session; one that detaches within 100 ms and hides its \
                 environment gets away, and so does another user's through a setuid program",
            ),
            row(
                "memory",
                memory,
                "resident memory of all processes, looked at every 100 ms; files in tmpfs not counted",
            ),
            row("file_size", Partial, "each file by itself; the disk as a whole is not limited"),
            row("process_count", process_count, count_detail),
            row("cpu", None, "no share of the processors is set apart"),
            row("filesystem", None, "a command reads and writes what this user may"),
            row("network", None, "a command reaches what this machine reaches"),
            row("privileges", None, "setuid programs such as sudo work as they do for this user"),
        ]
    }
}
