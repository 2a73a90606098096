//! Whole tasks on remotes that want to know who asks.

mod http;
mod ssh;
mod story;
