use std::fs;
use std::path::Path;
use std::process::Command;

use nix::unistd::Uid;
use opsmith_forge::git::{Git, GitError, Workspace};

use crate::desk::{BRANCH, Desk, sh};

#[tokio::test]
async fn the_agent_gets_a_clone_of_its_own_on_the_branch() {
    let desk = Desk::new().await;
    assert_eq!(desk.agent("git status --porcelain"), "");
    assert_eq!(desk.agent("git rev-parse --abbrev-ref HEAD"), BRANCH);
    assert_eq!(desk.agent("git rev-parse HEAD"), desk.base);
    assert_eq!(desk.agent("git remote"), "", "there is nowhere to push to");
    assert_eq!(desk.agent("cat link"), "hello");
    desk.agent(
        "unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL; HOME=/nonexistent; \
                echo more >> README.md; git commit -q -a -m more; git fsck --strict",
    );
}

#[tokio::test]
async fn preparing_again_keeps_the_agents_work() {
    let desk = Desk::new().await;
    desk.agent("echo new > new; git add new; git commit -q -m mine");
    desk.workspace.prepare(&desk.cached, BRANCH, &desk.base).await.unwrap();
    assert_eq!(desk.agent("cat new; git log --format=%s -1"), "new\nmine");
}

#[tokio::test]
async fn preparing_mends_what_a_kill_left_half_made() {
    for left in [
        "mv control.git control.new; rm -rf tree",
        "rm control.git/HEAD; rm -rf control.git/objects tree",
        "mv tree tree.new; rm -rf tree.new/src",
        "mv tree tree.old",
        "cp -R tree tree.old; mv tree tree.new",
        "mv tree/.git git.new; rm git.new/HEAD",
        "rm -rf tree/.git",
        "rm -rf tree; ln -s /etc tree",
        "rm -rf tree; echo x > tree",
        "rm -rf *",
    ] {
        let desk = Desk::new().await;
        let folder = desk.workspace.tree().parent().unwrap().to_owned();
        sh(&folder, left);
        desk.workspace.prepare(&desk.cached, BRANCH, &desk.base).await.unwrap();
        assert_eq!(desk.agent("git status --porcelain; cat README.md"), "hello", "after `{left}`");
        assert_eq!(desk.agent("git rev-parse HEAD"), desk.base, "after `{left}`");
        assert_eq!(desk.changes().await, Vec::<String>::new(), "after `{left}`");
        assert_eq!(sh(&folder, "ls"), "control.git\ntree", "after `{left}`");
    }
}

#[tokio::test]
async fn resetting_gives_exactly_the_commit() {
    let desk = Desk::new().await;
    desk.agent(
        "echo bad > README.md; mkdir -p target/debug; echo x > target/debug/x; echo y > y; git checkout -q -b other",
    );
    desk.workspace.reset_to(BRANCH, &desk.base).await.unwrap();
    assert_eq!(
        desk.agent("git status --porcelain --ignored; cat README.md; git branch --format='%(refname:short)'"),
        format!("hello\n{BRANCH}")
    );
}

#[tokio::test]
async fn a_new_git_folder_keeps_files_and_nothing_of_the_agents_git() {
    let desk = Desk::new().await;
    desk.agent("mkdir target; echo built > target/x; echo new > new; git add new; git commit -q -m mine");
    let head = desk.commit("the attempt").await;
    desk.agent("echo 'touch canary' > .git/hooks.sh; git config core.fsmonitor ./.git/hooks.sh");
    desk.workspace.refresh_git_dir(BRANCH, &head).await.unwrap();
    assert_eq!(
        desk.agent("git status --porcelain; cat new target/x; git log --format=%s"),
        "new\nbuilt\nthe attempt\nbase"
    );
    assert_eq!(
        desk.agent("git config core.fsmonitor || echo unset; ls .git/hooks.sh 2>/dev/null || echo none"),
        "unset\nnone"
    );
    desk.agent("rm -rf .git; echo 'gitdir: /etc' > .git");
    desk.workspace.refresh_git_dir(BRANCH, &head).await.unwrap();
    assert_eq!(desk.agent("git rev-parse HEAD"), head);
}

#[tokio::test]
async fn a_name_that_git_would_read_as_something_else_is_refused() {
    let desk = Desk::new().await;
    for (branch, sha) in [("a\nb", desk.base.as_str()), ("../x", &desk.base), (BRANCH, "HEAD"), (BRANCH, "--help")] {
        let refused = desk.workspace.reset_to(branch, sha).await.unwrap_err();
        assert!(matches!(refused, GitError::NoSuchRef { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn removing_follows_no_symlink_and_reaches_any_depth() {
    let desk = Desk::new().await;
    let outside = desk.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "kept").unwrap();
    desk.agent(&format!("ln -s {0} out; ln -s {0}/kept file; mkfifo pipe", outside.display()));
    desk.agent("mkdir .erase-0 .erase-1; echo x > .erase-1/x");
    // 3,000 folders deep: longer than any path may be, so built from the inside.
    let mut deep = desk.workspace.tree().join("0");
    fs::create_dir(&deep).unwrap();
    for depth in 1..3000 {
        let outer = desk.workspace.tree().join(depth.to_string());
        fs::create_dir(&outer).unwrap();
        fs::rename(&deep, outer.join("d")).unwrap();
        deep = outer;
    }
    desk.workspace.remove().await.unwrap();
    assert_eq!(fs::read_dir(desk.folder.path().join("tasks")).unwrap().count(), 0);
    assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
    desk.workspace.remove().await.unwrap();
}

/// Modes mean nothing to root, so root plays it in a process of another user.
#[tokio::test]
async fn removing_opens_folders_that_the_agent_closed() {
    if Uid::effective().is_root() {
        let folder = tempfile::tempdir().unwrap();
        sh(folder.path(), "chown 65534:65534 . && chmod 755 .");
        let story = Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "workspace::removing_opens_folders_that_the_agent_closed"])
            .env("TMPDIR", folder.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&story.stdout);
        assert!(story.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::at(folder.path(), "t", Git::new(std::env::vars_os()).unwrap());
    fs::create_dir_all(workspace.tree()).unwrap();
    sh(
        workspace.tree(),
        "mkdir -p a/b/c d; echo x > a/b/c/x; chmod 000 a/b/c; chmod 500 a/b; chmod 000 a d ; chmod 000 .",
    );
    assert!(fs::remove_dir_all(workspace.tree()).is_err(), "the folders are closed");
    workspace.remove().await.unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn strays_are_found_half_removed_ones_included() {
    let desk = Desk::new().await;
    let root = desk.folder.path().join("tasks");
    assert_eq!(Workspace::strays(Path::new("/nonexistent/tasks")).unwrap(), Vec::<String>::new());
    fs::create_dir_all(root.join("01OLD.gone/tree")).unwrap();
    assert_eq!(Workspace::strays(&root).unwrap(), ["01OLD", "01TASK"]);
    Workspace::at(&root, "01OLD", desk.git.clone()).remove().await.unwrap();
    assert_eq!(Workspace::strays(&root).unwrap(), ["01TASK"]);
}

#[test]
fn a_task_id_never_leads_out_of_the_root() {
    let git = Git::new(std::env::vars_os()).unwrap();
    for id in ["..", "", "/etc", "a/../../b", "."] {
        let workspace = Workspace::at(Path::new("/root-of-tasks"), id, git.clone());
        let folder = workspace.tree().parent().unwrap();
        assert_eq!(folder.parent(), Some(Path::new("/root-of-tasks")), "{id:?}");
    }
}
