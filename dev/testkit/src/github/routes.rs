use std::collections::HashMap;

use super::answer::{Answer, Asked};
use super::state::State;
use super::{actions, app, checks, issues, pulls, repos, reviewers, reviews, whoami};

/// A part of the API: method and path as GitHub's description has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub method: &'static str,
    pub template: &'static str,
    pub answer: fn(&mut State, &Asked) -> Result<Answer, Answer>,
}

const fn route(
    method: &'static str,
    template: &'static str,
    answer: fn(&mut State, &Asked) -> Result<Answer, Answer>,
) -> Route {
    Route { method, template, answer }
}

pub(super) const ROUTES: &[Route] = &[
    route("GET", "/user", whoami::user),
    route("GET", "/app", whoami::app),
    route("GET", "/repos/{owner}/{repo}", repos::repository),
    route("GET", "/repos/{owner}/{repo}/installation", app::installation),
    route("POST", "/app/installations/{installation_id}/access_tokens", app::access_token),
    route("GET", "/repos/{owner}/{repo}/git/ref/{ref}", repos::git_ref),
    route("GET", "/repos/{owner}/{repo}/pulls", pulls::list),
    route("POST", "/repos/{owner}/{repo}/pulls", pulls::create),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}", pulls::get),
    route("PATCH", "/repos/{owner}/{repo}/pulls/{pull_number}", pulls::update),
    route("PUT", "/repos/{owner}/{repo}/pulls/{pull_number}/merge", pulls::merge),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", reviewers::list),
    route("POST", "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers", reviewers::request),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/status", checks::statuses),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-runs", checks::check_runs),
    route("GET", "/repos/{owner}/{repo}/actions/runs", actions::runs),
    route("GET", "/repos/{owner}/{repo}/actions/runs/{run_id}", actions::run),
    route("GET", "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs", actions::jobs),
    route("GET", "/repos/{owner}/{repo}/actions/jobs/{job_id}", actions::job),
    route("GET", "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs", actions::log),
    route("POST", "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs", actions::rerun_failed),
    route("POST", "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun", actions::rerun_all),
    route("POST", "/repos/{owner}/{repo}/actions/runs/{run_id}/cancel", actions::cancel),
    route("GET", "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs", actions::attempt_jobs),
    route("POST", "/repos/{owner}/{repo}/statuses/{sha}", checks::report),
    route("GET", "/repos/{owner}/{repo}/commits/{ref}/check-suites", checks::suites),
    route("GET", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", reviews::list),
    route("POST", "/repos/{owner}/{repo}/pulls/{pull_number}/reviews", reviews::create),
    route("GET", "/repos/{owner}/{repo}/issues", issues::list),
    route("POST", "/repos/{owner}/{repo}/issues", issues::create),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}", issues::get),
    route("PATCH", "/repos/{owner}/{repo}/issues/{issue_number}", issues::update),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/labels", issues::labels),
    route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/labels", issues::add_labels),
    route("GET", "/repos/{owner}/{repo}/issues/{issue_number}/comments", issues::comments),
    route("POST", "/repos/{owner}/{repo}/issues/{issue_number}/comments", issues::comment),
];

impl Route {
    pub(super) fn key(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

/// The route of a request, and what its path names.
pub(super) fn find(method: &str, path: &str) -> Option<(&'static Route, HashMap<&'static str, String>)> {
    ROUTES.iter().filter(|route| route.method == method).find_map(|route| Some((route, params(route.template, path)?)))
}

/// What a path has in the places of a template; a last `{ref}` takes all that is left.
fn params(template: &'static str, path: &str) -> Option<HashMap<&'static str, String>> {
    let (wanted, found): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    let greedy = template.ends_with("{ref}");
    if found.len() < wanted.len() || (found.len() > wanted.len() && !greedy) {
        return None;
    }
    let mut params = HashMap::new();
    for (at, (word, part)) in wanted.iter().zip(&found).enumerate() {
        let Some(name) = word.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
            if word != part {
                return None;
            }
            continue;
        };
        let takes_all = greedy && at + 1 == wanted.len();
        let value = if takes_all { found[at..].join("/") } else { (*part).to_owned() };
        params.insert(name, decoded(&value));
    }
    Some(params)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match (first, code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
