//! codex, opencode and claude themselves, against a stub of their models, checked by the real act, all through the real
//! binary. `make e2e-agents` installs them and runs these; without them they fail.

mod job;
mod killed;

use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use testkit::llm::{ModelStub, Program, Scenario};
use testkit::tool::tool;

use crate::kill::server::Server;
use crate::kill::world::{POLL, World};
use crate::process::PATIENCE;

const WORKFLOW: &str = "on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - name: sums
      run: sh test.sh
";

/// A machine whose agent is the program, and a repository that is checked by its workflow.
struct Real {
    world: World,
    stub: ModelStub,
    program: Program,
}

impl Real {
    async fn new(program: Program) -> Self {
        Self::playing(program, program.six_then_sum()).await
    }

    async fn playing(program: Program, scenario: Scenario) -> Self {
        let stub = ModelStub::playing(scenario).await;
        let world = World::on_sqlite();
        let config = program.config(&stub.url());
        let config = config.iter().map(|(file, text)| (*file, text.as_str()));
        let files: Vec<_> = [(".github/workflows/ci.yml", WORKFLOW)].into_iter().chain(config).collect();
        world.repo.commit("main", &files, "Check by a workflow");
        let act = tool("act").expect("run `make e2e-agents`, which installs act");
        let agent = program.settings(&program.path(), &stub.url());
        world.configure_checked("a", &agent, &format!("provider = \"act\"\nact = {:?}", act.display().to_string()));
        Self { world, stub, program }
    }

    /// Red, then green in the same session; one branch, one pull request, and in it the work and nothing else.
    async fn assert_done(&self, task: &Value, what: &str) {
        let (world, program) = (&self.world, self.program);
        let what = format!("{program:?}, {what}");
        world.assert_done_once(task, 2, &what).await;
        let attempts = task["attempts"].as_array().unwrap();
        let verdicts: Vec<_> = attempts.iter().map(|attempt| attempt["ci_verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, ["red", "green"], "{what}");
        let branch = task["branch"].as_str().unwrap();
        assert_eq!(world.repo.read(branch, "sum.sh"), "echo $(($1 + $2))", "{what}");
        assert_eq!(world.repo.files(branch), world.repo.files("main"), "{what}: litter is in the commit");
        // The last request has the failing log, and what was said at the first attempt: it is the same session.
        let last = self.stub.asked().last().unwrap().to_string();
        assert!(last.contains("2 + 2 is not 6") && last.contains("I have tried six."), "{what}: {last}");
    }

    /// Stops the server, after which nothing is left of the task on the machine but its store and its cache.
    async fn assert_nothing_left(&self, server: Server, what: &str) {
        let what = format!("{:?}, {what}", self.program);
        // A sweep may be at it, and opsmith stops without waiting for that.
        let homes = self.world.data("a").join("agents");
        let deadline = Instant::now() + PATIENCE;
        while std::fs::read_dir(&homes).is_ok_and(|mut homes| homes.next().is_some()) {
            assert!(Instant::now() < deadline, "{what}: the agent's home stayed: {}", server.said());
            tokio::time::sleep(POLL).await;
        }
        assert_eq!(server.into_process().stop(), Some(0), "{what}");
        assert_eq!(self.world.strays("a"), Vec::<std::path::PathBuf>::new(), "{what}");
        assert_eq!(processes_in(self.world.folder.path()), Vec::<String>::new(), "{what}");
    }
}

/// The processes that work in a folder, by their command lines: also those that carry no marker.
fn processes_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let there =
        entries.filter(|process| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder)));
    there
        .map(|process| std::fs::read(process.join("cmdline")).unwrap_or_default())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}
