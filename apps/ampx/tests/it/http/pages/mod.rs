//! ampx's pages as a browser without script gets them.

mod acting;
mod browser;
mod hostile;
mod live;
mod looking;
mod merging;
mod safety;
mod starting;
