//! codex and opencode themselves, against a stub of their models' APIs. `make e2e-agents` installs them and runs these;
//! without them they fail.

use std::path::PathBuf;

use ampx::task::TaskStatus;
use serde_json::json;
use testkit::llm::{ModelStub, Turn};
use testkit::repo::TestRepo;

use super::{Setup, World};

/// The folder with the programs, from `dev/agents.sh`.
const PROGRAMS_VARIABLE: &str = "OPSMITH_AGENTS_BIN";

#[derive(Clone, Copy, Debug)]
enum Program {
    Codex,
    Opencode,
    OpencodeAcp,
}

const ALL: [Program; 3] = [Program::Codex, Program::Opencode, Program::OpencodeAcp];

impl Program {
    fn path(self) -> PathBuf {
        let folder =
            std::env::var_os(PROGRAMS_VARIABLE).expect("run `make e2e-agents`, which sets the programs' folder");
        let name = match self {
            Self::Codex => "codex",
            Self::Opencode | Self::OpencodeAcp => "opencode",
        };
        let path = PathBuf::from(folder).join(name);
        assert!(path.is_file(), "{} is not there", path.display());
        path
    }

    fn settings(self, stub: &ModelStub) -> String {
        let path = self.path();
        let (kind, words, args) = match self {
            Self::Codex => ("codex", vec![], codex_args(&stub.url())),
            Self::Opencode => ("opencode", vec![], vec![]),
            Self::OpencodeAcp => ("acp", vec!["acp".to_owned()], vec![]),
        };
        let command: Vec<String> = std::iter::once(path.display().to_string()).chain(words).collect();
        format!("kind = {kind:?}\ncommand = {command:?}\nargs = {args:?}\n")
    }

    /// The model's way to run a command.
    fn shell(self, command: &str) -> Turn {
        match self {
            Self::Codex => Turn::tool("exec_command", json!({ "cmd": command })),
            Self::Opencode | Self::OpencodeAcp => {
                Turn::tool("bash", json!({ "command": command, "description": "Edits the sum" }))
            }
        }
    }
}

fn codex_args(url: &str) -> Vec<String> {
    let provider = |key: &str, value: &str| format!("model_providers.stub.{key}={value}");
    let settings = [
        "model=\"stub-model\"".to_owned(),
        "model_provider=\"stub\"".to_owned(),
        provider("name", "\"stub\""),
        provider("base_url", &format!("{url:?}")),
        provider("wire_api", "\"responses\""),
        provider("request_max_retries", "1"),
        provider("stream_max_retries", "1"),
    ];
    settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
}

/// opencode finds its model in the repository's own configuration.
fn opencode_config(url: &str) -> String {
    json!({
        "autoupdate": false,
        "share": "disabled",
        "model": "stub/stub-model",
        "small_model": "stub/stub-model",
        "provider": { "stub": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "stub",
            "options": { "baseURL": url, "apiKey": "stub" },
            "models": { "stub-model": { "name": "stub", "cost": { "input": 1, "output": 2 } } },
        }},
    })
    .to_string()
}

async fn world(program: Program, stub: &ModelStub, ampx: &str) -> World {
    let repo = TestRepo::new();
    repo.commit("main", &[("opencode.json", &opencode_config(&stub.url()))], "Configure");
    let agent = program.settings(stub);
    let setup = Setup { agent, ci: "sh test.sh".into(), ampx: ampx.into(), ..Setup::default() };
    World::with(super::folder(), repo, super::WRONG_SUM, setup).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_goes_from_red_to_green() {
    for program in ALL {
        let stub = ModelStub::start(vec![
            program.shell("echo 'echo 6' > sum.sh"),
            Turn::text("I have tried six."),
            program.shell("echo 'echo $(($1 + $2))' > sum.sh"),
            Turn::text("The sum is right now."),
        ])
        .await;
        let world = world(program, &stub, "").await;
        let detail = world.done("Mend the sum").await;
        let log = world.log(detail.task.id).await;
        assert_eq!(detail.task.status, TaskStatus::Success, "{program:?}: {}\n{log}", detail.task.summary);
        let verdicts: Vec<_> = detail.attempts.iter().map(|attempt| attempt.ci_verdict.as_deref().unwrap()).collect();
        assert_eq!(verdicts, ["red", "green"], "{program:?}");
        assert!(detail.task.thread_id.is_some() && log.contains("The sum is right now."), "{program:?}: {log}");
        let asked = stub.asked();
        assert_eq!(asked.len(), 4, "{program:?}");
        // The second attempt has the failure, and the first one's words before it: it is the same session.
        let last = asked[3].to_string();
        assert!(last.contains("2 + 2 is not 6") && last.contains("I have tried six."), "{program:?}: {last}");
        let used: Vec<_> = detail.attempts.iter().map(|attempt| attempt.usage).collect();
        for used in used {
            let known = match program {
                Program::Codex | Program::Opencode => Some(1100),
                Program::OpencodeAcp => None,
            };
            assert_eq!(used.input_tokens, known, "{program:?}");
            assert_eq!(used.cost_usd.is_some(), matches!(program, Program::Opencode), "{program:?}: {used:?}");
        }
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_whose_login_is_refused_ends_its_task() {
    for program in ALL {
        let stub = ModelStub::start(vec![Turn::unauthorized()]).await;
        let world = world(program, &stub, "").await;
        let detail = world.done("Mend the sum").await;
        assert_eq!(detail.task.status, TaskStatus::Error, "{program:?}: {}", detail.task.summary);
        assert!(detail.task.summary.contains("its login was refused"), "{program:?}: {}", detail.task.summary);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_whose_model_breaks_comes_to_a_defined_end() {
    for (program, turn, words) in [
        (Program::Codex, Turn::broken(), "does not answer as it should"),
        (Program::Codex, Turn::rate_limited(), "limits its rate"),
        (Program::Codex, Turn::out_of_quota(), "nothing left to spend"),
        (Program::Codex, Turn::Malformed, "does not answer as it should"),
        (Program::Codex, Turn::HalfLine, "does not answer as it should"),
        (Program::Opencode, Turn::rate_limited(), "limits its rate"),
        (Program::Opencode, Turn::HalfLine, "could not be read"),
    ] {
        let stub = ModelStub::start(vec![turn.clone()]).await;
        let world = world(program, &stub, "max_attempts = 1").await;
        let detail = world.done("Mend the sum").await;
        let task = &detail.task;
        assert_eq!(task.status, TaskStatus::Error, "{program:?} {turn:?}: {}", task.summary);
        assert!(task.summary.contains(words), "{program:?} {turn:?}: {}", task.summary);
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs: make e2e-agents"]
async fn a_real_agent_whose_model_never_answers_is_stopped_and_leaves_no_process() {
    for program in ALL {
        let stub = ModelStub::start(vec![Turn::Hang]).await;
        let world = world(program, &stub, "agent_timeout_s = 15").await;
        let detail = world.done("Mend the sum").await;
        assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{program:?}: {}", detail.task.summary);
        assert!(detail.task.summary.contains("was stopped after"), "{program:?}: {}", detail.task.summary);
        let marker = format!("ampx-{}-agent-1", detail.task.id).parse().unwrap();
        assert_eq!(world.ampx.sandbox.reap(&marker).await.unwrap(), 0, "{program:?}");
        world.stop().await;
    }
}
