use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use opsmith_model::Clock;
use serde_json::{Value, json};
use testkit::github::{FakeGitHub, PullState};
use testkit::repo::TestRepo;

use crate::kill::server::Server;
use crate::kill::world::{POLL, WRONG_THEN_RIGHT, World, processes_of};
use crate::process::PATIENCE;

const NAME: &str = "acme/sums";
const TOKEN: &str = "a-token-of-the-fake";
const CREATE: &str = "POST /repos/{owner}/{repo}/pulls";
const PUT_MERGE: &str = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge";

const WORKFLOW: &str = "name: CI
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - name: sums
      run: sh test.sh
";

/// Who reports on commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ci {
    /// A status, which is there with the push.
    Status,
    /// The repository's workflow, run by act behind GitHub's Actions.
    Actions,
}

/// A GitHub with one repository, and a machine that works on it.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) fake: FakeGitHub,
    pub(crate) repo: Arc<TestRepo>,
    ci: Ci,
}

impl Stage {
    /// With the agent that is wrong and then right.
    pub(crate) async fn scripted(ci: Ci) -> Self {
        let stage = Self::new(ci, &[]).await;
        let script = stage.world.script(WRONG_THEN_RIGHT);
        stage.configure(&script);
        stage
    }

    /// With more files in the repository, and no agent so far.
    pub(crate) async fn new(ci: Ci, files: &[(&str, &str)]) -> Self {
        let world = World::on_sqlite();
        let fake = FakeGitHub::start(Clock::system()).await;
        fake.add_token(TOKEN, "opsmith");
        let repo = fake.add_repository(NAME);
        let test = world.repo.read("main", "test.sh");
        let ours = [("sum.sh", "echo 5\n"), ("test.sh", test.as_str()), ("CODEOWNERS", "* @ada\n")];
        let workflow = [(".github/workflows/ci.yml", WORKFLOW)];
        repo.commit("main", &[&ours[..], &workflow[..usize::from(ci == Ci::Actions)], files].concat(), "Begin");
        fake.with(NAME, |repo| repo.reviewers = vec!["ada".to_owned()]);
        match ci {
            Ci::Status => {
                let judge = |sums: &str| if sums.contains("$1 + $2") { "success" } else { "failure" };
                fake.check_pushes(move |repo, sha| judge(&repo.read(sha, "sum.sh")));
            }
            Ci::Actions => assert!(fake.run_workflows(), "run `make e2e-agents` or `dev/tools.sh act`"),
        }
        Self { world, fake, repo, ci }
    }

    /// Configures the machine; the agent is what stands below `[ampx.agents.it]`.
    pub(crate) fn configure(&self, agent: &str) {
        let api = self.fake.api();
        let ci = format!("provider = \"github\"\nlocal_first = false\n[github]\nbase_url = {api:?}");
        self.world.configure_checked("a", agent, &ci);
    }

    /// The machine's server; it is killed where it reaches `failpoint`.
    pub(crate) fn serve(&self, failpoint: Option<&str>) -> Server {
        let mut command = self.world.command("a", &["serve", "--address", "127.0.0.1:0"]);
        command.env("GITHUB_TOKEN", TOKEN).env("WORKER_POLL_INTERVAL", "1");
        if let Some(point) = failpoint {
            command.env("FAILPOINTS", format!("{point}=return"));
        }
        Server::spawn(command)
    }

    /// Starts the task, or finds it; `None` where the server died meanwhile.
    pub(crate) async fn start(&self, server: &Server) -> Option<Value> {
        let task = json!({ "repo": self.fake.url(NAME), "prompt": "Make the sum right", "labels": ["sums"] });
        let request =
            reqwest::Client::new().post(server.url("/tasks")).header("Idempotency-Key", "the-task").json(&task);
        let answer = request.timeout(PATIENCE).send().await.ok()?;
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.ok()
    }

    /// Starts or finds the task, and takes it to its end.
    pub(crate) async fn done(&self, server: &Server) -> Value {
        let created = self.start(server).await.unwrap();
        server.end_of(created["id"].as_str().unwrap()).await
    }

