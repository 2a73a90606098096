//! Programs whose output is understood, played by shell scripts that print recorded streams.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use ampx::NewTask;
use ampx::agents::statuses;
use ampx::task::{TaskDetail, TaskStatus, Usage};
use opsmith_sandbox::{Backend, Sandbox};
use tempfile::TempDir;

use super::{Setup, World, ada};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/agents");
const MEND: &str = "echo 'echo $(($1 + $2))' > sum.sh";

/// An agent of that kind whose program is a shell script; `play STREAM` prints a recorded stream, and its arguments go
/// to `args` in the world's folder, a line for each go.
fn program(world_folder: &TempDir, kind: &str, script: &str) -> Setup {
    let outside = super::outside(world_folder).display().to_string();
    let args = format!("{outside}/args");
    let script = format!("play() {{ cat {FIXTURES}/$1.jsonl; }}; echo \"$0 $*\" >> {args}; {script}");
    let setup = Setup::shell(&script);
    let more = format!("[sandbox]\nreadable = [{FIXTURES:?}]\nwritable = [{outside:?}]\n");
    Setup { agent: setup.agent.replace("\"command\"", &format!("{kind:?}")), more, ..setup }
}

async fn world(kind: &str, script: &str) -> World {
    world_with(kind, script, |setup| setup).await
}

async fn world_with(kind: &str, script: &str, more: impl FnOnce(Setup) -> Setup) -> World {
    let folder = super::folder();
    let setup = more(program(&folder, kind, script));
    World::with(folder, testkit::repo::TestRepo::new(), super::WRONG_SUM, setup).await
}

