//! Stories of a pull request over a fake GitHub that speaks the real wire; each fails if anything asked or answered
//! is not as GitHub describes it.

mod app;
mod ci;
mod faults;
mod interference;
mod issues;
mod merging;
mod permits;
mod pulls;
mod reading;
mod rules;
mod runner;
mod scene;
mod seam;
mod spoiled;
mod webhooks;
