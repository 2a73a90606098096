use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use testkit::GitHttp;
use testkit::repo::TestRepo;

use super::story::{is_done_and_merged, is_refused};
use crate::desk::{Desk, RIGHT_EDIT, broken_repository};

const PASSWORD: &str = "correct-horse-battery";
const NEXT_STEP: &str = "refused access; give git credentials: a credential helper";
/// Beside the mending edit, so that an attempt after it has something to commit.
const LATER_EDIT: &str = "[[attempt]]\n[[attempt.edit]]\npath = \"notes\"\ncontent = \"mended\"\n";

/// A repository that only ada may see.
fn private() -> (TestRepo, GitHttp, String) {
    let repo = broken_repository();
    let server = GitHttp::serve(repo.path().parent().unwrap());
    server.require("ada", PASSWORD);
    let url = server.url("remote.git");
    (repo, server, url)
}

/// Lets git on this desk know a password as a person would: by their own configuration.
fn remember(desk: &Desk, server: &GitHttp, password: &str) {
    let known = server.origin().replace("://", &format!("://ada:{password}@"));
    let file = desk.write("passwords", &format!("{known}\n"));
    desk.write(".gitconfig", &format!("[credential]\n\thelper = store --file={}\n", file.display()));
}

#[test]
fn without_credentials_the_task_ends_in_an_error_that_says_what_to_do() {
    let (repo, server, url) = private();
    is_refused(&Desk::scripted(RIGHT_EDIT), &url, NEXT_STEP);
    let served = server.served();
    assert!(!served.is_empty() && served.iter().all(|served| served.status == 401), "{served:?}");
    assert_eq!(repo.branches(), ["main"]);
}

#[test]
fn a_wrong_password_is_told_like_none() {
    let (_repo, server, url) = private();
    let desk = Desk::scripted(RIGHT_EDIT);
    remember(&desk, &server, "wrong");
    is_refused(&desk, &url, NEXT_STEP);
}

#[test]
fn a_credential_helper_lets_the_whole_task_through_and_its_password_stays_with_it() {
    let (repo, server, url) = private();
    let desk = Desk::scripted(RIGHT_EDIT);
    remember(&desk, &server, PASSWORD);
    is_done_and_merged(&desk, &repo, &url);
    assert_pushed_as_ada(&server);
    assert_nowhere_in(&desk.data_dir(), PASSWORD);
}

#[test]
fn an_askpass_program_lets_the_whole_task_through() {
    let (repo, server, url) = private();
    let desk = Desk::scripted(RIGHT_EDIT);
    let answer = format!("#!/bin/sh\ncase $1 in Username*) echo ada ;; *) echo {PASSWORD} ;; esac\n");
    let program = desk.write("askpass", &answer);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let desk = desk.env("GIT_ASKPASS", &program.display().to_string());
    is_done_and_merged(&desk, &repo, &url);
    assert_pushed_as_ada(&server);
    assert_nowhere_in(&desk.data_dir(), PASSWORD);
}

#[test]
fn who_may_only_read_learns_it_from_the_push_and_goes_on_later() {
    let (repo, server, url) = private();
    let desk = Desk::scripted(&format!("{RIGHT_EDIT}{LATER_EDIT}"));
    remember(&desk, &server, PASSWORD);
    server.refuse_pushes(true);
    is_refused(&desk, &url, NEXT_STEP);
    assert_eq!(repo.branches(), ["main"]);
    server.refuse_pushes(false);
    let id = desk.run(&["ampx", "list", "--json"]).expect(0).json()["tasks"][0]["id"].as_str().unwrap().to_owned();
    desk.run(&["ampx", "continue", &id, "--wait"]).expect(0);
    assert_eq!(repo.branches().len(), 2);
}

fn assert_pushed_as_ada(server: &GitHttp) {
    let served = server.served();
    let pushed = served.iter().any(|served| {
        (served.path.as_str(), served.user.as_deref(), served.status)
            == ("/remote.git/git-receive-pack", Some("ada"), 200)
    });
    assert!(pushed, "{served:?}");
}

/// No file below `folder` has `word` in it.
fn assert_nowhere_in(folder: &Path, word: &str) {
    let mut folders = vec![folder.to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
                continue;
            }
            files += 1;
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "`{}` has the password", entry.path().display());
        }
    }
    assert!(files > 0, "there is nothing to look through");
}
