//! The backend that shows a command a machine of its own, made by `bwrap`.

mod probe;
mod view;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::{Access, CommandSpec, Network};

/// A `bwrap` that works here.
#[derive(Debug)]
pub(crate) struct Bubblewrap {
    program: PathBuf,
    /// See [`crate::Setup::hidden`], and what of the system's folders not everybody may read.
    hidden: Vec<PathBuf>,
}

/// The processes that `bwrap` adds to the command's: itself and the first one of the namespace.
pub(crate) const OWN_PROCESSES: u64 = 2;

/// Nothing of the host's processes, name, shared memory, terminal and devices, and none of root's special rights.
const APART: &[&str] = &[
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--die-with-parent",
    "--new-session",
    "--cap-drop",
    "ALL",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
];

/// The kernel's own settings ask for root, not for its special rights, and `bwrap` leaves some of them open.
const KERNEL_SETTINGS: &[&str] = &["/proc/sys", "/proc/sysrq-trigger", "/proc/fs", "/proc/acpi"];

/// What holds for every command.
fn apart() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = APART.iter().map(OsString::from).collect();
    for path in KERNEL_SETTINGS {
        arguments.extend(["--ro-bind-try", path, path].map(OsString::from));
    }
    arguments
}

impl Bubblewrap {
    /// Where `bwrap` is.
    pub fn program(&self) -> &PathBuf {
        &self.program
    }

    /// The arguments under which `bwrap` runs the command of `spec`.
    ///
    /// The environment is not among them, since arguments show to everybody: `bwrap` is started with it.
    pub fn arguments(&self, spec: &CommandSpec, env: &BTreeMap<OsString, OsString>, access: &Access) -> Vec<OsString> {
        let mut arguments = apart();
        match access.network {
            // For a list, the child has a namespace before `bwrap` begins.
            Network::On | Network::Listed(_) => {}
            Network::Off => arguments.push("--unshare-net".into()),
        }
        for mount in view::mounts(spec, env, access, &self.hidden) {
            arguments.extend(mount.into_arguments());
        }
        let last: [OsString; 5] =
            ["--remount-ro".into(), "/".into(), "--chdir".into(), spec.cwd.clone().into(), "--".into()];
        arguments.extend(last);
        arguments.push(spec.program.clone());
        arguments.extend(spec.args.iter().cloned());
        arguments
    }
}
