//! Signed commits, by real GnuPG and OpenSSH, and what git itself says of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use opsmith_forge::git::{
    CachedRepo, GitError, MergeMethod, MergeRequest, Pushed, Signer, SigningError, SigningKey, plan_merge, sign_merge,
};
use opsmith_model::Hint as _;
use tempfile::TempDir;
use testkit::signing::{GpgHome, ssh_key, ssh_verifies};

use crate::desk::{Desk, noon};
use crate::merge::{parted, publish, request};
use crate::stage::git;

/// The environment of a user with that home, and of whoever started opsmith beside it.
fn user(home: &Path) -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").unwrap();
    vec![("PATH".into(), path), ("HOME".into(), home.into()), ("DISPLAY".into(), ":77".into())]
}

fn gpg(home: &Path, key: &str) -> Signer {
    Signer::new(SigningKey::Gpg(key.into()), user(home))
}

fn ssh(home: &Path, key: &Path) -> Signer {
    Signer::new(SigningKey::Ssh(key.into()), user(home))
}

/// Two commits of the same work, as before and after a kill, then one by another message.
async fn one_commit(signer: &Signer, verifies: impl Fn(&Path, &str) -> bool) {
    let desk = Desk::new().await;
    desk.agent("echo more > README.md");
    let tree = desk.snapshot().await.unwrap().tree_sha;
    let first = desk.commit_signed(&tree, "Say more", noon(), Some(signer)).await.unwrap();
    let again = desk.commit_signed(&tree, "Say more", noon(), Some(signer)).await.unwrap();
    assert_eq!(first, again, "the same work is one commit");
    assert!(verifies(desk.workspace.control(), &first));
    let said = desk.ask(&["log", "-1", "--format=%an|%cn|%ct|%s|%P", &first]).await;
    assert_eq!(said, format!("Ada Lovelace|Opsmith|{}|Say more|{}", noon().timestamp(), desk.base));
    desk.ask(&["fsck", "--strict", "--no-dangling"]).await;
    let other = desk.commit_signed(&tree, "Say it otherwise", noon(), Some(signer)).await.unwrap();
    assert_ne!(first, other);
    let unsigned = desk.commit_tree(&tree, "Say it otherwise", noon()).await;
    assert!(!verifies(desk.workspace.control(), &unsigned));
    let signed = desk.commit_signed(&tree, "Say it otherwise", noon(), Some(signer)).await.unwrap();
    assert!(verifies(desk.workspace.control(), &signed), "an unsigned one is not taken for it");
}

#[tokio::test]
async fn the_same_work_is_one_commit_with_a_good_signature() {
    let home = tempfile::tempdir().unwrap();
    // Of a kind whose signatures of the same bytes differ; GnuPG's do from one second to the next.
    let key = ssh_key(home.path(), "key", "");
    one_commit(&ssh(home.path(), &key), |git_dir, sha| ssh_verifies(git_dir, sha, &key)).await;
    let Some(ring) = GpgHome::at(home.path()) else { return };
    one_commit(&gpg(home.path(), GpgHome::OPEN), |git_dir, sha| ring.verifies(git_dir, sha)).await;
}

#[tokio::test]
async fn a_signature_of_another_key_does_not_count() {
    let home = tempfile::tempdir().unwrap();
    let (key, other) = (ssh_key(home.path(), "key", ""), ssh_key(home.path(), "other", ""));
    let desk = Desk::new().await;
    desk.agent("echo more > README.md");
    let tree = desk.snapshot().await.unwrap().tree_sha;
    let first = desk.commit_signed(&tree, "Say more", noon(), Some(&ssh(home.path(), &other))).await.unwrap();
    let second = desk.commit_signed(&tree, "Say more", noon(), Some(&ssh(home.path(), &key))).await.unwrap();
    assert_ne!(first, second);
    assert!(ssh_verifies(desk.workspace.control(), &second, &key));
    assert!(!ssh_verifies(desk.workspace.control(), &first, &key));
}

async fn signed(repo: &CachedRepo, asked: &MergeRequest, signer: &Signer) -> (String, String) {
    let unsigned = plan_merge(repo, asked).await.unwrap();
    let sha = sign_merge(repo, &asked.base_sha, &unsigned, signer).await.unwrap();
    (unsigned, sha)
}

