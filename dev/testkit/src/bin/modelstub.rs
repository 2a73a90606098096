//! The stub of the models as a program, for `dev/demo.sh`: it leads a coding agent through the demo's task.
//!
//! usage: `modelstub codex|opencode|claude PROGRAM FOLDER`. It writes the agent's table into `FOLDER/agent.toml` and what the
//! program reads beside it into `FOLDER`, says `listening on URL`, and answers until it is ended.
#![allow(clippy::print_stdout, reason = "its reader is a shell script")]

use std::path::{Path, PathBuf};

use testkit::llm::{ModelStub, Program, Turn};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, program, folder] = words.as_slice() else {
        return Err("usage: modelstub codex|opencode|claude PROGRAM FOLDER".into());
    };
    let agent = Program::named(name).ok_or_else(|| format!("no agent `{name}`: codex, opencode or claude"))?;
    let stub = ModelStub::start(turns(agent)).await;
    let folder = PathBuf::from(folder);
    let table = format!("[ampx.agents.{name}]\n{}", agent.settings(Path::new(program), &stub.url()));
    std::fs::write(folder.join("agent.toml"), table)?;
    if let Some((file, text)) = agent.config(&stub.url()) {
        std::fs::write(folder.join(file), text)?;
    }
    println!("listening on {}", stub.url());
    tokio::signal::ctrl_c().await?;
    Ok(())
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
