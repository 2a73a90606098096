use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use opsmith_sandbox::{Ended, ExitStatus};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fixture::{HANGS, Lifeline, Place, fresh_marker, is_alive, marked};

#[tokio::test]
async fn daemons_that_hold_the_pipe_do_not_survive_a_normal_exit() {
    let place = Place::new();
    // Each says through a pipe of its own that it is there before the command exits.
    std::fs::write(place.path().join("daemon"), "echo pid $$; echo > $1; exec sleep 100").unwrap();
    let spec = place.sh(
        "mkfifo child session orphan; sh daemon child & read _ < child; setsid sh daemon session & read _ < session; \
         (setsid sh -c 'sh daemon orphan &' &) ; read _ < orphan; echo done; exit 6",
    );
    let marker = spec.marker.clone();
    let ran = place.run(spec).await;
    assert_eq!(
        (ran.exit.status, ran.exit.ended),
        (ExitStatus::Code(6), Ended::Exited),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(ran.exit.wall < Duration::from_secs(20), "{:?}", ran.exit.wall);
    assert_eq!(ran.pids().len(), 3, "{}", ran.text());
    assert!(ran.pids().iter().all(|pid| !is_alive(*pid)));
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[tokio::test]
async fn a_child_without_the_marker_in_a_session_of_its_own_is_found_by_its_parent() {
    let place = Place::new();
    let lifeline = Lifeline::at(&place.path().join("lifeline"));
    let script = "exec 9>lifeline; env -i setsid sh -c 'echo ready; exec sleep 100' & wait";
    let mut running = place.start(place.sh(script));
    running.until("ready").await;
    running.cancel.cancel();
    assert_eq!(running.end().await.exit.ended, Ended::Cancelled);
    lifeline.ended().await;
}

#[tokio::test]
async fn a_chain_of_forks_that_outruns_its_parents_is_caught() {
    let place = Place::new();
    // Bounded, so that a sandbox that loses the race leaves nothing behind for long.
    let chain = "use POSIX; $| = 1; print qq(ready\\n); \
                 for (1..30000) { my $pid = fork; exit 0 if $pid; POSIX::setsid(); }";
    let spec = place.spec("perl", &["-e", chain]);
    let marker = spec.marker.clone();
    let ran = place.run(spec).await;
    assert_eq!(ran.text(), "ready\n");
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[tokio::test]
async fn reap_ends_what_another_process_left_and_nothing_else() {
    let place = Place::new();
    let (marker, other) = (fresh_marker(), fresh_marker());
    let start = |marker: &str| {
        let mut child = Command::new("sh")
            .args(["-c", "setsid sh -c 'echo $$; exec sleep 100' & sleep 100 & echo $$; exec sleep 100"])
            .env("OPSMITH_SANDBOX", marker)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(2);
        let pids: Vec<i32> = lines.map(|line| line.unwrap().parse().unwrap()).collect();
        (child, pids)
    };
    let (mut left, left_pids) = start(marker.as_str());
    let (mut kept, kept_pids) = start(other.as_str());
    // One whose marker only begins alike belongs to somebody else.
    let (mut alike, alike_pids) = start(&format!("{marker}0"));

    assert_eq!(place.sandbox.reap(&marker).await.unwrap(), 3);
    assert!(left_pids.iter().all(|pid| !is_alive(*pid)));
    assert!(kept_pids.iter().chain(&alike_pids).all(|pid| is_alive(*pid)));
    assert_eq!(place.sandbox.reap(&marker).await.unwrap(), 0);

    let rest = [marker.clone(), other, format!("{marker}0").parse().unwrap()];
    assert_eq!(place.sandbox.reap_all(&rest).await.unwrap(), 6);
    assert!(kept_pids.iter().chain(&alike_pids).all(|pid| !is_alive(*pid)));
    assert_eq!(place.sandbox.reap_all(&[]).await.unwrap(), 0);
    for child in [&mut left, &mut kept, &mut alike] {
        child.wait().unwrap();
    }
}

/// The second process of the test below: runs a command until it is killed itself.
#[tokio::test]
#[ignore = "started by `when_opsmith_is_killed_its_command_dies_and_reap_finds_the_rest`"]
async fn opsmith_to_be_killed() {
    let marker = std::env::var("TEST_MARKER").unwrap().parse().unwrap();
    let place = Place::new();
    let lifeline = std::env::var("TEST_LIFELINE").unwrap();
    // The daemon itself says when it is there, and changes its program no more.
    let daemon = "perl -e '$| = 1; print qq(ready\\n); sleep 100'";
    let script = format!("exec 9>{lifeline}; setsid {daemon} 9>&- & exec sleep 100");
    let (sender, mut receiver) = mpsc::channel(1);
    let spec = opsmith_sandbox::CommandSpec { marker, ..place.sh(&script) };
    let ready = async {
        receiver.recv().await.unwrap();
        std::fs::write(std::env::var("TEST_READY").unwrap(), "ready\n").unwrap();
        std::future::pending::<()>().await;
    };
    let cancel = CancellationToken::new();
    tokio::select! { _ = place.sandbox.run(spec, sender, &cancel) => {}, () = ready => {} }
    panic!("the command ended before its runner");
}

#[tokio::test]
async fn when_opsmith_is_killed_its_command_dies_and_reap_finds_the_rest() {
    let place = Place::new();
    let marker = fresh_marker();
    let (lifeline_path, ready_path) = (place.path().join("lifeline"), place.path().join("ready"));
    let lifeline = Lifeline::at(&lifeline_path);
    nix::unistd::mkfifo(&ready_path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut opsmith = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "leftovers::opsmith_to_be_killed", "--ignored"])
        // Its own folder lies in ours, since it does not live to remove it.
        .env("TMPDIR", place.path())
        .env("TEST_MARKER", marker.as_str())
        .env("TEST_LIFELINE", &lifeline_path)
        .env("TEST_READY", &ready_path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ready = tokio::task::spawn_blocking(move || std::fs::read_to_string(ready_path));
    assert_eq!(tokio::time::timeout(HANGS, ready).await.unwrap().unwrap().unwrap(), "ready\n");
    opsmith.kill().unwrap();
    opsmith.wait().unwrap();
    lifeline.ended().await;
    assert_eq!(marked(&marker).len(), 1, "the daemon is on its own");
    assert_eq!(place.sandbox.reap(&marker).await.unwrap(), 1);
    assert_eq!(marked(&marker), Vec::<i32>::new());
}
