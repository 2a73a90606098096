//! Tasks on a GitHub that speaks the real wire, from the push to the merge; each story fails if anything asked or
//! answered is not as GitHub describes it.

mod actions;
mod app;
mod merging;
mod review;
mod trouble;
mod webhooks;

use std::sync::Arc;

use ampx::NewTask;
use ampx::task::TaskDetail;
use opsmith_model::{Clock, TaskId};
use opsmith_store::Page;
use testkit::github::FakeGitHub;
use testkit::repo::TestRepo;

use super::{Setup, WRONG_SUM, World, ada, folder};

const NAME: &str = "acme/api";
const TOKEN: &str = "a-test-token";
const ADD: &str = "echo 'echo $(($1 + $2))' > sum.sh";
/// An agent that is right the second time.
const GUESS_THEN_ADD: &str =
    "if [ $OPSMITH_ATTEMPT = 1 ]; then echo 'echo 3' > sum.sh; else echo 'echo $(($1 + $2))' > sum.sh; fi";

/// A world whose repository `acme/api` is on a GitHub.
struct Hub {
    fake: FakeGitHub,
    git: Arc<TestRepo>,
    world: World,
}

/// Settings of a world whose CI is GitHub's alone, looked at every second.
fn github_alone(agent: &str) -> Setup {
    Setup {
        ci: String::new(),
        ci_keys: "local_first = false\n".into(),
        ampx: "poll_interval_s = 1\n".into(),
        ..Setup::shell(agent)
    }
}

impl Hub {
    /// A world with a token.
    async fn new(setup: Setup, files: &[(&str, &str)]) -> Self {
        let fake = FakeGitHub::start(Clock::system()).await;
        fake.add_token(TOKEN, "opsmith");
        Self::with(fake, &format!("token = \"{TOKEN}\"\n"), setup, files).await
    }

    /// A world over a GitHub that is there, with more keys of `[github]`.
    async fn with(fake: FakeGitHub, keys: &str, setup: Setup, files: &[(&str, &str)]) -> Self {
        let git = fake.add_repository(NAME);
        git.commit("main", &[WRONG_SUM, files].concat(), "Begin");
        let more = format!("{}\n[github]\nbase_url = \"{}\"\n{keys}", setup.more, fake.api());
        let world = World::with(folder(), TestRepo::new(), &[], Setup { more, ..setup }).await;
        Self { fake, git, world }
    }

    fn task(&self, prompt: &str) -> NewTask {
        NewTask { repo: self.fake.url(NAME), prompt: prompt.to_owned(), ..NewTask::default() }
    }

    async fn start(&self) -> TaskId {
        self.create(&self.task("Make sum.sh add")).await
    }

    async fn create(&self, new: &NewTask) -> TaskId {
        self.world.ampx.create(new, &ada(), None).await.unwrap().id
    }

    /// Waits until the CI of an attempt's commit is waited for, and gives the commit.
    async fn awaited(&self, id: TaskId, attempt: u32) -> String {
        let waits = format!("attempt {attempt}: waiting for GitHub's CI");
        self.world.until(async || self.world.ampx.task(id).await.unwrap().summary.starts_with(&waits)).await;
        self.world.ampx.task(id).await.unwrap().pushed_sha.unwrap()
    }

    /// Says of an attempt's commit how it is.
    async fn report(&self, id: TaskId, attempt: u32, state: &str) {
        let sha = self.awaited(id, attempt).await;
        self.fake.report(NAME, &sha, "ci/any", state);
    }

    /// A task that has come to its green pull request.
    async fn green(&self) -> TaskDetail {
        let id = self.start().await;
        self.report(id, 1, "success").await;
        self.world.ended(id).await
    }

    /// What the audit chain has of effects, the oldest first.
    async fn audited(&self) -> Vec<String> {
        let audit = self.world.process.guard.audit(Page { limit: 100, offset: 0 }).await.unwrap();
        let mut actions: Vec<String> = audit.into_iter().map(|entry| entry.action).collect();
        actions.reverse();
        actions
    }
}