    /// The steps of the task's run, as the journal has them.
    pub(crate) async fn steps(&self, server: &Server, task: &Value) -> Vec<String> {
        self.run_is_over("ampx.task").await;
        let run = server.get(&format!("/runs/{}", task["run_id"].as_str().unwrap())).await;
        let names = run["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap().to_owned());
        names.filter(|name| !name.starts_with("DBOS.")).collect()
    }

    /// A run comes to its own end a moment after its task.
    async fn run_is_over(&self, kind: &str) {
        let deadline = Instant::now() + PATIENCE;
        let over = format!("SELECT COUNT(*) FROM runs WHERE kind = '{kind}' AND state = 'succeeded'");
        while self.world.count(&over).await != 1 {
            assert!(Instant::now() < deadline, "the run `{kind}` never ended");
            tokio::time::sleep(POLL).await;
        }
    }

    /// How often GitHub was asked for something, and did it.
    fn created(&self, route: &str, status: u16) -> usize {
        self.fake.asked().iter().filter(|asked| asked.route == route && asked.status == status).count()
    }

    async fn recorded(&self, effect: &str) -> i64 {
        self.world.count(&format!("SELECT COUNT(*) FROM guard_audit WHERE action = '{effect}'")).await
    }

    /// Red, then green; one branch with two commits, one pull request, asked for one review, labelled, each recorded
    /// once in a whole chain, and nothing left over.
    pub(crate) async fn assert_done_once(&self, task: &Value, what: &str) {
        assert_eq!(task["status"], "success", "{what}: {task:#}");
        let branch = task["branch"].as_str().unwrap();
        assert_eq!(self.repo.branches(), [branch, "main"], "{what}");
        assert_eq!(self.repo.log(branch).len(), self.repo.log("main").len() + 2, "{what}");
        assert_eq!(self.repo.read(branch, "sum.sh"), "echo $(($1 + $2))", "{what}");
        let verdicts: Vec<_> =
            task["attempts"].as_array().unwrap().iter().map(|attempt| attempt["ci_verdict"].as_str()).collect();
        assert_eq!(verdicts, [Some("red"), Some("green")], "{what}");
        let (pulls, labels) = self.fake.with(NAME, |repo| (repo.pulls.clone(), repo.labels.get(&1).cloned()));
        assert_eq!(pulls.len(), 1, "{what}: {pulls:?}");
        assert_eq!(pulls[0].state, PullState::Open, "{what}");
        assert_eq!(pulls[0].requested, ["ada"], "{what}");
        assert_eq!(labels.as_deref(), Some(&["sums".to_owned()][..]), "{what}");
        assert_eq!(self.created(CREATE, 201), 1, "{what}");
        let reruns = i64::from(self.ci == Ci::Actions);
        for (effect, times) in [
            ("ampx.push", 2),
            ("ampx.open_pull_request", 1),
            ("ampx.request_reviewers", 1),
            ("ampx.add_labels", 1),
            ("ampx.rerun_ci", reruns),
        ] {
            assert_eq!(self.recorded(effect).await, times, "{what}: {effect}");
        }
        if self.ci == Ci::Actions {
            let attempts: Vec<u64> = self.fake.with(NAME, |repo| repo.runs.iter().map(|run| run.attempt).collect());
            assert_eq!(attempts, [2, 1], "{what}: the red run ran again once");
        }
        self.run_is_over("ampx.task").await;
        self.assert_tidy(task["id"].as_str().unwrap(), what);
    }

    /// Merges with a person's yes; `None` where the server died meanwhile.
    pub(crate) async fn merge(&self, server: &Server, id: &str) -> Option<Value> {
        let asked = self.ask_to_merge(server, id).await?;
        if asked["error"] != "confirmation_required" {
            return Some(asked);
        }
        let yes = json!({ "decision": "yes", "digest": asked["digest"] });
        let path = format!("/confirmations/{}", asked["confirmation_id"].as_str().unwrap());
        let answered = reqwest::Client::new().post(server.url(&path)).json(&yes).send().await.unwrap();
        assert!(answered.status().is_success(), "{}", answered.text().await.unwrap());
        self.ask_to_merge(server, id).await
    }

    async fn ask_to_merge(&self, server: &Server, id: &str) -> Option<Value> {
        let body = json!({ "method": "squash", "delete_branch": true });
        let request = reqwest::Client::new().post(server.url(&format!("/tasks/{id}/merge"))).json(&body);
        request.timeout(PATIENCE).send().await.ok()?.json().await.ok()
    }

    /// GitHub has merged it once, as one commit, and its branch is gone.
    pub(crate) async fn assert_merged_once(&self, merged: &Value, what: &str) {
        self.run_is_over("ampx.merge").await;
        let sha = self.repo.branch_sha("main").unwrap();
        assert_eq!(merged["sha"].as_str(), Some(sha.as_str()), "{what}: {merged:#}");
        assert_eq!(self.created(PUT_MERGE, 200), 1, "{what}");
        assert_eq!((self.repo.log("main").len(), self.repo.branches()), (2, vec!["main".to_owned()]), "{what}");
        assert_eq!(self.fake.with(NAME, |repo| repo.pulls[0].state.clone()), PullState::Merged(sha), "{what}");
        for effect in ["ampx.merge", "ampx.delete_branch"] {
            assert_eq!(self.recorded(effect).await, 1, "{what}: {effect}");
        }
        self.assert_tidy("", what);
    }

    /// The chain holds, no process of the task is left, and no folder of it.
    fn assert_tidy(&self, id: &str, what: &str) {
        let verified = self.world.command("a", &["audit", "verify"]).output().unwrap();
        assert!(verified.status.success(), "{what}: {}", String::from_utf8_lossy(&verified.stderr));
        if !id.is_empty() {
            assert_eq!(processes_of(id), Vec::<i32>::new(), "{what}: orphans");
        }
        assert!(self.world.strays("a").is_empty(), "{what}: {:?}", self.world.strays("a"));
        assert!(!holds(&self.world.data("a"), TOKEN), "{what}: GitHub's token is in the data folder");
    }
}

/// Whether a file of a folder has a text.
fn holds(folder: &Path, text: &str) -> bool {
    // Folders come and go.
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| !path.is_symlink());
    files.any(|path| match path.is_dir() {
        true => holds(&path, text),
        false => std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())),
    })
}
