use std::sync::Arc;

use ampx::NewTask;
use ampx::task::{TaskDetail, TaskStatus};
use opsmith_model::{Clock, TaskId};
use opsmith_store::Page;
use testkit::github::{FakeGitHub, PullState};
use testkit::repo::TestRepo;

use super::super::{Setup, WRONG_SUM, World, ada, folder};

pub(super) const NAME: &str = "acme/sums";
const TOKEN: &str = "a-token-of-the-fake";
const ADD: &str = "echo 'echo $(($1 + $2))' > sum.sh";

pub(super) const CREATE: &str = "POST /repos/{owner}/{repo}/pulls";

/// A repository on a GitHub, and an ampx whose agent mends it at the first go.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) fake: FakeGitHub,
    pub(super) git: Arc<TestRepo>,
}

impl Scene {
    pub(super) async fn new() -> Self {
        Self::with("").await
    }

    /// With more keys of `[github]`.
    pub(super) async fn with(github: &str) -> Self {
        let fake = FakeGitHub::start(Clock::system()).await;
        fake.add_token(TOKEN, "opsmith");
        let git = fake.add_repository(NAME);
        git.commit("main", WRONG_SUM, "Begin");
        let setup = Setup {
            ci: String::new(),
            ampx: "poll_interval_s = 1\n".to_owned(),
            ci_keys: "provider = \"github\"\nlocal_first = false\n".to_owned(),
            more: format!("[github]\nbase_url = \"{}\"\ntoken = \"{TOKEN}\"\n{github}\n", fake.api()),
            ..Setup::shell(ADD)
        };
        let world = World::with(folder(), TestRepo::new(), &[], setup).await;
        Self { world, fake, git }
    }

    pub(super) async fn start(&self) -> TaskId {
        let new = NewTask { repo: self.fake.url(NAME), prompt: "Make the sum right".to_owned(), ..NewTask::default() };
        self.world.ampx.create(&new, &ada(), None).await.unwrap().id
    }

    /// Waits until the task waits for GitHub's CI; its branch and the commit there.
    pub(super) async fn awaiting(&self, id: TaskId) -> (String, String) {
        let waits = async || self.world.ampx.task(id).await.unwrap().summary.contains("waiting for GitHub's CI");
        self.world.until(waits).await;
        let branch = self.world.ampx.task(id).await.unwrap().branch;
        let sha = self.git.branch_sha(&branch).expect("it was pushed");
        (branch, sha)
    }

    /// Lets CI be content with a task once it waits for that; its branch.
    pub(super) async fn green(&self, id: TaskId) -> String {
        let (branch, sha) = self.awaiting(id).await;
        self.pass(&sha);
        branch
    }

    pub(super) fn pass(&self, sha: &str) {
        self.fake.report(NAME, sha, "ci", "success");
    }

    pub(super) async fn ended(&self, id: TaskId) -> TaskDetail {
        self.world.ended(id).await
    }

    /// How often the audit chain has an action.
    pub(super) async fn recorded(&self, action: &str) -> usize {
        let audit = self.world.process.guard.audit(Page { limit: 1_000, offset: 0 }).await.unwrap();
        audit.iter().filter(|entry| entry.action == action).count()
    }

    /// The task is a success with one commit and one pull request in a whole chain. Each of its runs has made sure of
    /// its own push.
    pub(super) async fn assert_done_once(&self, detail: &TaskDetail, runs: usize) {
        assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
        assert_eq!(self.git.branches(), [detail.task.branch.as_str(), "main"]);
        assert_eq!(self.git.log(&detail.task.branch).len(), 2);
        let pulls = self.fake.with(NAME, |repo| repo.pulls.clone());
        assert_eq!(pulls.iter().map(|pull| (pull.number, &pull.state)).collect::<Vec<_>>(), [(1, &PullState::Open)]);
        assert_eq!((self.recorded("ampx.push").await, self.recorded("ampx.open_pull_request").await), (runs, 1));
        self.world.process.guard.verify().await.unwrap();
    }
}
