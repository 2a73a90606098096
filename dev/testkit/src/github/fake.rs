use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use opsmith_model::Clock;
use sha2::Sha256;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::app::{App, AppIdentity};
use super::description::Description;
use super::fault::{Fault, Faults, Storm};
use super::git::GitDoor;
use super::hooks::Hooks;
use super::limits::Limits;
use super::serve::{self, Request};
use super::state::{Grant, Repository, State};
use super::watch;
use super::wire::{Line, Lines};
use crate::GitHttp;
use crate::repo::TestRepo;

/// Longer than any test.
const A_LONG_TIME: Duration = Duration::from_secs(30 * 24 * 3600);

/// A GitHub on ports of its own; gone when dropped, which fails the test if anything did not fit the description.
///
/// It lives in the test's own runtime, so that paused time is its time too.
#[derive(Debug)]
pub struct FakeGitHub {
    state: Arc<Mutex<State>>,
    root: TempDir,
    servers: [JoinHandle<()>; 2],
}

impl FakeGitHub {
    /// One without repositories and tokens.
    pub async fn start(clock: Clock) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = root.path().to_owned();
        // It starts a runtime of its own, which is not done within another one.
        let git = tokio::task::spawn_blocking(move || GitHttp::serve(&folder)).await.expect("a server of git");
        let (api, blobs) = (listen().await, listen().await);
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("an address"));
        let state = Arc::new_cyclic(|world: &Weak<Mutex<State>>| {
            Mutex::new(State {
                clock,
                api: address(&api),
                blobs: address(&blobs),
                git,
                repositories: Default::default(),
                tokens: Default::default(),
                app: None,
                faults: Faults::default(),
                denied: Default::default(),
                asked: Vec::new(),
                description: Description::load(),
                violations: Vec::new(),
                last_id: 1_000,
                suspended: false,
                limits: Limits::default(),
                git_down: None,
                hooks: Hooks::default(),
                private: false,
                world: world.clone(),
                runtime: Handle::current(),
                runner: None,
                judge: None,
                passes: false,
            })
        });
        lock(&state).git.ask(Arc::new(GitDoor(Arc::downgrade(&state))));
        let routers = [(api, serve::api(Arc::clone(&state))), (blobs, serve::blobs(Arc::clone(&state)))];
        let servers = routers.map(|(listener, router)| {
            let service = router.into_make_service_with_connect_info::<Line>();
            tokio::spawn(async move { axum::serve(Lines(listener), service).await.expect("the fake serves") })
        });
        Self { state, root, servers }
    }

    /// The API's base address, as that of github.com.
    pub fn api(&self) -> String {
        self.state().api.clone()
    }

    /// The base address as that of an Enterprise server.
    pub fn enterprise_api(&self) -> String {
        format!("{}/api/v3", self.state().api)
    }

    /// A new repository `owner/name`, with nothing in it.
    pub fn add_repository(&self, full_name: &str) -> Arc<TestRepo> {
        let (owner, name) = full_name.split_once('/').expect("owner/name");
        let git = Arc::new(TestRepo::new());
        let folder = self.root.path().join(owner);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::os::unix::fs::symlink(git.path(), folder.join(format!("{name}.git"))).expect("a link");
        let mut state = self.state();
        let (id, page) = (state.next_id(), state.git.url(full_name));
        let repository = Repository {
            id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            git: Arc::clone(&git),
            archived: false,
            protected: Default::default(),
            seen: watch::is_on(&state).then(Default::default),
            page,
            renamed_to: None,
            methods: vec!["merge", "squash", "rebase"],
            auto_merge: true,
            reviewers: Vec::new(),
            pulls: Vec::new(),
            issues: Vec::new(),
            labels: Default::default(),
            comments: Vec::new(),
            statuses: Vec::new(),
            check_runs: Vec::new(),
            runs: Vec::new(),
            jobs: Vec::new(),
        };
        state.repositories.insert(full_name.to_lowercase(), repository);
        git
    }

    /// The address that git has a repository from.
    pub fn url(&self, full_name: &str) -> String {
        self.state().git.url(&format!("{full_name}.git"))
    }

    /// Lets a token in, also for git.
    pub fn add_token(&self, token: &str, login: &str) {
        let mut state = self.state();
        state.private = true;
        state.tokens.insert(token.to_owned(), Grant { login: login.to_owned(), ends_at: None });
    }

    /// Registers an App that is installed everywhere.
    pub fn add_app(&self, app_id: &str) -> AppIdentity {
        let (app, identity) = App::generate(app_id);
        let mut state = self.state();
        state.private = true;
        state.app = Some(app);
        identity
    }

    /// The tokens that are good now, with the end of each that has one.
    pub fn tokens(&self) -> Vec<(String, Option<DateTime<Utc>>)> {
        self.state().tokens.iter().map(|(token, grant)| (token.clone(), grant.ends_at)).collect()
    }

    /// Lets no token in that is known now, for git neither.
    pub fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Holds nothing against GitHub's description from now on: for who measures time.
    pub fn trust(&self) {
        self.state().description = None;
    }

    /// Refuses a route for want of a permission: `("POST /repos/{owner}/{repo}/pulls", "pull_requests=write")`.
    pub fn deny(&self, route: &str, permission: &str) {
        self.state().denied.insert(route.to_owned(), permission.to_owned());
    }

    /// Lets the next request fail, or the next one of a route.
    pub fn fault(&self, route: Option<&str>, fault: Fault) {
        self.state().faults.next.push((route.map(str::to_owned), fault));
    }

    /// Lets every request fail for so long.
    pub fn storm(&self, storm: Storm, lasting: Duration) {
        self.state().faults.storm = Some((storm, Instant::now() + lasting));
    }

    /// Lets every request fail until [`FakeGitHub::calm`].
    pub fn storm_without_end(&self, storm: Storm) {
        self.storm(storm, A_LONG_TIME);
    }

    /// Ends a storm.
    pub fn calm(&self) {
        self.state().faults.storm = None;
    }

    /// Looks at a repository, or changes it as somebody else would.
    pub fn with<T>(&self, full_name: &str, what: impl FnOnce(&mut Repository) -> T) -> T {
        let mut state = self.state();
        watch::look_at(&mut state, &full_name.to_lowercase());
        what(state.repositories.get_mut(&full_name.to_lowercase()).expect("a known repository"))
    }

    /// Every request so far, in the order of their answers.
    pub fn asked(&self) -> Vec<Request> {
        self.state().asked.clone()
    }

    /// How often a route was asked, whatever the answer.
    pub fn count(&self, route: &str) -> usize {
        self.state().asked.iter().filter(|request| request.route == route).count()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
        let violations = std::mem::take(&mut self.state().violations);
        if !std::thread::panicking() {
            assert!(violations.is_empty(), "not as GitHub describes it:\n{}", violations.join("\n"));
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

/// The signature that GitHub gives a webhook's body.
pub fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length does");
    mac.update(body);
    let digest: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digest}")
}
