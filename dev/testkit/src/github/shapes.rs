//! The objects of the API as GitHub describes them: of what no client reads, just what must be there.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::protection;
use super::state::{Pull, PullState, Repository, State};

const USER_URLS: [&str; 12] = [
    "avatar_url",
    "events_url",
    "followers_url",
    "following_url",
    "gists_url",
    "html_url",
    "organizations_url",
    "received_events_url",
    "repos_url",
    "starred_url",
    "subscriptions_url",
    "url",
];

const REPOSITORY_URLS: [&str; 37] = [
    "archive_url",
    "assignees_url",
    "blobs_url",
    "branches_url",
    "collaborators_url",
    "comments_url",
    "commits_url",
    "compare_url",
    "contents_url",
    "contributors_url",
    "deployments_url",
    "downloads_url",
    "events_url",
    "forks_url",
    "git_commits_url",
    "git_refs_url",
    "git_tags_url",
    "hooks_url",
    "issue_comment_url",
    "issue_events_url",
    "issues_url",
    "keys_url",
    "labels_url",
    "languages_url",
    "merges_url",
    "milestones_url",
    "notifications_url",
    "pulls_url",
    "releases_url",
    "stargazers_url",
    "statuses_url",
    "subscribers_url",
    "subscription_url",
    "tags_url",
    "teams_url",
    "trees_url",
    "url",
];

const PULL_URLS: [&str; 9] = [
    "comments_url",
    "commits_url",
    "diff_url",
    "issue_url",
    "patch_url",
    "review_comment_url",
    "review_comments_url",
    "statuses_url",
    "url",
];

pub(super) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Fills the addresses that an object must have.
pub(super) fn with_urls(mut object: Value, names: &[&str], base: &str) -> Value {
    for name in names {
        object[*name] = json!(format!("{base}/{name}"));
    }
    object
}

pub(super) fn user(state: &State, login: &str) -> Value {
    user_at(&state.api, login)
}

pub(super) fn user_at(api: &str, login: &str) -> Value {
    let user = json!({
        "login": login,
        "id": 1,
        "node_id": "U_1",
        "gravatar_id": "",
        "site_admin": false,
        "type": if login.ends_with("[bot]") { "Bot" } else { "User" },
    });
    with_urls(user, &USER_URLS, &format!("{api}/users/x"))
}

/// One shape for all three that GitHub describes: each allows more than it asks for.
pub(super) fn repository(repository: &Repository, api: &str, now: DateTime<Utc>) -> Value {
    // Read without git, which would be another process for every answer.
    let head = std::fs::read_to_string(repository.git.path().join("HEAD")).expect("a repository has a HEAD");
    let default = head.trim().strip_prefix("ref: refs/heads/").expect("it names a branch").to_owned();
    let named = json!({
        "id": repository.id,
        "node_id": "R_1",
        "name": repository.name,
        "full_name": repository.full_name(),
        "owner": user_at(api, &repository.owner),
        "html_url": repository.page,
        "clone_url": format!("{}.git", repository.page),
        "git_url": format!("{}.git", repository.page),
        "ssh_url": format!("{}.git", repository.page),
        "svn_url": repository.page,
        "default_branch": default,
        "description": null,
        "homepage": null,
        "language": null,
        "license": null,
        "mirror_url": null,
        "pushed_at": time(now),
        "created_at": time(now),
        "updated_at": time(now),
        "permissions": { "admin": false, "push": true, "pull": true },
        "allow_squash_merge": repository.methods.contains(&"squash"),
        "allow_merge_commit": repository.methods.contains(&"merge"),
        "allow_rebase_merge": repository.methods.contains(&"rebase"),
        "allow_auto_merge": repository.auto_merge,
        "delete_branch_on_merge": false,
    });
    let mut object = with_urls(named, &REPOSITORY_URLS, &format!("{api}/repos/{}", repository.full_name()));
    for name in ["fork", "private", "archived", "disabled", "has_wiki", "has_pages", "has_discussions", "has_downloads"]
    {
        object[name] = json!(false);
    }
    object["archived"] = json!(repository.archived);
    object["topics"] = json!([]);
    object["visibility"] = json!("public");
    for name in ["has_issues", "has_projects"] {
        object[name] = json!(true);
    }
    for name in [
        "forks",
        "forks_count",
        "open_issues",
        "open_issues_count",
        "size",
        "stargazers_count",
        "watchers",
        "watchers_count",
        "network_count",
        "subscribers_count",
    ] {
        object[name] = json!(0);
    }
    object
}

pub(super) fn labels(names: &[String], api: &str) -> Vec<Value> {
    let label = |name: &String| {
        json!({
            "id": 1, "node_id": "L_1", "url": format!("{api}/labels/1"), "name": name, "description": "",
            "color": "ededed", "default": false,
        })
    };
    names.iter().map(label).collect()
}

/// A pull request, whole; a list leaves out what it takes time to compute.
pub(super) fn pull(repo: &Repository, pull: &Pull, api: &str, now: DateTime<Utc>, mergeable: Option<bool>) -> Value {
    let of_repo = repository(repo, api, now);
    let base_sha = repo.git.branch_sha(&pull.base).unwrap_or_else(|| "0".repeat(40));
    let side = |name: &str, sha: &str| {
        json!({
            "label": format!("{}:{name}", repo.owner), "ref": name, "sha": sha,
            "repo": of_repo, "user": user_at(api, &repo.owner),
        })
    };
    let url = format!("{api}/repos/{}/pulls/{}", repo.full_name(), pull.number);
    let merged = match &pull.state {
        PullState::Merged(sha) => Some(sha),
        PullState::Open | PullState::Closed => None,
    };
    let closed_at = (pull.state != PullState::Open).then(|| time(now));
    let links = ["comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment", "self"];
    let links: Map<String, Value> = links.iter().map(|name| ((*name).to_owned(), json!({ "href": url }))).collect();
    let auto_merge = pull.auto_merge.as_ref().map(|method| {
        json!({
            "enabled_by": user_at(api, &pull.author), "merge_method": method, "commit_title": "", "commit_message": "",
        })
    });
    let object = json!({
        "_links": links,
        "id": pull.number + 10_000,
        "node_id": format!("PR_{}", pull.number),
        "number": pull.number,
        "html_url": format!("{}/pull/{}", repo.page, pull.number),
        "state": if pull.state == PullState::Open { "open" } else { "closed" },
        "locked": false,
        "title": pull.title,
        "body": pull.body,
        "draft": false,
        "user": user_at(api, &pull.author),
        "assignee": null,
        "labels": labels(repo.labels.get(&pull.number).map_or(&[], Vec::as_slice), api),
        "milestone": null,
        "author_association": "CONTRIBUTOR",
        "auto_merge": auto_merge,
        "head": side(&pull.head, &pull.head_sha),
        "base": side(&pull.base, &base_sha),
        "created_at": time(now),
        "updated_at": time(now),
        "closed_at": closed_at,
        "merged_at": merged.map(|_| time(now)),
        "merge_commit_sha": merged.cloned().or_else(|| Some(pull.head_sha.clone())),
        "merged": merged.is_some(),
        "merged_by": null,
        "mergeable": mergeable,
        "mergeable_state": protection::mergeable_state(repo, pull, mergeable),
        "maintainer_can_modify": true,
        "additions": 1,
        "changed_files": 1,
        "comments": 0,
        "commits": 1,
        "deletions": 0,
        "review_comments": 0,
    });
    with_urls(object, &PULL_URLS, &url)
}