fn args(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.folder.path().join("outside/args")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn homes(world: &World) -> usize {
    std::fs::read_dir(world.folder.path().join("data/agents")).map_or(0, Iterator::count)
}

fn tokens(detail: &TaskDetail) -> Vec<(Option<u64>, Option<u64>)> {
    detail.attempts.iter().map(|attempt| (attempt.usage.input_tokens, attempt.usage.output_tokens)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_resumes_the_session_and_counts_only_what_it_used() {
    let script = format!(
        "case $OPSMITH_ATTEMPT in 1) play codex/0.169.0/edit; echo 'echo 6' > sum.sh;; *) play codex/0.169.0/resume; {MEND};; esac"
    );
    let world = world("codex", &script).await;
    let detail = world.done("Mend the sum").await;
    let log = world.log(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    let thread = "01a1fed0-cc93-7160-9cb6-a4ec9bbde0f4";
    assert_eq!(detail.task.thread_id.as_deref(), Some(thread));
    assert!(detail.attempts.iter().all(|attempt| attempt.thread_id.as_deref() == Some(thread)));
    assert_eq!(tokens(&detail), [(Some(2500), Some(92)), (Some(50), Some(5))]);
    assert!(detail.attempts.iter().all(|attempt| attempt.usage.cost_usd.is_none()));
    let args = args(&world);
    // Behind walls of ours codex cannot put up its own.
    let walls = match world.ampx.sandbox().unwrap().backend() {
        Backend::Local => "workspace-write",
        Backend::Bubblewrap | Backend::Container => "danger-full-access",
    };
    assert_eq!(args[0], format!("exec --json -c sandbox_mode=\"{walls}\" -"));
    assert_eq!(args[1], format!("exec resume --json -c sandbox_mode=\"{walls}\" {thread} -"));
    assert!(log.contains("[edit] /home/ada/project/sum.sh") && log.contains("The sum is right now."), "{log}");
    assert!(!log.contains("{\"type\""), "{log}");
    assert_eq!(homes(&world), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_continued_task_goes_on_in_its_session() {
    let script = format!(
        "play opencode/1.18.33/resume; case \"$*\" in *--session*) test -f $HOME/seen && {MEND};; *) touch $HOME/seen;; esac"
    );
    let world = world_with("opencode", &script, |setup| Setup { ampx: "max_attempts = 1".into(), ..setup }).await;
    // The nudge resumes already; it finds its home, and so mends the sum.
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(tokens(&detail), [(Some(100), Some(10))], "both goes of the attempt count");
    world.stop().await;

    let script = "play codex/0.169.0/resume";
    let world = world_with("codex", script, |setup| setup).await;
    let stuck = world.done("Mend the sum").await;
    assert_eq!(stuck.task.status, TaskStatus::NeedsReview, "{}", stuck.task.summary);
    assert_eq!((homes(&world), world.strays().len()), (1, 0));
    world.ampx.continue_task(stuck.task.id, Some("Now mend it"), &ada()).await.unwrap();
    world.ended(stuck.task.id).await;
    let args = args(&world);
    assert!(
        !args[0].contains("resume")
            && args[2].contains("resume")
            && args[2].ends_with("01a1fed0-cc93-7160-9cb6-a4ec9bbde0f4 -"),
        "{args:?}"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_gone_is_begun_anew() {
    let gone = "echo 'Error: thread/resume failed: no rollout found for thread id 0' >&2; exit 1";
    let script = format!(
        "case \"$*\" in *resume*) {gone};; esac; play codex/0.169.0/edit; test -f again && {MEND}; touch again"
    );
    let world = world("codex", &script).await;
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    let args = args(&world);
    assert_eq!(args.iter().map(|args| args.contains("resume")).collect::<Vec<_>>(), [false, true, false], "{args:?}");
    assert_eq!(tokens(&detail)[1], (Some(2500), Some(92)), "a new thread counts from nothing");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_ends_the_task_at_once_and_says_how_to_log_in() {
    for (kind, script, login) in [
        ("codex", "play codex/0.169.0/unauthorized; exit 1", "codex login"),
        ("opencode", "play opencode/1.18.33/unauthorized; exit 1", "opencode auth login"),
        ("claude", "play claude/2.1.197/unauthorized; exit 1", "/login"),
        // aider exits with 0 all the same.
        ("aider", "echo 'litellm.AuthenticationError: AuthenticationError: OpenAIException'", "OPENAI_API_KEY"),
    ] {
        let world = world(kind, script).await;
        let detail = world.done("Mend the sum").await;
        let task = &detail.task;
        assert_eq!((task.status, detail.attempts.len()), (TaskStatus::Error, 1), "{kind}: {}", task.summary);
        assert!(task.summary.contains("its login was refused") && task.summary.contains(login), "{}", task.summary);
        assert!(detail.attempts[0].summary.as_deref().unwrap().contains("login was refused"));
        assert_eq!(args(&world).len(), 1, "{kind} was asked again");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_that_passes_is_waited_out_and_what_was_done_is_kept() {
    let script = "case $OPSMITH_ATTEMPT in 1) play opencode/1.18.33/rate-limited; echo half > half; exit 1;; \
                  *) play opencode/1.18.33/edit; test -f half && echo 'echo $(($1 + $2))' > sum.sh;; esac";
    let world = world("opencode", script).await;
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert!(detail.attempts[0].summary.as_deref().unwrap().contains("limits its rate"));
    assert_eq!((detail.attempts[0].head_sha.as_deref(), detail.attempts[0].usage), (None, Usage::default()));
    assert_eq!(world.repo.read(&detail.task.branch, "half"), "half");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_that_stays_ends_in_an_error_with_its_words() {
    for (kind, script, words) in [
        ("codex", "play codex/0.169.0/broken; exit 1", "does not answer as it should"),
        ("codex", "play codex/0.169.0/half; exit 1", "does not answer as it should"),
        ("opencode", "play opencode/1.18.33/malformed; exit 1", "could not be read"),
        ("opencode", "while :; do play opencode/1.18.33/half; done", "could not be read"),
        ("codex", "printf '{\"type\":\"turn.comp'; echo 'panicked at src/main.rs' >&2; kill -9 $$", "panicked at"),
        ("amp", "play amp/documented/failed", "nothing left to spend"),
    ] {
        let world = world_with(kind, script, |setup| Setup { ampx: "max_attempts = 2".into(), ..setup }).await;
        let detail = world.done("Mend the sum").await;
        let task = &detail.task;
        assert_eq!(task.status, TaskStatus::Error, "{script}: {}", task.summary);
        assert!(task.summary.contains(words), "{script}: {}", task.summary);
        assert_eq!(world.repo.branches(), ["main"], "{script}");
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_everything_wrong_in_it_is_survived() {
    let script = format!(
        "printf '{{\"type\":\"'; head -c 3000000 /dev/zero | tr '\\0' x; printf '\"}}\\n'; printf '\\377\\376 no text\\n'; \
         printf '{{\"type\":\"from.the.future\"}}\\n{{\"half\\n'; play codex/0.169.0/edit; printf '{{\"type\":'; {MEND}; exit 9"
    );
    let world = world("codex", &script).await;
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(tokens(&detail), [(Some(2500), Some(92))]);
    let log = world.log(detail.task.id).await;
    assert!(log.len() < 100_000 && log.contains("no text") && log.contains("exited with 9"), "{}", log.len());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_go_is_stopped_over_its_budget_or_its_turns() {
    let endless = "while :; do play opencode/1.18.33/edit; done";
    let over_budget = world("opencode", endless).await;
    let new = NewTask {
        repo: over_budget.repo.url(),
        prompt: "Mend the sum".into(),
        budget_usd: Some(0.01),
        ..NewTask::default()
    };
    let id = over_budget.ampx.create(&new, &ada(), None).await.unwrap().id;
    let detail = over_budget.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview);
    assert!(detail.task.summary.contains("over its budget"), "{}", detail.task.summary);
    let cost = detail.attempts[0].usage.cost_usd.unwrap();
    assert!(cost > 0.01, "{cost}");
    over_budget.stop().await;

    let turns = |setup| Setup { ampx: "agent_max_turns = 3".into(), ..setup };
    let over_turns = world_with("codex", &format!("{MEND}; while :; do play codex/0.169.0/edit; done"), turns).await;
    let detail = over_turns.done("Mend the sum").await;
    // What it had done by then counts.
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert!(over_turns.log(detail.task.id).await.contains("was stopped after 3 uses of its tools"));
    over_turns.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_cannot_be_held_is_told() {
    let world = world_with("codex", &format!("play codex/0.169.0/edit; {MEND}"), |setup| Setup {
        ampx: "budget_usd = 1.0".into(),
        ..setup
    })
    .await;
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert!(world.log(detail.task.id).await.contains("does not tell its cost"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_drops_beside_its_work_is_not_committed() {
    let script = format!(
        "mkdir .aider.tags; touch .aider.tags/x .aider.chat.history.md; grep -q . \"$(eval echo \\$$#)\" && {MEND}"
    );
    let world = world("aider", &script).await;
    let detail = world.done("Mend the sum").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(world.repo.files(&detail.task.branch), ["sum.sh", "test.sh"]);
    assert!(args(&world)[0].contains("--message-file "), "{:?}", args(&world));
    world.stop().await;
}

/// An agent that speaks the Agent Client Protocol with `read` and `echo`; it serves until its input ends.
const ACP: &str = r#"
read -r hello; echo '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":1,"agentCapabilities":{"loadSession":true}}}'
read -r open; case "$open" in *session/load*) id=1;; *) id=2;; esac
echo "{\"jsonrpc\":\"2.0\",\"id\":$id,\"result\":{\"sessionId\":\"s-1\"}}"
read -r prompt; case "$prompt" in *'not 6'*) good='echo $(($1 + $2))';; *) good='echo 6';; esac
echo '{"jsonrpc":"2.0","id":"p","method":"session/request_permission","params":{"options":[{"optionId":"go","kind":"allow_once"}]}}'
read -r leave; case "$leave" in *'"go"'*) echo "$good" > sum.sh;; esac
echo '{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"I have "}}}}'
echo '{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"tried."}}}}'
echo '{"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}'
cat > /dev/null
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_of_the_client_protocol_is_led_from_red_to_green() {
    let world = world("acp", ACP.trim()).await;
    let detail = world.done("Mend the sum").await;
    let log = world.log(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    assert_eq!((detail.attempts.len(), detail.task.thread_id.as_deref()), (2, Some("s-1")));
    assert!(log.contains("I have tried.") && log.contains("exited with 0"), "{log}");
    assert_eq!(tokens(&detail), [(None, None), (None, None)]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_agent_tells_whether_it_is_found_ready_and_verified() {
    let setup = Setup { agent: "kind = \"codex\"\ncommand = [\"git\"]\n".into(), ..Setup::default() };
    let world = World::new(setup).await;
    let sandbox = Sandbox::local(std::env::vars_os()).unwrap();
    let folder = super::folder();
    let statuses = statuses(&world.ampx.settings, &sandbox, folder.path()).await;
    let it = &statuses[0];
    assert_eq!((it.name.as_str(), it.kind.as_str(), it.configured, it.found), ("it", "codex", true, true));
    assert!(it.version.as_deref().is_some_and(|version| version.starts_with("git version ")), "{it:?}");
    assert!(it.verified, "{it:?}");
    let names: Vec<&str> = statuses.iter().map(|status| status.name.as_str()).collect();
    assert_eq!(names, ["it", "codex", "opencode", "claude", "amp", "gemini", "aider", "mini", "builtin"]);
    for status in &statuses[4..8] {
        assert!(!status.verified && status.verification.is_some(), "{status:?}");
        assert!(status.found || (!status.ready && status.reason.is_some()), "{status:?}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_tell_its_version_keeps_nobody_waiting_and_is_not_believed() {
    let scripts = [
        ("hangs", "trap '' TERM; sleep 1000 & wait", "does not answer"),
        ("floods", "head -c 1000000000 /dev/zero", ""),
        ("babbles", r"printf '\377\376 \033[31mnothing\n\n'", ""),
        ("fails", "echo 'codex 9.9'; exit 3", "exited with 3"),
        ("dies", "kill -9 $$", "ended by signal 9"),
        ("tells", "echo; echo 'a warning'; echo 'codex-cli 9.9'; echo more", ""),
    ];
    let folder = super::folder();
    let mut more = String::new();
    for (name, script, _) in scripts {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        more += &format!("[ampx.agents.{name}]\nkind = \"codex\"\ncommand = [\"{}\"]\n", file.display());
    }
    let world = World::new(Setup { more, ..Setup::shell("true") }).await;
    let sandbox = Sandbox::local(std::env::vars_os()).unwrap();
    let began = Instant::now();
    let statuses = statuses(&world.ampx.settings, &sandbox, folder.path()).await;
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    for (name, _, reason) in scripts {
        let status = statuses.iter().find(|status| status.name == name).unwrap();
        assert_eq!(status.version.as_deref(), (name == "tells").then_some("codex-cli 9.9"), "{status:?}");
        let said = status.reason.clone().unwrap_or_default();
        assert!(said.contains(reason), "{status:?}");
        assert!(reason.is_empty() || !status.ready, "{status:?}");
    }
    world.stop().await;
}
