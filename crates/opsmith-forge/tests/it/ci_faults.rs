//! Commands that a check may well be, and nobody wants.

use std::time::Duration;

use opsmith_forge::ci::EXCERPT_CHARS;
use opsmith_sandbox::{Network, Preference};

use crate::bench::{Bench, on_both_sandboxes, peak_mib};

on_both_sandboxes!(
    a_gigabyte_of_output_is_bounded_and_the_exit_is_the_true_one,
    binary_output_becomes_text,
    an_endless_line_is_cut,
    a_command_that_a_signal_ended_is_red,
    a_command_over_its_memory_is_red,
    a_daemon_holds_nothing_up_and_is_gone,
    what_is_off_is_not_reached,
    nothing_of_the_user_is_seen,
);

async fn a_gigabyte_of_output_is_bounded_and_the_exit_is_the_true_one(on: Preference) {
    let mut bench = Bench::new(on, "true").await;
    bench.limits = opsmith_sandbox::Limits { wall: Duration::from_secs(300), output_bytes: 100_000, ..bench.limits };
    let before = peak_mib();
    for (exit, word) in [(0, "green"), (3, "red")] {
        let line = "0123456789".repeat(8);
        let checked = bench.check(&format!("yes {line} | head -c 1000000000; echo; echo the end; exit {exit}")).await;
        assert!(checked.log.len() < 300_000, "{}", checked.log.len());
        assert!(checked.log().ends_with("\nthe end\n"));
        match word {
            "green" => drop(checked.green()),
            _ => assert!(checked.red().failing.ends_with("exited with 3")),
        }
    }
    // Other stories run in this process meanwhile.
    assert!(peak_mib() - before < 300, "from {before} to {} MiB", peak_mib());
}

async fn binary_output_becomes_text(on: Preference) {
    let bench = Bench::new(on, "true").await;
    let report =
        bench.check("head -c 3000000 /dev/urandom; printf '\\n\\377\\000\\033[31mthe end\\n'; exit 4").await.red();
    assert!(report.failing.ends_with("exited with 4"), "{}", report.failing);
    assert!(report.excerpt.ends_with("\u{fffd}the end") && report.excerpt.chars().count() <= EXCERPT_CHARS);
    assert!(!report.excerpt.chars().any(|c| c.is_control() && c != '\n'), "{:?}", report.excerpt);
}

async fn an_endless_line_is_cut(on: Preference) {
    let bench = Bench::new(on, "true").await;
    let report = bench.check("head -c 30000000 /dev/zero | tr '\\0' x; exit 5").await.red();
    assert!(report.failing.ends_with("exited with 5"), "{}", report.failing);
    assert_eq!(report.excerpt.chars().count(), EXCERPT_CHARS);
    assert!(report.excerpt.starts_with("…xxx"), "{}", &report.excerpt[..20]);
}

async fn a_command_that_a_signal_ended_is_red(on: Preference) {
    let bench = Bench::new(on, "true").await;
    let report = bench.check("echo near the end; kill -9 $$").await.red();
    assert!(report.failing.ends_with("` was ended by signal 9"), "{}", report.failing);
    assert_eq!(report.excerpt, "near the end");
}

async fn a_command_over_its_memory_is_red(on: Preference) {
    let mut bench = Bench::new(on, "true").await;
    bench.limits.memory_mib = Some(64);
    // `tail` keeps its last line, which never ends.
    let report = bench.check("echo it grows; head -c 4000000000 /dev/zero | tail -n 1 | wc -c").await.red();
    assert!(report.failing.ends_with("was killed over 64 MiB of memory"), "{}", report.failing);
    assert!(!report.timed_out);
    assert_eq!(bench.left().await, 0);
}

async fn a_daemon_holds_nothing_up_and_is_gone(on: Preference) {
    let bench = Bench::new(on, "true").await;
    let daemon = "(setsid sh -c 'trap \"\" TERM HUP; while :; do sleep 60; done' &)";
    assert!(bench.check(&format!("{daemon}; {daemon} >/dev/null 2>&1; echo done")).await.green().ends_with("passed"));
    assert_eq!(bench.left().await, 0);
    bench.check(&format!("{daemon}; exit 1")).await.red();
    assert_eq!(bench.left().await, 0);
}

async fn what_is_off_is_not_reached(on: Preference) {
    let bench = Bench::new(on, "true").await.on(Network::On);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ask = format!("bash -c ': > /dev/tcp/127.0.0.1/{}'", listener.local_addr().unwrap().port());
    bench.check(&ask).await.green();
    let bench = bench.on(Network::Off);
    match on {
        Preference::Bubblewrap => drop(bench.check(&ask).await.red()),
        // It has no such wall, and says so.
        _ => drop(bench.check(&ask).await.green()),
    }
}

async fn nothing_of_the_user_is_seen(on: Preference) {
    let bench = Bench::new(on, "true").await;
    let home = std::env::var("HOME").unwrap();
    let origin = bench.desk.folder.path().join("origin").display().to_string();
    let look = format!("test ! -e {origin} && test -z \"$(ls -A {home}/.ssh {home}/.config {home}/.netrc)\"");
    let checked = bench.check(&look).await;
    match on {
        Preference::Bubblewrap => drop(checked.green()),
        // It has no such wall, and says so.
        _ => drop(checked.red()),
    }
}
