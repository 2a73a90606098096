use globset::GlobBuilder;
use serde_json::Value;

/// Which pushes and pull requests start a workflow.
#[derive(Debug)]
pub(super) struct Trigger {
    push: Option<Branches>,
    pull_request: Option<Branches>,
}

/// The event that a workflow is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    PullRequest,
    Push,
}

/// A filter on branches, as `branches` and `branches-ignore` have it.
#[derive(Debug, Default)]
struct Branches {
    only: Option<Vec<String>>,
    ignore: Vec<String>,
}

impl Event {
    /// Its name on act's command line.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::PullRequest => "pull_request",
            Self::Push => "push",
        }
    }
}

impl Trigger {
    /// Reads a workflow's `on`: a name, a list of names, or a map of names to filters.
    pub(super) fn of(on: &Value) -> Self {
        let filter = |name: &str| match on {
            Value::String(one) => (one == name).then(Branches::default),
            Value::Array(names) => names.iter().any(|one| one == name).then(Branches::default),
            Value::Object(events) => events.get(name).map(Branches::of),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        };
        Self { push: filter("push"), pull_request: filter("pull_request") }
    }

    /// The event that a pull request of `branch` into `base` starts the workflow with: each workflow runs once, for
    /// the pull request where it runs for those. Filters on paths are left out: rather one run too many.
    pub(super) fn event(&self, branch: &str, base: &str) -> Option<Event> {
        let takes = |filter: &Option<Branches>, name| filter.as_ref().is_some_and(|filter| filter.take(name));
        if takes(&self.pull_request, base) {
            Some(Event::PullRequest)
        } else if takes(&self.push, branch) {
            Some(Event::Push)
        } else {
            None
        }
    }
}

impl Branches {
    fn of(filter: &Value) -> Self {
        let list = |key: &str| match filter.get(key)? {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(several) => Some(several.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        };
        // A filter on tags alone leaves all branches out.
        let tags_alone = filter.get("tags").is_some() && filter.get("branches").is_none();
        let only =
            if tags_alone && filter.get("branches-ignore").is_none() { Some(Vec::new()) } else { list("branches") };
        Self { only, ignore: list("branches-ignore").unwrap_or_default() }
    }

    fn take(&self, name: &str) -> bool {
        if self.ignore.iter().any(|pattern| fits(pattern, name)) {
            return false;
        }
        let Some(only) = &self.only else { return true };
        // The last pattern that fits decides; `!` takes back.
        let last = only.iter().rev().find(|pattern| fits(pattern.strip_prefix('!').unwrap_or(pattern), name));
        last.is_some_and(|pattern| !pattern.starts_with('!'))
    }
}

/// `*` stays within a part of the name, `**` goes over slashes.
fn fits(pattern: &str, name: &str) -> bool {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.map_or(pattern == name, |glob| glob.compile_matcher().is_match(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn which_event_starts_a_workflow() {
        let (push, pull_request) = (Some(Event::Push), Some(Event::PullRequest));
        for (on, event) in [
            (json!("push"), push),
            (json!("pull_request"), pull_request),
            (json!("schedule"), None),
            (json!(["push", "pull_request"]), pull_request),
            (json!({ "push": null }), push),
            (json!({ "push": { "branches": ["main"] } }), None),
            (json!({ "push": { "branches": ["main", "amp/**"] } }), push),
            (json!({ "push": { "branches": ["**", "!amp/*"] } }), None),
            (json!({ "push": { "branches": ["*"] } }), None),
            (json!({ "push": { "branches-ignore": ["amp/**"] } }), None),
            (json!({ "push": { "tags": ["v*"] } }), None),
            (json!({ "push": { "branches": "main" }, "pull_request": { "branches": "main" } }), pull_request),
            (json!({ "push": null, "pull_request": { "branches": ["release/*"] } }), push),
            (json!({ "workflow_dispatch": {} }), None),
        ] {
            assert_eq!(Trigger::of(&on).event("amp/fix-1", "main"), event, "{on}");
        }
    }
}
