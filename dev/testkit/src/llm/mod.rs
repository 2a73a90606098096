//! A stub of the model APIs: it plays a [`Scenario`], one [`Turn`] for each request that offers tools.
//!
//! It speaks OpenAI's Responses API, OpenAI's chat completions and Anthropic's Messages, each as server-sent events,
//! on a port of 127.0.0.1. Fields that no program under test reads are left out.

mod anthropic;
mod chat;
mod program;
mod responses;
mod scenario;
mod server;
mod turn;

pub use program::{Program, REAL_PROGRAMS};
pub use scenario::{Rule, Scenario};
pub use server::ModelStub;
pub use turn::{Tokens, ToolUse, Turn};
