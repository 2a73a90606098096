use nix::unistd::{Uid, getpid};
use serde::Serialize;

use crate::Enforcement::{self, Full, None, Partial};
use crate::sandbox::Room;
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

/// How far a wall holds, and why.
pub(crate) type Held = (Enforcement, &'static str);

const BY_GROUP: Held = (Full, "by a control group of the command's own");
const BY_GROUP_OF_ROOT: Held = (Partial, "by a control group of the command's own, which root can leave");
const BY_DAEMON: Held = (Full, "by a control group that the daemon makes");
const NOT_BY_DAEMON: Held = (None, "the daemon says that it cannot on this kernel");

impl Sandbox {
    /// What this sandbox enforces on this machine and what not, for `doctor` to show: [`Sandbox::walls`], and what every
    /// backend enforces everywhere.
    pub fn capabilities(&self) -> Vec<Capability> {
        let row = |name, (enforcement, detail): Held| Capability { name, enforcement, detail };
        vec![
            row("environment", (Full, "only the allow-list and what the caller adds; none of opsmith's credentials")),
            row("descriptors", (Full, "stdin, stdout and stderr only; no open file or socket of opsmith's")),
            row("wall_time", (Full, "SIGTERM at the limit, SIGKILL half a second later")),
            row("output", (Full, "bytes over the limit are read, counted and dropped")),
            row("file_size", (Partial, "each file by itself; the disk as a whole is not limited")),
            row("files_read", self.files_read()),
            row("files_written", self.files_written()),
            row("network_off", self.network_off()),
            row("network_listed", self.network_listed()),
            row("processes_end", self.processes_end()),
            row("process_count", self.process_count()),
            row("memory", self.memory()),
            row("cpu", self.cpu()),
            row("privileges", self.privileges()),
        ]
    }

    pub(crate) fn files_read(&self) -> Held {
        match &self.room {
            Room::Local => (None, "a command reads what this user may"),
            Room::Bubblewrap(_) => (
                Full,
                "it sees its own folders, what is listed, programs in PATH, and of the system's folders what every user \
                 may read",
            ),
            Room::Container(_) => (Full, "it sees its own folders, what is listed, and the image"),
        }
    }

    pub(crate) fn files_written(&self) -> Held {
        match &self.room {
            Room::Local => (None, "a command writes what this user may"),
            Room::Bubblewrap(_) | Room::Container(_) => (Full, "its own folders, and what is listed"),
        }
    }

    pub(crate) fn network_off(&self) -> Held {
        match &self.room {
            Room::Local => (None, "a command reaches what this machine reaches"),
            Room::Bubblewrap(_) | Room::Container(_) => (Full, "a network namespace with nothing in it"),
        }
    }

    pub(crate) fn network_listed(&self) -> Held {
        match &self.room {
            Room::Local => (None, "a command reaches what this machine reaches, whatever is listed"),
            Room::Bubblewrap(_) => (Full, "by an HTTP proxy that knows the list, and no other way out"),
            Room::Container(_) => (None, "a command with a list is refused: on or off only"),
        }
    }

    pub(crate) fn processes_end(&self) -> Held {
        match &self.room {
            Room::Local if self.cgroups.pids.is_some() && !is_root() => {
                (Full, "a control group lists them, which none can leave")
            }
            Room::Local if self.cgroups.pids.is_some() => {
                (Partial, "found by marker, parent, session and control group; root can hide from all of these")
            }
            Room::Local if sees_processes() => (
                Partial,
                "found in /proc by marker, parent and session; one that detaches within 100 ms and hides its environment \
                 gets away, and so does another user's through a setuid program",
            ),
            Room::Local => (None, "/proc cannot be read"),
            Room::Bubblewrap(_) | Room::Container(_) => (Full, "the kernel ends them with their namespace"),
        }
    }

    pub(crate) fn process_count(&self) -> Held {
        match &self.room {
            Room::Container(container) if container.limits.processes => BY_DAEMON,
            Room::Container(_) => NOT_BY_DAEMON,
            Room::Local | Room::Bubblewrap(_) if self.cgroups.pids.is_some() => self.by_group(),
            Room::Local | Room::Bubblewrap(_) if is_root() => {
                (None, "no control group can be made, and the kernel does not hold root to a number of processes")
            }
            Room::Local | Room::Bubblewrap(_) => {
                (Partial, "the kernel counts all processes and threads of the user, not the command's alone")
            }
        }
    }

    pub(crate) fn memory(&self) -> Held {
        match &self.room {
            Room::Container(container) if container.limits.memory => BY_DAEMON,
            Room::Container(_) => NOT_BY_DAEMON,
            Room::Local | Room::Bubblewrap(_) if self.cgroups.memory.is_some() => self.by_group(),
            Room::Local | Room::Bubblewrap(_) if sees_processes() => {
                (Partial, "resident memory of all processes, looked at every 100 ms; files in tmpfs not counted")
            }
            Room::Local | Room::Bubblewrap(_) => (None, "no control group can be made, and /proc cannot be read"),
        }
    }

    pub(crate) fn cpu(&self) -> Held {
        match &self.room {
            Room::Container(container) if container.limits.cpu => BY_DAEMON,
            Room::Container(_) => NOT_BY_DAEMON,
            Room::Local | Room::Bubblewrap(_) if self.cgroups.cpu.is_some() => self.by_group(),
            Room::Local | Room::Bubblewrap(_) => (None, "no control group can be made"),
        }
    }

    pub(crate) fn privileges(&self) -> Held {
        match &self.room {
            Room::Local => (None, "setuid programs such as sudo work as they do for this user"),
            Room::Bubblewrap(_) | Room::Container(_) => (Full, "no capabilities, and setuid programs give none"),
        }
    }

    fn by_group(&self) -> Held {
        match &self.room {
            // It sees the control groups, and root may write there.
            Room::Local if is_root() => BY_GROUP_OF_ROOT,
            Room::Local | Room::Bubblewrap(_) | Room::Container(_) => BY_GROUP,
        }
    }
}

fn is_root() -> bool {
    Uid::effective().is_root()
}

fn sees_processes() -> bool {
    process::read(getpid().as_raw()).is_some()
}
