//! Where foreign commands run: coding agents, CI commands, anything that is not opsmith's own code.
//!
//! [`Sandbox::run`] takes a [`CommandSpec`], streams its output as [`OutputChunk`]s and ends with an [`Exit`], which
//! reports and never judges. Whatever the end, no process of the command is left: every one carries the command's
//! [`Marker`] in its environment, and [`Sandbox::reap`] finds by it what a killed opsmith left behind.
//!
//! The one backend now is the local machine: own session, an environment by allow-list ([`HOST_ENV`]), limits on
//! time, memory, output, file size and processes. [`Sandbox::capabilities`] says what that does and does not enforce.
//! The words of a command and its end know nothing of a backend; others become variants behind [`Sandbox`].
//!
//! Absent on purpose: a view on what a command may read, write or reach (the local backend has none), retries, and any
//! opinion on exit codes.
//!
//! Start at [`Sandbox`].

mod capability;
mod command;
mod environment;
mod error;
mod family;
mod pipes;
mod process;
mod sandbox;
mod spawn;

pub use capability::{Capability, Enforcement};
pub use command::{CommandSpec, Ended, Exit, ExitStatus, Limits, Marker, OutputChunk, ParseMarkerError, Stream};
pub use environment::{HOST_ENV, MARKER_ENV};
pub use error::SandboxError;
pub use sandbox::Sandbox;
