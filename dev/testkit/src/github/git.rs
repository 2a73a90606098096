use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::state::State;
use super::watch;
use crate::{Admission, Host, Knock};

/// GitHub as git meets it: the same tokens, and the same state of repositories.
pub(super) struct GitDoor(pub Weak<Mutex<State>>);

impl Host for GitDoor {
    fn admit(&self, knock: &Knock) -> Admission {
        let Some(world) = self.0.upgrade() else { return Admission::Refused(503, "gone".to_owned()) };
        let mut state = lock(&world);
        if let Some(status) = state.git_down {
            return Admission::Refused(status, "No server is currently available to service your request.".to_owned());
        }
        let now = state.now();
        let token = knock.password.as_deref().and_then(|token| state.tokens.get(token));
        let login = match token.filter(|grant| grant.ends_at.is_none_or(|end| end > now)) {
            Some(grant) => grant.login.clone(),
            None if state.private => {
                return Admission::Refused(401, "Invalid username or token.".to_owned());
            }
            None => "anybody".to_owned(),
        };
        if state.suspended && login.ends_with("[bot]") {
            return Admission::Refused(403, "This installation has been suspended".to_owned());
        }
        let Some((owner, name, rest)) = parts(&knock.path) else { return Admission::Granted(login) };
        let Some(repository) = state.repository(owner, name) else { return Admission::Granted(login) };
        if let Some(to) = repository.renamed_to.clone() {
            return Admission::Elsewhere(state.git.url(&format!("{to}.git/{rest}")));
        }
        if repository.archived && knock.is_push {
            return Admission::Refused(403, "This repository was archived so it is read-only.".to_owned());
        }
        Admission::Granted(login)
    }

    fn pushed(&self) {
        if let Some(world) = self.0.upgrade() {
            watch::look(&mut lock(&world));
        }
    }
}

fn lock(world: &Mutex<State>) -> MutexGuard<'_, State> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Owner, name and the rest of `/owner/name.git/rest`.
fn parts(path: &str) -> Option<(&str, &str, &str)> {
    let (owner, rest) = path.strip_prefix('/')?.split_once('/')?;
    let (name, rest) = rest.split_once('/')?;
    Some((owner, name.strip_suffix(".git").unwrap_or(name), rest))
}
