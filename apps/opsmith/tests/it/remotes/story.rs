use std::time::Instant;

use testkit::repo::TestRepo;

use crate::desk::Desk;
use crate::process::PATIENCE;

/// Clone, push, pull request, merge and the branch's end, all by way of `url`.
pub(super) fn is_done_and_merged(desk: &Desk, repo: &TestRepo, url: &str) {
    let server = desk.serve();
    let task = desk.run(&["ampx", "start", url, "Mend the state", "--wait", "--json"]).expect(0).json();
    assert_eq!(task["status"], "success", "{task:#}");
    assert_eq!(repo.read(task["branch"].as_str().unwrap(), "state"), "good");
    let id = task["id"].as_str().unwrap();
    desk.run(&["ampx", "merge", id, "--delete-branch", "--yes"]).expect(0);
    assert_eq!(repo.read("main", "state"), "good");
    // The branch goes a moment after the merge was answered.
    let deadline = Instant::now() + PATIENCE;
    while repo.branches() != ["main"] {
        assert!(Instant::now() < deadline, "the branch stayed: {:?}", repo.branches());
    }
    desk.run(&["audit", "verify"]).expect(0);
    assert_eq!(server.stop(), Some(0));
}

/// The task ends by itself, also on a terminal, where git and ssh would ask; its summary says what is to be done.
pub(super) fn is_refused(desk: &Desk, url: &str, next_step: &str) {
    desk.run_on_terminal(&["ampx", "start", url, "Mend the state", "--wait"]).expect(1);
    let task = desk.run(&["ampx", "list", "--json"]).expect(0).json()["tasks"][0].clone();
    assert_eq!(task["status"], "error", "{task:#}");
    let summary = task["summary"].as_str().unwrap();
    assert!(summary.contains(&format!("`{url}`")) && summary.contains(next_step), "{summary}");
}
