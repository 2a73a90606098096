//! Secrets are planted wherever one may come in, and looked for at every wire.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ampx::NewTask;
use ampx::gates::{FindingKind, Standing};
use ampx::task::{TaskDetail, TaskStatus};
use opsmith_host::process::Process;
use opsmith_model::{ErrorKind, Hint as _};
use opsmith_store::Page;
use serde_json::json;
use tempfile::TempDir;
use testkit::llm::{ModelStub, Turn};
use testkit::repo::TestRepo;

use super::{Setup, World, ada, folder, outside};
use crate::CATALOGUE;
use crate::http::desk::serve;

const HELD: &str = "held, and not pushed: ";

/// A token in GitHub's form, another for each number: this file holds none that a scanner would find.
fn token(n: usize) -> String {
    let letter = |i: usize| char::from(b"aQ7rZ2mN4xT6vB9k"[(i * 7 + n * 5 + i / 16) % 16]);
    format!("{}_{}", "ghp", (0..36).map(letter).collect::<String>())
}

/// What is planted, by where it comes in.
struct Seeds {
    prompt: String,
    label: String,
    repository: String,
    agent: String,
    check: String,
    /// Of no form: only who has it knows that it is one.
    setting: &'static str,
}

impl Seeds {
    fn new() -> Self {
        let [prompt, label, repository, agent, check] = [1, 2, 3, 4, 5].map(token);
        Self { prompt, label, repository, agent, check, setting: "correct-horse-7-battery" }
    }

    fn tokens(&self) -> [&str; 5] {
        [&self.prompt, &self.label, &self.repository, &self.agent, &self.check]
    }
}

/// The agent tells what it was told, and everything that it can; the check does once, on a red.
async fn leaky_world(seeds: &Seeds, secrets: &str) -> World {
    let folder = folder();
    let out = outside(&folder);
    let encoded = format!("{}\n{}\n", seeds.agent, seeds.setting);
    fs::write(out.join("agent"), &encoded).unwrap();
    fs::write(out.join("check"), &seeds.check).unwrap();
    fs::write(folder.path().join("setting"), seeds.setting).unwrap();
    let out = out.display();
    let agent = format!(
        "tr '\\0' '\\n' < /proc/$$/cmdline >> {out}/cmdline; cut -c 1-9 {out}/agent | tr -d '\\n' | head -c 9; \
         head -n 1 {out}/agent | cut -c 10-; cat {out}/agent; tail -n 1 {out}/agent | base64; \
         echo attempt $OPSMITH_ATTEMPT >> config.py; \
         if [ $OPSMITH_ATTEMPT = 1 ]; then echo echo 6 > sum.sh; else echo 'echo $(($1 + $2))' > sum.sh; fi"
    );
    let mut setup = Setup::shell(&agent);
    setup.agent.push_str("prompt = \"arg\"\n");
    setup.ci = format!("cat {out}/check; sh test.sh");
    setup.ci_keys = "reruns = 0\n".to_owned();
    setup.more = secrets.replace("SETTING", &folder.path().join("setting").display().to_string());
    let repo = TestRepo::new();
    let config = format!("TOKEN = '{}'\n", seeds.repository);
    repo.commit("main", &[("config.py", &config)], "Have a token, which is too late to be kept");
    World::with(folder, repo, super::WRONG_SUM, setup).await
}

