use std::time::Duration;

use opsmith_sandbox::{Ended, ExitStatus, Limits};

use crate::fixture::{HANGS, Place};

/// The most memory this process ever had, all tests of this binary together.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test]
async fn output_over_the_limit_is_counted_and_dropped_and_does_not_stop_the_command() {
    let place = Place::new();
    let mut spec = place.sh("head -c 200000000 /dev/zero; echo the end >&2; exit 3");
    spec.limits.output_bytes = 1_000_000;
    let ran = place.run(spec).await;
    assert_eq!((ran.exit.status, ran.exit.ended), (ExitStatus::Code(3), Ended::Exited));
    assert_eq!(ran.stdout.len() + ran.stderr.len(), 1_000_000);
    assert_eq!(ran.exit.output_bytes, 1_000_000);
    assert_eq!(ran.exit.dropped_bytes, 200_000_000 + 8 - 1_000_000);
    assert!(peak_mib() < 150, "{} MiB", peak_mib());
}

#[tokio::test]
async fn a_slow_receiver_gets_every_byte_in_order() {
    let place = Place::new();
    let mut running = place.start(place.sh("echo ready; seq 1 300000; echo warned >&2"));
    running.until("ready").await;
    let ran = running.end().await;
    let expected: String =
        std::iter::once("ready\n".to_owned()).chain((1..=300_000).map(|n| format!("{n}\n"))).collect();
    assert!(ran.text() == expected);
    assert_eq!(ran.stderr, b"warned\n");
    assert_eq!((ran.exit.output_bytes, ran.exit.dropped_bytes), (expected.len() as u64 + 7, 0));
}

#[tokio::test]
async fn a_receiver_that_leaves_does_not_stop_the_command() {
    let place = Place::new();
    let mut running = place.start(place.sh("echo ready; head -c 10000000 /dev/zero; echo done > done"));
    running.until("ready").await;
    running.receiver.close();
    let exit = tokio::time::timeout(HANGS, running.exit).await.unwrap().unwrap().unwrap();
    assert_eq!((exit.status, exit.ended), (ExitStatus::Code(0), Ended::Exited));
    assert_eq!(exit.output_bytes + exit.dropped_bytes, 10_000_006);
    assert!(exit.dropped_bytes > 9_000_000, "{exit:?}");
    assert!(place.path().join("done").exists());
}

#[tokio::test]
async fn a_receiver_that_never_receives_holds_the_command_only_to_its_time_limit() {
    let place = Place::new();
    let mut spec = place.sh("head -c 10000000 /dev/zero");
    spec.limits = Limits { wall: Duration::from_millis(700), ..Limits::default() };
    let running = place.start(spec);
    let exit = tokio::time::timeout(HANGS, running.exit).await.unwrap().unwrap().unwrap();
    assert_eq!(exit.ended, Ended::TimedOut);
    assert!(exit.output_bytes < 1_000_000, "{exit:?}");
    drop(running.receiver);
}

#[tokio::test]
async fn input_is_fed_while_output_is_taken() {
    let place = Place::new();
    let mut spec = place.spec("cat", &[]);
    spec.stdin = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = spec.stdin.clone();
    let ran = place.run(spec).await;
    assert!(ran.stdout == sent);
}

#[tokio::test]
async fn input_that_nobody_reads_hangs_nothing() {
    let place = Place::new();
    for script in ["exit 4", "exec <&-; echo closed; exit 4", "head -c 1 > first; exit 4"] {
        let mut spec = place.sh(script);
        spec.stdin = vec![b'x'; 5_000_000];
        assert_eq!(place.run(spec).await.exit.status, ExitStatus::Code(4), "{script}");
    }
}

#[tokio::test]
async fn without_input_stdin_is_at_its_end() {
    let place = Place::new();
    assert_eq!(place.run(place.sh("cat; readlink /proc/$$/fd/0")).await.text(), "/dev/null\n");
}
