use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use futures::FutureExt as _;
use opsmith_forge::git::{Git, GitError};
use testkit::repo::TestRepo;

use crate::stage::git;

/// A `git` that does what `script` says, in a search path of its own.
fn false_git(folder: &Path, script: &str) -> Git {
    let program = folder.join("git");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    Git::new([("PATH".into(), path.into()), ("SECRET_TOKEN".into(), "s3cr3t".into())]).unwrap()
}

/// Waits until the process whose id is in `file` is gone.
async fn gone(file: &Path) {
    let id = std::fs::read_to_string(file).unwrap();
    let status = format!("/proc/{}/stat", id.trim());
    let ended = async {
        while std::fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the grandchild ends with its group");
}

async fn there(file: &Path) {
    let written = async {
        while std::fs::read_to_string(file).map_or(true, |text| !text.ends_with('\n')) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), written).await.expect("the script begins");
}

#[test]
fn without_git_in_the_path_that_is_said() {
    let error = Git::new([("PATH".into(), "/nowhere".into())]).unwrap_err();
    assert!(matches!(error, GitError::NotInstalled));
}

#[tokio::test]
async fn a_command_that_never_ends_is_ended_with_all_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let git = false_git(folder.path(), &format!("sleep 600 & echo $! > {}; wait", id.display()));
    let command = git.work(folder.path()).arg("status").timeout(Duration::from_millis(300));
    let error = command.run().await.unwrap_err();
    assert!(matches!(&error, GitError::Timeout { command } if command == "status"), "{error:?}");
    there(&id).await;
    gone(&id).await;
}

#[tokio::test]
async fn a_dropped_command_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let git = false_git(folder.path(), &format!("sleep 600 & echo $! > {}; wait", id.display()));
    let mut running = Box::pin(git.work(folder.path()).arg("status").run());
    assert!(running.as_mut().now_or_never().is_none());
    there(&id).await;
    drop(running);
    gone(&id).await;
}

#[tokio::test]
async fn endless_output_is_cut_and_its_writer_ended() {
    let folder = tempfile::tempdir().unwrap();
    let git = false_git(folder.path(), "yes");
    let output = git.work(folder.path()).arg("log").max_output(1000).run().await.unwrap();
    assert!(output.truncated);
    assert_eq!(output.stdout, b"y\n".repeat(500));
    let error = git.work(folder.path()).arg("log").max_output(1000).text().await.unwrap_err();
    assert!(matches!(&error, GitError::TooLarge { limit: 1000, .. }), "{error:?}");
}

#[tokio::test]
async fn a_daemon_that_keeps_the_pipes_open_does_not_keep_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let id = folder.path().join("id");
    let git = false_git(folder.path(), &format!("setsid sleep 600 & echo $! > {}; echo done", id.display()));
    assert_eq!(git.work(folder.path()).arg("fetch").text().await.unwrap(), "done");
    let id = std::fs::read_to_string(&id).unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn errors_hold_the_end_of_what_git_said_and_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let script = "yes noise | head -c 20000 >&2; echo 'fatal: https://ada:s3cr3t@h/x is odd' >&2; exit 128";
    let error = false_git(folder.path(), script).work(folder.path()).args(["fetch", "s3cr3t"]).run().await.unwrap_err();
    let GitError::Failed { command, stderr } = &error else { panic!("{error:?}") };
    assert_eq!(command, "fetch");
    assert!(stderr.ends_with("fatal: https://***@h/x is odd") && stderr.len() <= 8192, "{stderr}");
    assert!(!format!("{error} {error:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn git_sees_only_the_listed_variables() {
    let folder = tempfile::tempdir().unwrap();
    let git = false_git(folder.path(), "env");
    for command in [git.work(folder.path()), git.network(folder.path())] {
        let seen = command.env("GIT_AUTHOR_NAME", "Ada").arg("var").text().await.unwrap();
        assert!(!seen.contains("s3cr3t"), "{seen}");
        for line in ["GIT_TERMINAL_PROMPT=0", "LC_ALL=C.UTF-8", "GIT_AUTHOR_NAME=Ada", "GIT_ASKPASS=/usr/bin/false"] {
            assert!(seen.lines().any(|seen| seen == line), "{line} in {seen}");
        }
    }
}

#[tokio::test]
async fn a_repositorys_own_hooks_and_fsmonitor_do_not_run() {
    let remote = TestRepo::new();
    let sha = remote.commit("main", &[("a", "1")], "one");
    let mark = remote.path().join("ran");
    let hook = remote.path().join("hooks/reference-transaction");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    remote.git(&["config", "core.fsmonitor", &hook.display().to_string()]);
    let work = remote.path().join("work");
    std::fs::create_dir(&work).unwrap();
    git().work(remote.path()).args(["update-ref", "refs/heads/x", &sha]).run().await.unwrap();
    git().work(remote.path()).work_tree(&work).args(["-c", "core.bare=false", "status"]).run().await.unwrap();
    assert!(!mark.exists());
    remote.set_branch("y", &sha);
    assert!(mark.exists(), "the hook would have run");
}

#[tokio::test]
async fn yes_no_and_failure_are_told_apart() {
    let remote = TestRepo::new();
    let sha = remote.commit("main", &[("a", "1")], "one");
    let newer = remote.commit("main", &[("a", "2")], "two");
    let git = git();
    let ask = |a: &str, b: &str| git.work(remote.path()).args(["merge-base", "--is-ancestor", a, b]).succeeds();
    assert!(ask(&sha, &newer).await.unwrap());
    assert!(!ask(&newer, &sha).await.unwrap());
    assert!(matches!(ask("no-such", &sha).await, Err(GitError::NoSuchRef { name }) if name == "no-such"));
}
