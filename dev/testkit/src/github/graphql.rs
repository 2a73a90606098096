use serde_json::json;

use super::answer::{Answer, Asked};
use super::state::{PullState, State};
use super::{protection, watch};

fn refuse(kind: &str, message: &str) -> Answer {
    Answer::ok(
        json!({ "data": { "enablePullRequestAutoMerge": null }, "errors": [{ "type": kind, "message": message }] }),
    )
}

/// The one mutation that the client knows, with the errors that GitHub gives.
pub(super) fn answer(state: &mut State, asked: &Asked) -> Answer {
    let input = &asked.body["variables"]["input"];
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    if !asked.text("query").contains("enablePullRequestAutoMerge(input: $input)") {
        return refuse("undefinedField", "no such field");
    }
    let number: Option<u64> = text("pullRequestId").strip_prefix("PR_").and_then(|number| number.parse().ok());
    watch::look(state);
    let found = state.repositories.values_mut().find_map(|repository| {
        let allowed = repository.auto_merge;
        let known = repository.pulls.iter().find(|pull| Some(pull.number) == number)?;
        let blocked = protection::blocked(repository, known).is_some();
        repository.pull(number?).map(|pull| (allowed, blocked, pull))
    });
    let Some((allowed, blocked, pull)) = found else {
        return refuse("NOT_FOUND", "Could not resolve to a node with the global id");
    };
    if !allowed {
        return refuse("UNPROCESSABLE", "Auto merge is not allowed for this repository");
    }
    if !blocked {
        return refuse("UNPROCESSABLE", "Pull request Pull request is in clean status");
    }
    if pull.state != PullState::Open || pull.head_sha != text("expectedHeadOid") {
        return refuse("UNPROCESSABLE", "Head sha didn't match expected head oid");
    }
    pull.auto_merge = Some(text("mergeMethod").to_lowercase());
    let number = pull.number;
    Answer::ok(json!({ "data": { "enablePullRequestAutoMerge": { "pullRequest": { "number": number } } } }))
}
