//! Where foreign commands run: coding agents, CI commands, anything that is not opsmith's own code.
//!
//! [`Sandbox::run`] takes a [`CommandSpec`], streams its output as [`OutputChunk`]s and ends with an [`Exit`], which
//! reports and never judges. Whatever the end, no process of the command is left: every one carries the command's
//! [`Marker`] in its environment, and [`Sandbox::reap`] finds by it what a killed opsmith left behind.
//!
//! Three backends run the same spec to the same end: the local machine, bubblewrap, and containers. They differ in their
//! walls, and [`Sandbox::walls`] says which of these hold here: none is assumed. [`Sandbox::choose`] takes the best that
//! works, [`Sandbox::with_access`] says what a command may touch beside its own folders.
//!
//! Absent on purpose: retries, pulling of images, and any opinion on exit codes.
//!
//! Start at [`Sandbox`].

mod access;
mod backend;
mod bubblewrap;
mod capability;
mod cgroup;
mod command;
mod container;
mod environment;
mod error;
mod family;
mod find;
mod installation;
mod netns;
mod pipes;
mod process;
mod proxy;
mod sandbox;
mod session;
mod spawn;
mod walls;

pub use access::{Access, Destination, Network, ParseDestinationError};
pub use backend::{Backend, ContainerSettings, ParsePreferenceError, Preference, Setup};
pub use capability::Capability;
pub use command::{CommandSpec, Ended, Exit, ExitStatus, Limits, Marker, OutputChunk, ParseMarkerError, Stream};
pub use environment::{HOST_ENV, MARKER_ENV};
pub use error::SandboxError;
pub use find::program as find_program;
pub use installation::program_files;
pub use sandbox::Sandbox;
pub use walls::{Enforcement, Walls};
