//! ampx in a browser: tasks as they come along, and what a person can do with them.
//!
//! Every page is whole without script, and each action a form that is answered with the page to look at next. The script
//! follows the events in `live` and takes the parts of a page that are marked `data-live` from the server anew.
//!
//! Absent on purpose: the frame around a page, its common style and keys (`opsmith_host::http::page`).

mod act;
mod assets;
mod attempts;
mod changes;
mod links;
mod list;
mod live;
mod log;
mod merge;
mod patch;
mod room;
mod router;
mod start;
mod status;
mod task;

#[cfg(feature = "fuzzing")]
pub use patch::lines_by_file;
pub use router::NAV;
pub(super) use router::routes;
