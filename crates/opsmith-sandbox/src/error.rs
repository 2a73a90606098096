use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use opsmith_model::{ErrorKind, Hint};

use crate::{Backend, Marker};

/// What kept a command from running, or its processes from ending.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No file of that name is in `PATH`, or none is at that path.
    #[error("program `{}` not found", program.display())]
    ProgramNotFound {
        /// As it was asked for.
        program: OsString,
    },
    /// There is a file, but the system does not run it.
    #[error("program `{}` cannot be executed", program.display())]
    NotExecutable {
        /// As it was asked for.
        program: OsString,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Arguments and environment together, or one of them, are over the system's limit.
    #[error("the arguments of `{}` are too long", program.display())]
    ArgumentsTooLong {
        /// As it was asked for.
        program: OsString,
    },
    /// The folder to start in is missing, not a folder, or closed to us.
    #[error("failed to enter the working folder `{}`", cwd.display())]
    WorkingFolder {
        /// The folder.
        cwd: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The system could not start the program.
    #[error("failed to start `{}`", program.display())]
    Start {
        /// As it was asked for.
        program: OsString,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The thread that starts commands could not be started.
    #[error("failed to set up the local sandbox")]
    Setup(#[source] io::Error),
    /// The processes of the machine cannot be listed, so those of a command could not be ended.
    #[error("failed to read the process table `/proc`")]
    ProcessTable(#[source] io::Error),
    /// The backend asked for does not work here.
    #[error("sandbox `{backend}` is not to be had: {reason}")]
    BackendMissing {
        /// The backend.
        backend: Backend,
        /// Why not, for a person.
        reason: String,
    },
    /// The backend has no such wall.
    #[error("sandbox `{backend}` cannot {what}")]
    Unsupported {
        /// The backend.
        backend: Backend,
        /// What was asked of it.
        what: &'static str,
    },
    /// The control groups that limit a command could not be made.
    #[error("failed to set up the control groups of `{marker}`")]
    Cgroup {
        /// The command.
        marker: Marker,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The daemon did not do what was asked.
    #[error("failed to {action}")]
    Container {
        /// What was asked, with the container or image.
        action: String,
        /// What the daemon said, or what broke on the way.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Processes lived on after SIGKILL: stuck in the kernel, or another user's by a setuid program.
    #[error("processes {pids:?} of `{marker}` cannot be killed")]
    Unkillable {
        /// The command.
        marker: Marker,
        /// The processes.
        pids: Vec<i32>,
    },
}

impl Hint for SandboxError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::ProgramNotFound { .. } | Self::WorkingFolder { .. } => ErrorKind::NotFound,
            Self::NotExecutable { .. } => ErrorKind::Invalid,
            Self::ArgumentsTooLong { .. } => ErrorKind::TooLarge,
            Self::Unsupported { .. } => ErrorKind::Invalid,
            Self::Start { .. } | Self::Unkillable { .. } | Self::Cgroup { .. } | Self::Container { .. } => {
                ErrorKind::Failed
            }
            Self::Setup(_) | Self::ProcessTable(_) | Self::BackendMissing { .. } => ErrorKind::Unavailable,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::ProgramNotFound { .. } => "check PATH or give an absolute path",
            Self::NotExecutable { .. } => "check its mode, and the interpreter its first line names",
            Self::ArgumentsTooLong { .. } => "pass long text on stdin or in a file",
            Self::WorkingFolder { .. } => "create the folder, or check who may enter it",
            Self::Start { .. } | Self::Setup(_) => "check the limits on processes and open files (`ulimit -a`)",
            Self::ProcessTable(_) => "mount /proc and let this user read it",
            Self::BackendMissing { backend: Backend::Bubblewrap, .. } => {
                "install bubblewrap and allow user namespaces, or choose another sandbox"
            }
            Self::BackendMissing { .. } => "start the Docker daemon and import the image, or choose another sandbox",
            Self::Unsupported { .. } => "choose the bubblewrap sandbox",
            Self::Cgroup { .. } => "look at the folders `opsmith-*` below /sys/fs/cgroup",
            Self::Container { .. } => "look at the daemon's log",
            Self::Unkillable { .. } => "look at them with `ps -o pid,user,stat,wchan,args -p PID`",
        };
        Some(hint.to_owned())
    }
}