async fn told(world: &World, seeds: &Seeds) -> TaskDetail {
    let prompt = format!("Mend the sum; you may use {} for it, not {}", seeds.prompt, seeds.setting);
    let new = NewTask { repo: world.repo.url(), prompt, labels: vec![seeds.label.clone()], ..NewTask::default() };
    let detail = world.ended(world.ampx.create(&new, &ada(), None).await.unwrap().id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(detail.attempts.len(), 2);
    detail
}

/// All that is kept of a task, told of it, or seen of its commands.
async fn wires(world: &World, detail: &TaskDetail) -> BTreeMap<&'static str, String> {
    let id = detail.task.id;
    let server = serve(&world.ampx).await;
    let get = async |path: String| server.get(&path).send().await.unwrap().text().await.unwrap();
    let run = detail.task.run_id.unwrap();
    let audit = world.process.guard.audit(Page { limit: 1_000, offset: 0 }).await.unwrap();
    let mut wires = BTreeMap::from([
        ("task", json!(detail).to_string()),
        ("log", world.log(id).await),
        ("events", json!(world.ampx.events_after(0, None, 10_000).await.unwrap()).to_string()),
        ("audit", json!(audit).to_string()),
        ("run", format!("{:?}", world.process.runs.show(run).await.unwrap())),
        ("diff", String::from_utf8(world.ampx.diff(id).await.unwrap()).unwrap()),
        ("api task", get(format!("/api/v1/tasks/{id}")).await),
        ("api diff", get(format!("/api/v1/tasks/{id}/diff")).await),
        ("api log", get(format!("/api/v1/tasks/{id}/logs?tail=10000")).await),
        ("sse", get(format!("/api/v1/tasks/{id}/logs?follow=true&tail=10000")).await),
        ("page", get(format!("/tasks/{id}")).await),
        ("page of changes", get(format!("/tasks/{id}/changes")).await),
        ("page of tasks", get("/tasks".to_owned()).await),
        ("command line", fs::read_to_string(outside(&world.folder).join("cmdline")).unwrap()),
        ("commits", world.repo.git(&["log", "--format=%B", &detail.task.branch])),
    ]);
    wires.insert("database", bytes_of(&world.folder.path().join("data"), "opsmith.db"));
    wires
}

