//! What GitHub does by itself when branches have moved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::runs::{self, Cause};
use super::state::{PullState, Repository, State};
use super::{checks, events, merging, protection, pulls};
use crate::repo::TestRepo;

/// A commit that no branch is at.
pub(super) const NOTHING: &str = "0000000000000000000000000000000000000000";

/// From now on it is told when branches move.
pub(super) fn begin(state: &mut State) {
    for repository in state.repositories.values_mut() {
        let git = &repository.git;
        repository.seen.get_or_insert_with(|| branches(git));
    }
}

/// Whether anybody wants to know.
pub(super) fn is_on(state: &State) -> bool {
    state.runner.is_some() || state.judge.is_some() || state.passes || state.hooks.is_any()
}

/// Looks at every repository's branches: pull requests follow them or close, workflows start, webhooks go out.
pub(super) fn look(state: &mut State) {
    let names: Vec<String> = state.repositories.keys().cloned().collect();
    for name in names {
        look_at(state, &name);
    }
}

/// The same for one repository.
pub(super) fn look_at(state: &mut State, name: &str) {
    let Some(repository) = state.repositories.get_mut(name) else { return };
    let before = open(repository);
    if before.is_empty() && repository.seen.is_none() {
        return;
    }
    let now = branches(&repository.git);
    repository.follow(&now);
    let moved = moved(&before, repository);
    let Some(seen) = repository.seen.as_mut() else { return };
    let seen = std::mem::replace(seen, now.clone());
    let mut pushed = Vec::new();
    for (branch, sha) in &now {
        if seen.get(branch) != Some(sha) {
            pushed.push((branch.clone(), seen.get(branch).cloned(), Some(sha.clone())));
        }
    }
    let gone = seen.iter().filter(|(branch, _)| !now.contains_key(*branch));
    pushed.extend(gone.map(|(branch, sha)| (branch.clone(), Some(sha.clone()), None)));
    for (branch, from, to) in pushed {
        events::push(state, name, &branch, from.as_deref(), to.as_deref());
        if let Some(sha) = to {
            runs::start(state, name, &Cause::push(&branch, &sha));
            report(state, name, &sha);
            if state.passes {
                runs::pass(state, name, &branch, &sha);
            }
        }
    }
    for (number, change) in moved {
        match change {
            Change::Synchronized { before } => {
                events::pull(state, name, number, "synchronize", Some(&before));
                start_for_pull(state, name, number);
            }
            Change::Closed => events::pull(state, name, number, "closed", None),
        }
    }
    merge_what_may(state, name);
}

/// What somebody's own CI says of a commit.
fn report(state: &mut State, name: &str, sha: &str) {
    let Some(judge) = state.judge.clone() else { return };
    let Some(git) = state.repositories.get(name).map(|repository| Arc::clone(&repository.git)) else { return };
    let word = (judge.0)(&git, sha);
    checks::add_status(state, name, sha, "ci", word);
}

/// The workflows of a pull request that has a new commit, or is new.
pub(super) fn start_for_pull(state: &mut State, name: &str, number: u64) {
    let Some(pull) = state.repositories.get_mut(name).and_then(|repository| repository.pull(number).cloned()) else {
        return;
    };
    runs::start(state, name, &Cause::pull(&pull));
}

/// Merges what was to be merged as soon as it may.
pub(super) fn merge_what_may(state: &mut State, name: &str) {
    let Some(repository) = state.repositories.get_mut(name) else { return };
    let waiting: Vec<_> = repository
        .pulls
        .iter()
        .filter(|pull| pull.state == PullState::Open && pull.auto_merge.is_some())
        .filter(|pull| protection::blocked(repository, pull).is_none())
        .cloned()
        .collect();
    for pull in waiting {
        let method = pull.auto_merge.clone().unwrap_or_default();
        let message = format!("{} (#{})", pull.title, pull.number);
        let Some(repository) = state.repositories.get_mut(name) else { return };
        if merging::merges(&repository.git, &pull.base, &pull.head_sha)
            && pulls::merge_now(repository, &pull, &method, &message).is_ok()
        {
            events::pull(state, name, pull.number, "closed", None);
            look_at(state, name);
        }
    }
}

enum Change {
    Synchronized { before: String },
    Closed,
}

/// The open pull requests with their commits.
fn open(repository: &Repository) -> BTreeMap<u64, String> {
    let open = repository.pulls.iter().filter(|pull| pull.state == PullState::Open);
    open.map(|pull| (pull.number, pull.head_sha.clone())).collect()
}

fn moved(before: &BTreeMap<u64, String>, repository: &mut Repository) -> Vec<(u64, Change)> {
    let change = |(number, sha): (&u64, &String)| {
        let pull = repository.pull(*number)?;
        match pull.state {
            PullState::Open if pull.head_sha != *sha => Some((*number, Change::Synchronized { before: sha.clone() })),
            PullState::Closed => Some((*number, Change::Closed)),
            PullState::Open | PullState::Merged(_) => None,
        }
    };
    before.iter().filter_map(change).collect()
}

fn branches(git: &Arc<TestRepo>) -> BTreeMap<String, String> {
    let lines = git.git(&["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads"]);
    let pairs = lines.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(sha, branch)| (branch.to_owned(), sha.to_owned())).collect()
}
