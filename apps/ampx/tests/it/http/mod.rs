//! The HTTP API over a real server and a real store; unless a story says so, no worker takes the tasks.

mod acting;
mod creating;
pub(crate) mod desk;
mod edges;
mod finding;
mod listing;
mod logs;
mod merging;
mod pages;
