use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use opsmith_forge::git::{GitError, diff};

use crate::desk::{BRANCH, Desk, noon, options};

/// Every way known to make git run something: `CANARY` is touched by whoever runs it.
const TRAPS: &str = r#"
mkdir -p .git/hooks evil
printf '#!/bin/sh\ntouch CANARY\ncat\n' > evil/run; chmod +x evil/run
for hook in pre-commit post-commit post-checkout post-index-change reference-transaction commit-msg fsmonitor-watchman; do
    cp evil/run .git/hooks/$hook; cp evil/run evil/$hook
done
git config core.hooksPath "$PWD/evil"
git config core.fsmonitor "$PWD/evil/run"
git config core.pager "$PWD/evil/run"
git config core.editor "$PWD/evil/run"
git config core.sshCommand "$PWD/evil/run"
git config core.alternateRefsCommand "$PWD/evil/run"
git config diff.external "$PWD/evil/run"
git config diff.evil.textconv "$PWD/evil/run"
git config diff.evil.command "$PWD/evil/run"
git config filter.evil.clean "$PWD/evil/run"
git config filter.evil.smudge "$PWD/evil/run"
git config filter.evil.process "$PWD/evil/run"
git config commit.gpgSign true
git config gpg.program "$PWD/evil/run"
cp .git/config evil/config
git config include.path ../evil/config
echo '* filter=evil diff=evil merge=evil' > .gitattributes
cp .gitattributes .git/info/attributes 2>/dev/null || { mkdir -p .git/info; cp .gitattributes .git/info/attributes; }
echo changed >> README.md
"#;

#[tokio::test]
async fn nothing_of_the_agents_git_acts_on_us() {
    let desk = Desk::new().await;
    let canary = desk.canary();
    desk.agent(&TRAPS.replace("CANARY", canary.to_str().unwrap()));
    desk.agent("git status >/dev/null 2>&1 || true");
    assert!(canary.exists(), "the traps are sharp");
    fs::remove_file(&canary).unwrap();

    let head = desk.commit("change").await;
    let shown = diff(&desk.git, desk.workspace.control(), &desk.base, &head, 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&shown.text).contains("+changed"));
    desk.workspace.prepare(&desk.cached, BRANCH, &desk.base).await.unwrap();
    desk.workspace.refresh_git_dir(BRANCH, &head).await.unwrap();
    desk.workspace.reset_to(BRANCH, &head).await.unwrap();
    desk.workspace.remove().await.unwrap();
    assert!(!canary.exists(), "something of the agent's ran");
}

#[tokio::test]
async fn a_submodule_that_the_agent_filled_is_not_looked_into() {
    let desk = Desk::with(
        "mkdir lib; cd lib; git init -q; echo 1 > one; git add one; git commit -q -m one; cd ..; \
         git -c advice.addEmbeddedRepo=false add lib",
    )
    .await;
    assert_eq!(desk.changes().await, Vec::<String>::new(), "an empty submodule is unchanged");
    let canary = desk.canary();
    let origin = desk.folder.path().join("origin/lib");
    desk.agent(&format!("git clone -q '{}' lib", origin.display()));
    desk.agent(&format!("cd lib; {}\ntouch -d 2001-01-01 one", TRAPS.replace("CANARY", canary.to_str().unwrap())));
    desk.agent("git -c core.fsmonitor=false status >/dev/null 2>&1 || true");
    assert!(canary.exists(), "the traps are sharp");
    fs::remove_file(&canary).unwrap();
    desk.agent("touch -d 2002-02-02 lib/one");
    assert_eq!(desk.changes().await, Vec::<String>::new(), "the pointer is where it was");
    assert!(!canary.exists(), "something of the agent's ran");
    desk.agent("cd lib; git update-ref --no-deref HEAD $(git commit-tree -m other HEAD^{tree})");
    fs::remove_file(&canary).unwrap();
    assert_eq!(desk.changes().await, ["M lib"], "the pointer moved");
    assert!(!canary.exists(), "something of the agent's ran");
}

#[tokio::test]
async fn the_agents_own_commits_become_one() {
    let desk = Desk::new().await;
    desk.agent("echo 1 > one; git add one; git commit -q -m 'mine, with a secret'");
    desk.agent("echo 2 > two; git add two; git commit -q -m 'again'; git rm -q one; git checkout -q --orphan lost");
    desk.agent("echo 3 > three");
    let head = desk.commit("Fix it\n\nBecause.").await;
    assert_eq!(desk.ask(&["rev-list", "--count", BRANCH]).await, "2");
    assert_eq!(
        desk.ask(&["log", "-1", "--format=%P|%an|%ce|%at|%B", &head]).await.replace('\n', "/"),
        format!("{}|Ada Lovelace|opsmith@example.com|{}|Fix it//Because.", desk.base, noon().timestamp())
    );
    assert_eq!(desk.ask(&["diff-tree", "-r", "--name-only", "--no-commit-id", &head]).await, "three\ntwo");
    desk.cached.import(desk.workspace.control(), &head).await.unwrap();
    assert!(desk.cached.contains(&head).await.unwrap());
}

#[tokio::test]
async fn every_sort_of_change_is_seen() {
    let desk = Desk::with("mkdir d; echo x > d/x; echo y > y; echo z > z; echo w > w").await;
    desk.agent(
        "echo more >> README.md; rm z; mkdir z; echo in > z/in; rm -r d; ln -s /etc d; chmod +x y; rm w; ln -s y w",
    );
    desk.agent("rm src/main.rs; mkdir target; echo built > target/x; rm link; echo file > link");
    assert_eq!(
        desk.changes().await,
        ["M README.md", "A d", "D d/x", "T link", "D src/main.rs", "T w", "M y", "D z", "A z/in"]
    );
}

