use std::sync::Arc;

use chrono::DateTime;
use opsmith_forge::git::MergeMethod;
use opsmith_forge::github::{
    ApiAddress, AppKey, Credentials, GitHub, GitHubError, GitHubPull, GitHubRepo, MergePull, Patience,
};
use opsmith_forge::local::{OPEN_PULL_REQUEST, OpenRequest};
use opsmith_forge::url::RepoUrl;
use opsmith_guard::Permit;
use opsmith_model::{Clock, Effect, EffectKind, ManualClock, Secret};
use serde_json::Value;
use testkit::github::FakeGitHub;
use testkit::repo::TestRepo;

pub const NAME: &str = "acme/api";
pub const TOKEN: &str = "a-test-token";

/// A repository `acme/api` with `main` and, on top of it, `fix`; and a client with a token.
pub struct Scene {
    pub fake: FakeGitHub,
    pub git: Arc<TestRepo>,
    pub repo: GitHubRepo,
    pub head_sha: String,
    pub clock: Clock,
    pub hand: ManualClock,
}

impl Scene {
    pub async fn new() -> Self {
        let scene = Self::with(|_| Credentials::Token(Secret::new(TOKEN))).await;
        scene.fake.add_token(TOKEN, "opsmith");
        scene
    }

    pub async fn with_app() -> Self {
        Self::with(|fake| {
            let identity = fake.add_app("12345");
            Credentials::App(AppKey::new(identity.app_id, &Secret::new(identity.private_key)).unwrap())
        })
        .await
    }

    async fn with(credentials: impl FnOnce(&FakeGitHub) -> Credentials) -> Self {
        let (clock, hand) = Clock::manual(DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let fake = FakeGitHub::start(clock.clone()).await;
        let git = fake.add_repository(NAME);
        let start = git.commit("main", &[("a", "1")], "start");
        git.commit_from(&start, "fix", &[("b", "1")], "fix b");
        let head_sha = git.commit("fix", &[("c", "1")], "add c");
        let github = client(&fake.api(), credentials(&fake), &clock);
        let repo = github.repository(&url(&fake)).unwrap();
        Self { fake, git, repo, head_sha, clock, hand }
    }

    pub fn url(&self) -> RepoUrl {
        url(&self.fake)
    }

    pub fn permit(&self, verb: &str, parameters: Value) -> Permit {
        permit(verb, &self.url(), parameters)
    }

    pub fn request(&self) -> OpenRequest {
        OpenRequest {
            head: "fix".into(),
            base: "main".into(),
            head_sha: self.head_sha.clone(),
            title: "Fix b".into(),
            body: "As asked.".into(),
        }
    }

    pub async fn open(&self, request: &OpenRequest) -> Result<GitHubPull, GitHubError> {
        self.repo.open_pull(&self.permit(OPEN_PULL_REQUEST, request.parameters()), request).await
    }

    /// The merge of an open pull request as it is now.
    pub fn merge_of(&self, pull: &GitHubPull, method: MergeMethod) -> MergePull {
        MergePull {
            number: pull.number,
            head_sha: pull.head_sha.clone(),
            base: pull.base.clone(),
            method,
            title: format!("{} (#{})", pull.title, pull.number),
            message: "As asked.".into(),
        }
    }

    /// The statuses that a route was answered with.
    pub fn statuses(&self, route: &str) -> Vec<u16> {
        self.fake.asked().into_iter().filter(|asked| asked.route == route).map(|asked| asked.status).collect()
    }
}

pub fn client(api: &str, credentials: Credentials, clock: &Clock) -> GitHub {
    GitHub::new(ApiAddress::parse(api).unwrap(), credentials, clock.clone(), Patience::default()).unwrap()
}

pub fn permit(verb: &str, url: &RepoUrl, parameters: Value) -> Permit {
    Permit::for_test(Effect {
        kind: EffectKind::parse(&format!("ampx.{verb}")),
        target: url.target(),
        summary: verb.to_owned(),
        parameters,
    })
}

fn url(fake: &FakeGitHub) -> RepoUrl {
    RepoUrl::parse(&fake.url(NAME)).unwrap()
}

pub const PULLS: &str = "GET /repos/{owner}/{repo}/pulls";
pub const CREATE: &str = "POST /repos/{owner}/{repo}/pulls";
pub const PULL: &str = "GET /repos/{owner}/{repo}/pulls/{pull_number}";
pub const UPDATE: &str = "PATCH /repos/{owner}/{repo}/pulls/{pull_number}";
pub const PUT_MERGE: &str = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge";
pub const REPOSITORY: &str = "GET /repos/{owner}/{repo}";
