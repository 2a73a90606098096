use std::collections::BTreeMap;
use std::fs;

use opsmith_sandbox::{Access, Backend, Enforcement, ExitStatus, Network};

use crate::world::World;

pub async fn of_the_hosts_environment_only_the_list_passes(world: &World) {
    let mut spec = world.spec("env", &[]);
    spec.env.insert("ADDED".into(), "x=y".into());
    let marker = spec.marker.to_string();
    let ran = world.run(spec).await;
    let mut seen: BTreeMap<&str, &str> = ran.text().lines().map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!((seen.remove("ADDED"), seen.remove("OPSMITH_SANDBOX")), (Some("x=y"), Some(marker.as_str())));
    let own = world.at("data/work/a/private");
    assert_eq!(seen.remove("HOME").map(str::to_owned), Some(own.join("home").display().to_string()));
    assert_eq!(seen.remove("TMPDIR").map(str::to_owned), Some(own.join("tmp").display().to_string()));
    // What bwrap and the daemon add says nothing of the host; an image has a `PATH` and a language of its own.
    let others: &[&str] = match world.backend() {
        Backend::Local => &["LANG", "PATH"],
        Backend::Bubblewrap => &["LANG", "PATH", "PWD"],
        Backend::Container => &["HOSTNAME", "PATH"],
    };
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), others);
}

pub async fn its_own_folders_are_writable(world: &World) {
    world
        .says("echo 1 > file; mkdir folder; echo 2 > $HOME/file; echo 3 > $TMPDIR/file; echo 4 > /tmp/opsmith-test")
        .await;
    for (path, text) in [("tree/file", "1\n"), ("private/home/file", "2\n"), ("private/tmp/file", "3\n")] {
        assert_eq!(fs::read_to_string(world.at("data/work/a").join(path)).unwrap(), text);
    }
    let own_tmp = !fs::exists("/tmp/opsmith-test").unwrap();
    let _ = fs::remove_file("/tmp/opsmith-test");
    assert_eq!(own_tmp, world.sandbox.walls().files_written == Enforcement::Full);
}

pub async fn what_is_listed_is_as_listed(world: &World) {
    let (shown, changed) = (world.at("shown"), world.at("data/changed"));
    for folder in [&shown, &changed] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("file"), "before\n").unwrap();
    }
    let access = Access {
        readable: vec![shown.clone(), world.at("nowhere")],
        writable: vec![changed.clone(), world.at("nowhere")],
        network: Network::Off,
    };
    let script = format!(
        "cat {shown}/file {changed}/file; echo after > {changed}/file; echo after > {shown}/file",
        shown = shown.display(),
        changed = changed.display(),
    );
    let ran = world.run_with(access, world.sh(&script)).await;
    assert_eq!(ran.text(), "before\nbefore\n");
    assert_eq!(fs::read_to_string(changed.join("file")).unwrap(), "after\n");
    let kept = fs::read_to_string(shown.join("file")).unwrap() == "before\n";
    assert_eq!(kept, world.sandbox.walls().files_written == Enforcement::Full);
    assert_eq!(kept, ran.exit.status != ExitStatus::Code(0));
}

/// Runs `attempt` for a path of the world; whether it succeeded.
async fn succeeds(world: &World, attempt: &str, path: &str) -> bool {
    let script = attempt.replace("PATH", &world.at(path).display().to_string());
    let ran = world.run(world.sh(&script)).await;
    ran.exit.status == ExitStatus::Code(0)
}

pub async fn nothing_else_is_read(world: &World) {
    let open = world.sandbox.walls().files_read == Enforcement::None;
    for secret in ["home/.token", "data/opsmith.db", "data/work/b/tree/other", "data/work/a/control.git/HEAD"] {
        assert_eq!(succeeds(world, "grep -q . PATH", secret).await, open, "{secret}");
    }
    // A link of the command's own leads no further.
    assert_eq!(succeeds(world, "rm -f link; ln -s PATH link; cat link", "data/opsmith.db").await, open);
    if nix::unistd::Uid::effective().is_root() && fs::exists("/etc/shadow").unwrap() {
        assert_eq!(world.run(world.sh("cat /etc/shadow")).await.exit.status == ExitStatus::Code(0), open);
    }
}

pub async fn nothing_else_is_written(world: &World) {
    let open = world.sandbox.walls().files_written == Enforcement::None;
    for target in ["home/.profile", "data/opsmith.db", "data/work/b/tree/other", "data/work/a/control.git/HEAD"] {
        let before = fs::read(world.at(target)).ok();
        // Where the folder does not show, one of that name may be made in the command's own memory.
        succeeds(world, "echo changed >> PATH || (mkdir -p $(dirname PATH); echo changed >> PATH)", target).await;
        assert_eq!(fs::read(world.at(target)).ok() != before, open, "{target}");
    }
    if !open {
        for system in ["/usr/opsmith-test", "/etc/opsmith-test", "/bin/opsmith-test", "/opsmith-test"] {
            let ran = world.run(world.sh(&format!("echo changed > {system}"))).await;
            assert_ne!(ran.exit.status, ExitStatus::Code(0), "{system}");
            assert!(!fs::exists(system).unwrap());
        }
    }
}

/// The kernel asks who writes there, and not what rights are left to them; the same value does no harm.
pub async fn the_kernels_settings_are_not_written(world: &World) {
    if world.sandbox.walls().files_written == Enforcement::None {
        return;
    }
    for setting in ["kernel/core_pattern", "vm/overcommit_ratio", "kernel/hostname"] {
        let file = format!("/proc/sys/{setting}");
        let ran = world.run(world.sh(&format!("value=$(cat {file}); echo \"$value\" > {file}"))).await;
        assert_ne!(ran.exit.status, ExitStatus::Code(0), "{setting}");
    }
}

/// This process has variables of Cargo's, which stand for the credentials that opsmith has.
pub async fn the_environment_of_others_is_not_read(world: &World) {
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
    let script = "cat /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n' | grep -q '^CARGO_PKG_NAME='";
    let ran = world.run(world.sh(script)).await;
    assert_eq!(ran.exit.status == ExitStatus::Code(0), world.sandbox.walls().files_read == Enforcement::None);
}

pub async fn root_has_no_special_rights(world: &World) {
    if world.sandbox.walls().privileges == Enforcement::None {
        return;
    }
    let status = world.says("cat /proc/self/status").await;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((field("CapEff:"), field("NoNewPrivs:")), ("0000000000000000".to_owned(), "1".to_owned()));
    let remount = world.run(world.sh("mount -o remount,rw /; mount -t tmpfs none /usr")).await;
    assert_ne!(remount.exit.status, ExitStatus::Code(0));
}
