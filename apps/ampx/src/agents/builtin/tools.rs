use std::path::Path;

use opsmith_llm::{Tool, ToolCall};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{edit, files, probe, search};
use crate::agents::event::AgentEvent;
use crate::agents::{AgentError, Job};

const RUN_TESTS: &str = "run_tests";
const EDIT: &str = "edit_file";
const DELETE: &str = "delete_file";
const RENAME: &str = "rename_file";

/// What a tool answered.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) is_error: bool,
    /// What the log tells of it.
    pub(super) event: AgentEvent,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
struct Reading {
    path: String,
    #[serde(default)]
    from_line: usize,
    lines: Option<usize>,
}

#[derive(Deserialize)]
struct Searching {
    pattern: String,
    #[serde(default)]
    path: String,
}

#[derive(Deserialize)]
struct Editing {
    path: String,
    #[serde(default)]
    old: String,
    new: String,
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
struct Deleting {
    path: String,
}

#[derive(Deserialize)]
struct Renaming {
    path: String,
    to: String,
}

/// The tools of a job; the check is among them where there is one.
pub(super) fn offered(check: Option<&str>) -> Vec<Tool> {
    let path = json!({ "type": "string", "description": "from the repository's root" });
    let mut tools = vec![
        tool("list_files", "Lists the files below a folder.", &[], &json!({ "path": path })),
        tool(
            "read_file",
            "Reads a text file, or some lines of it. Each line comes with its number.",
            &["path"],
            &json!({ "path": path, "from_line": { "type": "integer", "minimum": 1 }, "lines": { "type": "integer", "minimum": 1 } }),
        ),
        tool(
            "search",
            "Finds the lines that a regular expression (Rust's syntax) matches, below a folder or in a file.",
            &["pattern"],
            &json!({ "pattern": { "type": "string" }, "path": path }),
        ),
        tool(
            EDIT,
            "Replaces `old`, which must stand in the file exactly once, by `new`; with `all`, wherever it stands. With an \
             empty `old`, makes a new file, executable where it begins with `#!`.",
            &["path", "old", "new"],
            &json!({ "path": path, "old": { "type": "string" }, "new": { "type": "string" }, "all": { "type": "boolean" } }),
        ),
        tool(DELETE, "Deletes a file.", &["path"], &json!({ "path": path })),
        tool(RENAME, "Gives a file another name.", &["path", "to"], &json!({ "path": path, "to": path })),
    ];
    if let Some(command) = check {
        let words = format!("Runs the repository's check, `{command}`, on the files as they are.");
        tools.push(tool(RUN_TESTS, &words, &[], &json!({})));
    }
    tools
}

fn tool(name: &str, description: &str, required: &[&str], properties: &Value) -> Tool {
    let parameters = json!({ "type": "object", "properties": properties, "required": required });
    Tool { name: name.to_owned(), description: description.to_owned(), parameters }
}

/// Runs one call. What the model did wrongly is an answer; an error is a fault of this machine.
pub(super) async fn run(job: &Job<'_>, call: &ToolCall, deadline: Instant) -> Result<Answer, AgentError> {
    let input: Value = call.parse().unwrap_or_default();
    let mut event = AgentEvent::tool(&call.name, &input);
    if call.name == RUN_TESTS
        && let Some(command) = job.check
    {
        let (text, passed) = probe::run(job, command, deadline).await?;
        return Ok(Answer { text, is_error: !passed, event });
    }
    let (tree, asked) = (job.tree.to_owned(), call.clone());
    let worked = tokio::task::spawn_blocking(move || on_files(&tree, &asked)).await;
    let worked = worked.unwrap_or_else(|_| Err("the tool failed".to_owned()));
    if let (Ok(_), EDIT | DELETE | RENAME, Some(path)) = (&worked, call.name.as_str(), input["path"].as_str()) {
        event = AgentEvent::Edit { path: path.to_owned() };
    }
    let is_error = worked.is_err();
    let text = worked.unwrap_or_else(|error| error);
    Ok(Answer { text, is_error, event })
}

fn on_files(tree: &Path, call: &ToolCall) -> Result<String, String> {
    match call.name.as_str() {
        "list_files" => files::list(tree, &parse::<Listing>(call)?.path),
        "read_file" => {
            let Reading { path, from_line, lines } = parse(call)?;
            files::read(tree, &path, from_line, lines)
        }
        "search" => {
            let Searching { pattern, path } = parse(call)?;
            search::search(tree, &pattern, &path)
        }
        EDIT => {
            let Editing { path, old, new, all } = parse(call)?;
            edit::edit(tree, &path, &old, &new, all)
        }
        DELETE => edit::delete(tree, &parse::<Deleting>(call)?.path),
        RENAME => {
            let Renaming { path, to } = parse(call)?;
            edit::rename(tree, &path, &to)
        }
        other => Err(format!("there is no tool `{other}`")),
    }
}

fn parse<T: DeserializeOwned>(call: &ToolCall) -> Result<T, String> {
    call.parse().map_err(|error| format!("the arguments of `{}` do not hold: {error}", call.name))
}
