//! What every command shares: flags, output, questions, exit codes.
//!
//! A command returns `Result<Exit, Failure>`; any error with a [`Hint`](opsmith_model::Hint) becomes a [`Failure`] with
//! `?`. Data goes to stdout and all else to stderr, through [`Output`] alone, which makes foreign text harmless.

mod confirm;
mod failure;
mod globals;
mod live;
mod output;
mod screen;
mod spinner;
mod table;
mod terminal;
mod time;

pub use confirm::{ConfirmError, confirm};
pub use failure::{Exit, Failure};
pub use globals::{Globals, parse};
pub use live::Live;
pub use output::Output;
pub use screen::{Screen, Tone};
pub use spinner::Spinner;
pub use table::Cell;
pub use terminal::{clean, clean_line};
pub use time::{ago, duration};
