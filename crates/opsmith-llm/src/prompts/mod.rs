//! Prompts as versioned files: a template and, in `registry.json`, its version, digest and variables.

mod error;
mod registry;
mod template;

pub use error::{PromptError, PromptFinding};
pub use registry::{Prompt, PromptRegistry, RenderedPrompt};
pub use template::VariableType;
