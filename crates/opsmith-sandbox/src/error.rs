use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use opsmith_model::{ErrorKind, Hint};

use crate::Marker;

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
            Self::Start { .. } | Self::Unkillable { .. } => ErrorKind::Failed,
            Self::Setup(_) | Self::ProcessTable(_) => ErrorKind::Unavailable,
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
            Self::Unkillable { .. } => "look at them with `ps -o pid,user,stat,wchan,args -p PID`",
        };
        Some(hint.to_owned())
    }
}
