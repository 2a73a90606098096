use opsmith_sandbox::{Ended, ExitStatus};

use crate::fixture::{Place, marked};

#[tokio::test]
async fn a_command_over_its_memory_is_killed() {
    let place = Place::new();
    // `tail` keeps a line without an end in memory.
    let mut spec = place.sh("(head -c 400000000 /dev/zero; sleep 100) | tail -n 1");
    spec.limits.memory_mib = Some(100);
    let marker = spec.marker.clone();
    let exit = place.run(spec).await.exit;
    assert_eq!((exit.status, exit.ended), (ExitStatus::Signal(9), Ended::MemoryExceeded));
    assert_eq!(marked(&marker), Vec::<i32>::new());
}

#[tokio::test]
async fn memory_is_that_of_all_processes_together() {
    let place = Place::new();
    let one = "(head -c 60000000 /dev/zero; sleep 100) | tail -n 1";
    let mut spec = place.sh(&format!("({one}) & (setsid sh -c '{one}') & wait"));
    spec.limits.memory_mib = Some(100);
    assert_eq!(place.run(spec).await.exit.ended, Ended::MemoryExceeded);
}

#[tokio::test]
async fn memory_that_processes_share_counts_once() {
    let place = Place::new();
    // Four forks of one that holds 60 MB; each says when it has lived through several looks at it.
    let shared = "my $held = 'x' x 60000000; for (1..4) { next if fork; select undef, undef, undef, 0.7; exit 0 } \
                  wait for 1..4; print qq(done\\n);";
    let mut spec = place.spec("perl", &["-e", shared]);
    spec.limits.memory_mib = Some(180);
    let ran = place.run(spec).await;
    assert_eq!((ran.exit.ended, ran.text()), (Ended::Exited, "done\n"));
}

#[tokio::test]
async fn a_file_over_its_size_ends_the_writer() {
    let place = Place::new();
    let mut spec = place.spec("dd", &["if=/dev/zero", "of=big", "bs=1M", "count=5"]);
    spec.limits.file_mib = Some(2);
    let exit = place.run(spec).await.exit;
    assert_eq!((exit.status, exit.ended), (ExitStatus::Signal(nix::libc::SIGXFSZ), Ended::Exited));
    assert_eq!(std::fs::metadata(place.path().join("big")).unwrap().len(), 2 * 1024 * 1024);
}

#[tokio::test]
async fn the_kernels_limits_are_those_asked_for() {
    let place = Place::new();
    let mut spec = place.spec("cat", &["/proc/self/limits"]);
    spec.limits.file_mib = None;
    spec.limits.processes = Some(77);
    let ran = place.run(spec).await;
    let limit = |name: &str| {
        let line = ran.text().lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    // A control group counts the command's processes; where there is none, the kernel counts the user's.
    let counted_by_group = place
        .sandbox
        .capabilities()
        .iter()
        .any(|row| row.name == "process_count" && row.detail.contains("control group of the command's own"));
    assert_eq!(limit("Max processes") == ["77", "77"], !counted_by_group);
    assert_eq!(limit("Max file size")[0], "unlimited");
}