#[tokio::test]
async fn each_method_of_merging_is_signed_and_says_the_same() {
    let home = tempfile::tempdir().unwrap();
    let key = ssh_key(home.path(), "key", "");
    for method in [MergeMethod::Squash, MergeMethod::Merge, MergeMethod::Rebase] {
        let (stage, repo, base, head) = parted().await;
        let asked = request(&base, &head, method);
        let (unsigned, sha) = signed(&repo, &asked, &ssh(home.path(), &key)).await;
        assert_eq!(publish(&repo, &asked, &sha).await.unwrap(), Pushed::Done);
        let range = format!("{base}..main");
        let list = |more: &[&str]| stage.remote.git(&[&["log", "--first-parent"], more].concat());
        for commit in list(&["--format=%H", &range]).lines() {
            assert!(ssh_verifies(stage.remote.path(), commit, &key), "{method:?} {commit}");
        }
        stage.remote.git(&["fsck", "--strict", "--no-dangling"]);
        let format = "--format=%T %an %ae %at %cn %ce %ct %B";
        let plain = git().work(repo.git_dir()).args(["log", "--first-parent", format, &format!("{base}..{unsigned}")]);
        assert_eq!(list(&[format, &range]), plain.text().await.unwrap(), "{method:?}");
    }
}

#[tokio::test]
async fn a_merge_with_nothing_new_stays_the_base() {
    let home = tempfile::tempdir().unwrap();
    let (_stage, repo, base, _) = parted().await;
    let signer = ssh(home.path(), Path::new("/nowhere"));
    assert_eq!(sign_merge(&repo, &base, &base, &signer).await.unwrap(), base);
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_named_at_once() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let locked = ssh_key(home, "locked", "secret");
    let public_only = ssh_key(home, "public", "").with_extension("pub");
    std::fs::remove_file(home.join("public")).unwrap();
    let garbage = home.join("garbage");
    std::fs::write(&garbage, "no key").unwrap();
    let none = Signer::new(SigningKey::Ssh(locked.clone()), []);
    for (signer, told, hint) in [
        (ssh(home, &home.join("none")), "no usable secret key", "git.signing_key"),
        (ssh(home, &public_only), "no usable secret key", "SSH_AUTH_SOCK"),
        (ssh(home, &locked), "wants a passphrase", "ssh-add"),
        (ssh(home, &garbage), "no usable secret key", "git.signing_key"),
        (none, "not installed", "OpenSSH"),
    ] {
        refused(&signer, told, hint).await;
    }
    let Some(_ring) = GpgHome::at(home) else { return };
    for (key, told, hint) in [
        ("nobody@example.com", "no usable secret key `nobody@example.com`", "--list-secret-keys"),
        ("--version", "no usable secret key `--version`", "--list-secret-keys"),
        (GpgHome::LOCKED, "wants a passphrase", "gpg-agent"),
    ] {
        refused(&gpg(home, key), told, hint).await;
    }
    assert!(gpg(home, GpgHome::OPEN).probe().await.unwrap().len() >= 40);
}

async fn refused(signer: &Signer, told: &str, hint: &str) {
    let begun = std::time::Instant::now();
    let error = signer.probe().await.unwrap_err();
    assert!(error.to_string().contains(told), "{error}");
    assert!(error.hint().unwrap().contains(hint), "{error:?}: {:?}", error.hint());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let desk = Desk::new().await;
    let failed = desk.commit_signed(&desk.base_tree().await, "Nothing", noon(), Some(signer)).await.unwrap_err();
    assert!(matches!(failed, GitError::Signing(_)), "{failed:?}");
}

/// An ssh-agent of this test's own.
struct Agent {
    socket: PathBuf,
    process: Child,
    _folder: TempDir,
}

impl Agent {
    fn with(key: &Path, passphrase: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let mut command = Command::new("ssh-agent");
        let process = command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        while !socket.exists() {
            std::thread::yield_now();
        }
        let answer = folder.path().join("answer");
        std::fs::write(&answer, format!("#!/bin/sh\necho {passphrase}\n")).unwrap();
        Command::new("chmod").arg("700").arg(&answer).status().unwrap();
        let mut add = Command::new("ssh-add");
        add.env("SSH_AUTH_SOCK", &socket).env("SSH_ASKPASS", &answer).env("SSH_ASKPASS_REQUIRE", "force");
        assert!(add.arg("-q").arg(key).stderr(Stdio::null()).status().unwrap().success());
        Self { socket, process, _folder: folder }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[tokio::test]
async fn the_users_agent_signs_with_a_locked_key_and_with_a_public_half() {
    let home = tempfile::tempdir().unwrap();
    let key = ssh_key(home.path(), "locked", "secret");
    let agent = Agent::with(&key, "secret");
    let public = key.with_extension("pub");
    assert!(matches!(ssh(home.path(), &key).probe().await, Err(SigningError::Locked { .. })));
    for file in [key, public] {
        let mut environment = user(home.path());
        environment.push(("SSH_AUTH_SOCK".into(), agent.socket.clone().into()));
        let signer = Signer::new(SigningKey::Ssh(file), environment);
        assert!(signer.probe().await.unwrap().starts_with("SHA256:"));
    }
}