#[tokio::test]
async fn any_name_and_any_content_survive() {
    let desk = Desk::new().await;
    let names: [&[u8]; 7] =
        [b"a b", b"new\nline", b"\xff\xfe", b"-f", b":(exclude)x", b"q\"uo\\te\t'", "üñí/😀".as_bytes()];
    for name in names {
        let path = desk.workspace.tree().join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, [name, b"\0\r\n"].concat()).unwrap();
    }
    let snapshot = desk.snapshot().await.unwrap();
    let mut expected: Vec<&[u8]> = names.to_vec();
    expected.sort();
    assert_eq!(snapshot.changes.iter().map(|change| change.path.as_slice()).collect::<Vec<_>>(), expected);

    let head = desk.commit_tree(&snapshot.tree_sha, "odd", noon()).await;
    desk.workspace.reset_to(BRANCH, &head).await.unwrap();
    for name in names {
        let path = desk.workspace.tree().join(OsStr::from_bytes(name));
        assert_eq!(fs::read(path).unwrap(), [name, b"\0\r\n"].concat());
    }
}

#[tokio::test]
async fn repositories_inside_are_refused_by_name() {
    for (made, seen) in [
        ("git init -q vendor/dep; cd vendor/dep; echo 1 > 1; git add 1; git commit -q -m 1", "vendor/dep"),
        ("git init -q empty", "empty"),
        ("rm README.md; git init -q README.md; cd README.md; echo 1 > 1; git add 1; git commit -q -m 1", "README.md"),
        ("git init -q 'a b'; echo x > 'a b/x'", "a b"),
    ] {
        let desk = Desk::new().await;
        desk.agent(made);
        match desk.snapshot().await {
            Err(GitError::NestedRepository { paths }) => assert_eq!(paths, [seen], "{made}"),
            other => panic!("{made}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_repository_where_nothing_of_it_is_taken_is_no_matter() {
    let desk = Desk::new().await;
    desk.agent("mkdir target; git init -q target/dep; cd target/dep; echo 1 > 1; git add 1; git commit -q -m 1");
    desk.agent("git init -q src; echo 1 > src/new");
    assert_eq!(desk.changes().await, ["A src/new"]);
}

#[tokio::test]
async fn too_much_is_refused_unread() {
    let desk = Desk::new().await;
    for (made, seen, limit) in [
        ("truncate -s 2T huge", "the file `huge` (in MiB)", 10),
        ("rm huge; for n in 1 2 3; do truncate -s 9M part$n; done", "the whole change (in MiB)", 20),
        ("rm part*; truncate -s 11M README.md", "the file `README.md` (in MiB)", 10),
    ] {
        desk.agent(made);
        match tokio::time::timeout(Duration::from_secs(20), desk.snapshot()).await.unwrap() {
            Err(GitError::TooLarge { what, limit: at }) => assert_eq!((what.as_str(), at), (seen, limit)),
            other => panic!("{other:?}"),
        }
    }
    desk.agent("git checkout -q README.md; truncate -s 10M fits; truncate -s 3G .aider.log; mkdir target; truncate -s 3G target/x");
    assert_eq!(desk.changes().await, ["A fits"]);
}

#[tokio::test]
async fn pipes_and_sockets_neither_hang_nor_count() {
    let desk = Desk::new().await;
    desk.agent("mkfifo pipe; rm README.md; mkfifo README.md; rm src/main.rs; mkfifo src/main.rs; echo x > x");
    let _listener = UnixListener::bind(desk.workspace.tree().join("socket")).unwrap();
    let changes = tokio::time::timeout(Duration::from_secs(20), desk.changes()).await.unwrap();
    assert_eq!(changes, ["D README.md", "D src/main.rs", "A x"]);
}

#[tokio::test]
async fn litter_is_left_out_unless_it_is_the_repositorys_own() {
    let desk = Desk::with("echo own > .aider.conf.yml").await;
    desk.agent("echo changed > .aider.conf.yml; echo litter > .aider.chat.history.md; mkdir -p src/.aider.tags; echo x > src/.aider.tags/x");
    assert_eq!(desk.changes().await, ["M .aider.conf.yml"]);
}

#[tokio::test]
async fn the_same_commit_asked_for_twice_is_one() {
    let desk = Desk::new().await;
    desk.agent("echo new > new");
    let tree_sha = desk.snapshot().await.unwrap().tree_sha;
    let first = desk.commit_tree(&tree_sha, "same", noon()).await;
    // A kill left locks and half-made files behind.
    let control = desk.workspace.control();
    for leftover in ["index.lock", "reference.new", &format!("refs/heads/{BRANCH}.lock")] {
        fs::create_dir_all(control.join(leftover).parent().unwrap()).unwrap();
        fs::write(control.join(leftover), "half").unwrap();
    }
    assert_eq!(desk.snapshot().await.unwrap().tree_sha, tree_sha);
    assert_eq!(desk.commit_tree(&tree_sha, "same", noon() + chrono::Duration::milliseconds(999)).await, first);
    assert_eq!(desk.ask(&["rev-parse", BRANCH]).await, first);
    assert_eq!(desk.ask(&["rev-list", "--count", BRANCH]).await, "2");
    assert_ne!(desk.commit_tree(&tree_sha, "other", noon()).await, first);
}

#[tokio::test]
async fn a_tree_that_became_a_link_is_not_followed() {
    let desk = Desk::new().await;
    desk.agent("cd ..; mv tree moved; ln -s /etc tree");
    let refused = desk.workspace.snapshot(&desk.base, &options()).await.unwrap_err();
    assert!(matches!(refused, GitError::Io { .. }), "{refused:?}");
}
