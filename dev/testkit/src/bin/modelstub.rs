//! The stub of the models as a program, for `dev/demo.sh`: it leads a coding agent through the demo's task.
//!
//! usage: `modelstub codex|opencode|claude PROGRAM FOLDER`, or `modelstub builtin - FOLDER`. It writes the agent's table into `FOLDER/agent.toml` and what the
//! program reads beside it into `FOLDER`, says `listening on URL`, and answers until it is ended.
#![allow(clippy::print_stdout, reason = "its reader is a shell script")]

use std::path::{Path, PathBuf};

use serde_json::json;
use testkit::llm::{ModelStub, Program, Turn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, program, folder] = words.as_slice() else {
        return Err("usage: modelstub builtin|codex|opencode|claude PROGRAM FOLDER".into());
    };
    let folder = PathBuf::from(folder);
    if name == "builtin" {
        let stub = ModelStub::start(turns_of_builtin()).await;
        let keys = format!("kind = \"builtin\"\nmodel = \"stub-model\"\nbase_url = {:?}\n", stub.url());
        return answer(&stub, name, &keys, &folder).await;
    }
    let agent = Program::named(name).ok_or_else(|| format!("no agent `{name}`: codex, opencode or claude"))?;
    let stub = ModelStub::start(turns(agent)).await;
    if let Some((file, text)) = agent.config(&stub.url()) {
        std::fs::write(folder.join(file), text)?;
    }
    answer(&stub, name, &agent.settings(Path::new(program), &stub.url()), &folder).await
}

/// Writes the agent's table, and answers until it is ended.
async fn answer(stub: &ModelStub, name: &str, keys: &str, folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::write(folder.join("agent.toml"), format!("[ampx.agents.{name}]\n{keys}"))?;
    println!("listening on {}", stub.url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// The same edits by the tools of the built-in agent, which looks before and checks after.
fn turns_of_builtin() -> Vec<Turn> {
    let edit = |old: &str, new: &str| Turn::tool("edit_file", json!({ "path": "sum.sh", "old": old, "new": new }));
    vec![
        Turn::tool("read_file", json!({ "path": "sum.sh" })),
        edit("$1 - $2", "$1 * $2"),
        Turn::text("Two and two are four, so this must be a product."),
        edit("$1 * $2", "$1 + $2"),
        Turn::tool("run_tests", json!({})),
        Turn::text("The log says that 2 and 3 make 5. It is a sum after all."),
    ]
}

/// Its first edit multiplies, its second one, after the failing log, adds.
fn turns(agent: Program) -> Vec<Turn> {
    vec![
        agent.shell("sed -i 's/$1 - $2/$1 * $2/' sum.sh"),
        Turn::text("Two and two are four, so this must be a product."),
        agent.shell("sed -i 's/$1 \\* $2/$1 + $2/' sum.sh"),
        Turn::text("The log says that 2 and 3 make 5. It is a sum after all."),
    ]
}
