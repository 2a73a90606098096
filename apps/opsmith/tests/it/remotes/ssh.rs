use testkit::Sshd;

use super::story::{is_done_and_merged, is_refused};
use crate::desk::{Desk, RIGHT_EDIT, broken_repository};

fn desk(sshd: &Sshd) -> Desk {
    Desk::scripted(RIGHT_EDIT).env("GIT_SSH_COMMAND", &sshd.client())
}

#[test]
fn a_key_lets_the_whole_task_through() {
    let Some(sshd) = Sshd::start() else { return };
    let repo = broken_repository();
    is_done_and_merged(&desk(&sshd), &repo, &sshd.url(repo.path()));
}

#[test]
fn without_a_key_the_task_ends_in_an_error_that_says_what_to_do() {
    let Some(sshd) = Sshd::start() else { return };
    let repo = broken_repository();
    sshd.take_key();
    is_refused(&desk(&sshd), &sshd.url(repo.path()), "ssh-add");
    assert_eq!(repo.branches(), ["main"]);
}

#[test]
fn an_unknown_host_is_not_trusted_and_nobody_is_asked() {
    let Some(sshd) = Sshd::start() else { return };
    let repo = broken_repository();
    sshd.forget_host();
    is_refused(&desk(&sshd), &sshd.url(repo.path()), "known_hosts");
    assert_eq!(repo.branches(), ["main"]);
}
