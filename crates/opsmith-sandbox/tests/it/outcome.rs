use std::time::Duration;

use opsmith_sandbox::{Backend, Ended, Enforcement, ExitStatus, SandboxError};

use crate::fixture::start;
use crate::world::World;

pub async fn an_exit_is_reported_as_it_was(world: &World) {
    let exit = world.run(world.sh("exit 7")).await.exit;
    assert_eq!((exit.status, exit.ended), (ExitStatus::Code(7), Ended::Exited));
    let exit = world.run(world.sh("kill -USR1 $$")).await.exit;
    assert_eq!((exit.status, exit.ended), (ExitStatus::Signal(10), Ended::Exited));
    let ran = world.run(world.sh("echo out; echo err >&2")).await;
    assert_eq!((ran.text(), ran.errors().as_str()), ("out\n", "err\n"));
    assert_eq!((ran.exit.output_bytes, ran.exit.dropped_bytes), (8, 0));
}

pub async fn a_program_that_is_nowhere_is_said(world: &World) {
    for program in ["no-such-agent", "./no-such-agent", "/nowhere/agent"] {
        let error = start(&world.sandbox, world.spec(program, &[])).exit.await.unwrap().unwrap_err();
        assert!(matches!(error, SandboxError::ProgramNotFound { .. }), "{program}: {error:?}");
    }
}

pub async fn input_is_fed_to_its_end(world: &World) {
    let mut spec = world.spec("cat", &[]);
    spec.stdin = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let sent = spec.stdin.clone();
    assert!(world.run(spec).await.stdout == sent);
    assert_eq!(world.says("cat; echo end").await, "end\n");
    let mut unread = world.sh("exit 4");
    unread.stdin = vec![b'x'; 5_000_000];
    assert_eq!(world.run(unread).await.exit.status, ExitStatus::Code(4));
}

pub async fn a_gigabyte_of_output_is_counted_and_dropped(world: &World) {
    let mut spec = world.sh("head -c 1000000000 /dev/zero; exit 3");
    spec.limits.output_bytes = 1_000_000;
    // Emulated machines take minutes for it.
    spec.limits.wall = Duration::from_secs(600);
    let ran = world.run(spec).await;
    assert_eq!((ran.exit.status, ran.exit.ended), (ExitStatus::Code(3), Ended::Exited));
    assert_eq!((ran.stdout.len(), ran.exit.output_bytes), (1_000_000, 1_000_000));
    assert_eq!(ran.exit.dropped_bytes, 1_000_000_000 - 1_000_000);
}

pub async fn a_command_that_ignores_sigterm_is_killed_at_its_time_limit(world: &World) {
    let mut spec = world.sh("trap 'echo asked' TERM; while :; do sleep 0.05; done");
    spec.limits.wall = Duration::from_millis(700);
    let ran = world.run(spec).await;
    assert_eq!((ran.exit.status, ran.exit.ended), (ExitStatus::Signal(9), Ended::TimedOut));
    assert!(ran.exit.wall >= Duration::from_millis(1200), "the grace was not given: {:?}", ran.exit.wall);
    assert!(ran.text().contains("asked"), "{}", ran.text());
}

pub async fn a_command_that_obeys_sigterm_ends_in_its_own_way(world: &World) {
    let spec = world.sh("trap 'echo saved; exit 5' TERM; echo ready; while :; do sleep 0.05; done");
    let mut running = start(&world.sandbox, spec);
    running.until("ready").await;
    running.cancel.cancel();
    let ran = running.end().await;
    assert_eq!((ran.exit.status, ran.exit.ended), (ExitStatus::Code(5), Ended::Cancelled));
    assert!(ran.text().contains("saved"));
}

pub async fn a_command_over_its_memory_is_killed(world: &World) {
    let hoard = "held=$(head -c 400000000 /dev/zero | tr '\\0' x); echo done; sleep 100";
    let mut spec = world.sh(hoard);
    spec.limits.memory_mib = Some(100);
    let ran = world.run(spec).await;
    assert_ne!(world.sandbox.walls().memory, Enforcement::None);
    assert_eq!((ran.exit.ended, ran.text()), (Ended::MemoryExceeded, ""), "{:?} {}", ran.exit, ran.errors());
}

pub async fn a_fork_bomb_is_held_to_its_count(world: &World) {
    let mut spec = world.sh("n=0; while [ $n -lt 300 ]; do sleep 100 & n=$((n+1)); echo $n; done; echo done");
    spec.limits.processes = Some(60);
    let ran = world.run(spec).await;
    let reached = ran.text().lines().filter_map(|line| line.parse::<u32>().ok()).max().unwrap();
    let held = reached <= 60 && !ran.text().contains("done");
    let wall = world.sandbox.walls().process_count;
    assert_eq!(held, wall != Enforcement::None, "{reached} {}", ran.errors());
    // Else the kernel may count other processes of this user, too.
    assert!(wall != Enforcement::Full || reached > 50, "{reached}");
}

pub async fn a_busy_command_is_held_to_its_share(world: &World) {
    let mut spec = world.sh("trap 'times; exit' TERM; while :; do :; done");
    spec.limits.cpu_percent = Some(10);
    spec.limits.wall = Duration::from_secs(2);
    let ran = world.run(spec).await;
    assert_eq!(ran.exit.ended, Ended::TimedOut);
    if world.sandbox.walls().cpu == Enforcement::None {
        return;
    }
    // The shell's own time comes first, as `0m0.204s`; without the limit it would be near 2 s.
    let spent =
        ran.text().split_whitespace().next().and_then(|time| time.strip_prefix("0m")?.strip_suffix('s')?.parse().ok());
    let spent: f64 = spent.unwrap_or_else(|| panic!("{}", ran.text()));
    assert!(spent < 1.0, "{spent} s");
}

pub async fn a_file_over_its_size_ends_the_writer(world: &World) {
    let mut spec = world.spec("dd", &["if=/dev/zero", "of=big", "bs=1048576", "count=5"]);
    spec.limits.file_mib = Some(2);
    let exit = world.run(spec).await.exit;
    // A BusyBox may take it for a failed write.
    let allowed = [ExitStatus::Signal(nix::libc::SIGXFSZ), ExitStatus::Code(1)];
    assert!(allowed.contains(&exit.status), "{exit:?}");
    assert!(world.backend() == Backend::Container || exit.status == allowed[0], "{exit:?}");
    assert_eq!(std::fs::metadata(world.tree().join("big")).unwrap().len(), 2 * 1024 * 1024);
}