/// Every file of the folder whose name begins so, the database's log among them.
fn bytes_of(folder: &Path, name: &str) -> String {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = files.filter(|entry| entry.file_name().to_string_lossy().starts_with(name));
    let all: Vec<u8> = files.flat_map(|entry| fs::read(entry.path()).unwrap()).collect();
    assert!(!all.is_empty());
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planted_comes_out_nowhere() {
    let seeds = Seeds::new();
    let world = leaky_world(&seeds, "[secrets.vault]\ntoken = \"file:SETTING\"\n").await;
    let detail = told(&world, &seeds).await;
    let encoded = "Y29ycmVjdC1ob3JzZS03LWJhdHRlcnk";
    for (wire, text) in wires(&world, &detail).await {
        for secret in seeds.tokens().into_iter().chain([seeds.setting, encoded]) {
            assert!(!text.contains(secret), "{secret} is in {wire}: {text:.20000}");
        }
    }
    assert_eq!(detail.task.prompt, "Mend the sum; you may use <SECRET_HASH_1> for it, not <SECRET_HASH_2>");
    assert_eq!(detail.task.labels, ["<SECRET_HASH_3>"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_wires_have_it_where_nothing_is_looked_for() {
    let seeds = Seeds::new();
    let off =
        "disabled = [\"github-token\", \"assigned-secret\", \"assigned-secret-variable\", \"assigned-secret-yaml\"]";
    let world = leaky_world(&seeds, &format!("[secrets]\n{off}\n")).await;
    let detail = told(&world, &seeds).await;
    for (wire, text) in wires(&world, &detail).await {
        // A run knows its task's id and branch, and of these none is made of a secret.
        if wire != "run" {
            assert!(seeds.tokens().iter().any(|token| text.contains(token)), "none is in {wire}: {text:.2000}");
        }
    }
    world.stop().await;
}

/// The first attempt writes a token, the second takes it out.
fn script(token: &str) -> String {
    let right = "[[attempt.edit]]\npath = \"sum.sh\"\ncontent = \"echo $(($1 + $2))\\n\"\n";
    format!(
        "[[attempt]]\nsay = \"done\"\n{right}[[attempt.edit]]\npath = \"deploy.py\"\ncontent = \"\\nkey = '{token}'\\n\"\n\
         [[attempt]]\nsay = \"taken out\"\n[[attempt.edit]]\npath = \"deploy.py\"\ncontent = \"import os\\n\"\n"
    )
}

async fn held(world: &World, allow_test_edits: bool) -> TaskDetail {
    let new = NewTask { repo: world.repo.url(), prompt: "Mend it".into(), allow_test_edits, ..NewTask::default() };
    let detail = world.ended(world.ampx.create(&new, &ada(), None).await.unwrap().id).await;
    assert_eq!(detail.task.status, TaskStatus::NeedsReview, "{}", detail.task.summary);
    assert!(detail.task.summary.starts_with(HELD), "{}", detail.task.summary);
    assert_eq!(world.repo.branches(), ["main"]);
    detail
}

/// The fingerprint that a finding names.
fn fingerprint(detail: &TaskDetail) -> String {
    let finding = &detail.attempts[0].findings[0];
    let (_, rest) = finding.what.split_once("fingerprint ").unwrap();
    rest.trim_end_matches(')').to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_with_a_secret_is_never_pushed_and_the_agent_may_take_it_out() {
    let token = token(7);
    let world = World::scripted(&script(&token)).await;
    let detail = held(&world, false).await;
    let id = detail.task.id;
    let [finding] = detail.attempts[0].findings.as_slice() else { panic!("{detail:?}") };
    assert_eq!((finding.kind, finding.path.as_str(), finding.line), (FindingKind::Secret, "deploy.py", Some(2)));
    assert!(
        finding.what.starts_with("holds <SECRET_HASH_1> (github-token, critical; fingerprint "),
        "{}",
        finding.what
    );
    assert!(world.log(id).await.contains("opsmith: gate: deploy.py:2: holds <SECRET_HASH_1>"));
    for (wire, text) in wires_of_diff(&world, &detail).await {
        assert!(!text.contains(&token) && text.contains("SECRET_HASH_1"), "{wire}: {text}");
    }

    let error = world.ampx.accept(id, None, &ada()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("deploy.py:2: holds <SECRET_HASH_1>"), "{error}");
    assert!(error.hint().unwrap().contains("secrets.allow.fingerprints"));
    assert_eq!(world.ampx.task(id).await.unwrap().status, TaskStatus::NeedsReview);

    world.ampx.continue_task(id, Some("Take the token out"), &ada()).await.unwrap();
    let detail = world.ended(id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{}", detail.task.summary, world.log(id).await);
    assert_eq!(world.repo.read(&detail.task.branch, "deploy.py"), "import os");
    assert_eq!(world.repo.log(&detail.task.branch).len(), 2, "the commit with the token is in no history");
    let everything = world.repo.git(&["log", "--all", "-p"]);
    assert!(everything.contains("import os") && !everything.contains(&token), "{everything}");
    world.stop().await;
}

async fn wires_of_diff(world: &World, detail: &TaskDetail) -> [(&'static str, String); 3] {
    let (id, server) = (detail.task.id, serve(&world.ampx).await);
    let get = async |path: String| server.get(&path).send().await.unwrap().text().await.unwrap();
    [
        ("diff", String::from_utf8(world.ampx.diff(id).await.unwrap()).unwrap()),
        ("api", get(format!("/api/v1/tasks/{id}/diff")).await),
        ("page", get(format!("/tasks/{id}/changes")).await),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_task_nor_policy_lets_a_secret_pass_and_the_allow_list_does() {
    let folder = folder();
    let policy = "[policy]\n\"ampx.test_edits\" = \"allow\"\n";
    let setup = Setup { more: policy.to_owned(), ..Setup::script(folder.path(), &script(&token(7))) };
    let mut world = World::with(folder, TestRepo::new(), super::WRONG_SUM, setup.clone()).await;
    let detail = held(&world, true).await;
    world.rest().await;
    let more = format!("{policy}[secrets.allow]\nfingerprints = [\"{}\"]\n", fingerprint(&detail));
    reopen(&mut world, &Setup { more, ..setup }).await;
    world.ampx.accept(detail.task.id, None, &ada()).await.unwrap();
    let detail = world.ended(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert!(!matches!(detail.attempts[0].findings.first(), Some(finding) if finding.standing == Standing::Held));
    world.stop().await;
}

/// The same folder and store with another configuration.
async fn reopen(world: &mut World, setup: &Setup) {
    let config = super::config(world.folder.path(), setup);
    world.process = Process::open(&CATALOGUE, &config).await.unwrap();
    world.ampx = ampx::open(&world.process, &config).unwrap();
    world.work().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_in_a_name_a_binary_or_one_of_ours_holds_too() {
    let folder: TempDir = folder();
    let ours = "correct-horse-7-battery";
    fs::write(folder.path().join("setting"), ours).unwrap();
    let more = format!("[secrets.vault]\ntoken = \"file:{}\"\n", folder.path().join("setting").display());
    let (in_name, in_binary) = (token(8), token(9));
    let agent = format!(
        "echo 'echo $(($1 + $2))' > sum.sh; mkdir {in_name}; echo > {in_name}/notes; printf '\\000\\001{in_binary}\\000' > blob.bin; \
         printf correct-horse-7-battery | base64 > notes; head -c 17000000 /dev/zero > large.bin"
    );
    let world = World::with(folder, TestRepo::new(), super::WRONG_SUM, Setup { more, ..Setup::shell(&agent) }).await;
    let detail = held(&world, false).await;
    let mut found: Vec<(FindingKind, &str)> =
        detail.attempts[0].findings.iter().map(|finding| (finding.kind, finding.path.as_str())).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            (FindingKind::Secret, "<SECRET_HASH_2>/notes"),
            (FindingKind::Secret, "blob.bin"),
            (FindingKind::Secret, "notes"),
            (FindingKind::TooLarge, "large.bin"),
        ]
    );
    let told = json!(detail).to_string();
    assert!(!told.contains(&in_name) && !told.contains(&in_binary) && !told.contains(ours), "{told}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_gets_no_secret_and_its_errors_tell_none() {
    let (in_prompt, in_file, in_error) = (token(1), token(2), token(3));
    let message = Box::leak(format!("what is {in_error}?").into_boxed_str());
    let refused = Turn::Refuse { status: 400, code: "invalid_request_error", message, retry_after_s: None };
    for (secrets, leaks) in [("", false), ("[secrets]\ndisabled = [\"github-token\"]\n", true)] {
        let stub =
            ModelStub::start(vec![Turn::tool("read_file", json!({ "path": "config.py" })), refused.clone()]).await;
        let agent = format!("kind = \"builtin\"\nmodel = \"stub-model\"\nbase_url = {:?}\n", stub.url());
        let setup = Setup { agent, ci: "sh test.sh".into(), more: secrets.to_owned(), ..Setup::default() };
        let repo = TestRepo::new();
        repo.commit("main", &[("config.py", &format!("x = '{in_file}'\n"))], "Begin");
        let world = World::with(folder(), repo, super::WRONG_SUM, setup).await;
        let detail = world.done(&format!("Mend the sum with {in_prompt}")).await;
        assert_eq!(detail.task.status, TaskStatus::Error, "{}", detail.task.summary);
        let (asked, told) =
            (json!(stub.asked()).to_string(), json!(detail).to_string() + &world.log(detail.task.id).await);
        for (secret, wire) in [(&in_prompt, &asked), (&in_file, &asked), (&in_error, &told)] {
            assert_eq!(wire.contains(secret.as_str()), leaks, "{secret}: {wire}");
        }
        world.stop().await;
    }
}
