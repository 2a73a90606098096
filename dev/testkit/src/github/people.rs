//! What other people and owners do beside the API.

use std::sync::Arc;

use super::fake::FakeGitHub;
use super::hooks::{self, Delivery};
use super::protection::Protection;
use super::reviews::{self, Verdict};
use super::runner::Runner;
use super::state::{Judge, PullState, State};
use super::{checks, events, watch};
use crate::repo::TestRepo;
use crate::tool::tool;

impl FakeGitHub {
    /// Runs workflows by act from now on; `false`, said so, where act is not installed.
    pub fn run_workflows(&self) -> bool {
        let Some(act) = tool("act") else { return false };
        let mut state = self.state();
        watch::begin(&mut state);
        state.runner = Some(Runner::new(act, state.world.clone()));
        true
    }

    /// Reports a status `ci` of every commit that is pushed from now on: the word that `judge` has for it.
    pub fn check_pushes(&self, judge: impl Fn(&TestRepo, &str) -> &'static str + Send + Sync + 'static) {
        let mut state = self.state();
        watch::begin(&mut state);
        state.judge = Some(Judge(Arc::new(judge)));
    }

    /// Every commit that is pushed from now on has a workflow that has passed already.
    pub fn pass_pushes(&self) {
        let mut state = self.state();
        watch::begin(&mut state);
        state.passes = true;
    }

    /// Tells `url` of every event from now on, signed with `secret`.
    pub fn add_webhook(&self, url: &str, secret: &str) {
        let mut state = self.state();
        watch::begin(&mut state);
        let id = state.next_id();
        state.hooks.add(id, url, secret);
    }

    /// Keeps deliveries back from now on, or no longer: a test then sends them by [`FakeGitHub::deliver`].
    pub fn hold_webhooks(&self, hold: bool) {
        self.state().hooks.held = hold;
    }

    /// Every delivery so far, sent or held.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.state().hooks.deliveries.clone()
    }

    /// Sends a delivery, again if it was sent before; the status of the answer, 0 where there was none.
    pub async fn deliver(&self, id: &str) -> u16 {
        let world = self.state().world.clone();
        hooks::send(&world, id).await
    }

    /// Notices at once what was done to branches in a repository itself.
    pub fn look(&self) {
        watch::look(&mut self.state());
    }

    /// Somebody reviews a pull request.
    pub fn review(&self, full_name: &str, number: u64, login: &str, verdict: Verdict) {
        let added = reviews::add(&mut self.state(), full_name, number, login, verdict, "");
        added.expect("a review that may be");
        watch::merge_what_may(&mut self.state(), &full_name.to_lowercase());
    }

    /// Somebody closes a pull request.
    pub fn close_pull(&self, full_name: &str, number: u64) {
        self.with(full_name, |repository| {
            repository.pull(number).expect("a pull request").state = PullState::Closed;
        });
        events::pull(&mut self.state(), &full_name.to_lowercase(), number, "closed", None);
    }

    /// Somebody reports a status of a commit.
    pub fn report(&self, full_name: &str, sha: &str, context: &str, state: &str) {
        checks::add_status(&mut self.state(), full_name, sha, context, state);
    }

    /// Protects a branch.
    pub fn protect(&self, full_name: &str, branch: &str, rules: Protection) {
        self.with(full_name, |repository| repository.protected.insert(branch.to_owned(), rules));
    }

    /// Suspends the App's installation, or no longer.
    pub fn suspend_installation(&self, suspend: bool) {
        self.state().suspended = suspend;
    }

    /// Allows every token so many requests an hour, which GitHub counts.
    pub fn allow_an_hour(&self, requests: u64) {
        self.state().limits.allowance = requests;
    }

    /// Refuses git alone with this status, or no longer.
    pub fn refuse_git(&self, status: Option<u16>) {
        self.state().git_down = status;
    }

    /// Whether all runs of workflows have ended, and at least one is there.
    pub fn runs_have_ended(&self, full_name: &str) -> bool {
        let state: &State = &self.state();
        let repository = state.repositories.get(&full_name.to_lowercase()).expect("a known repository");
        !repository.runs.is_empty() && repository.runs.iter().all(|run| run.status == "completed")
    }
}
