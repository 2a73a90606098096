//! Processes that would outlive their command, in every way that a shell can start them.

use std::process::{Command, Stdio};
use std::time::Instant;

use opsmith_sandbox::{Backend, ContainerSettings, Ended, ExitStatus, Marker, Preference, Sandbox, Setup};
use testkit::docker::{Daemon, IMAGE};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fixture::{HANGS, Lifeline, fresh_marker, start};
use crate::world::{World, docker};

/// A child, a session of its own, and an orphan of a session of its own that heeds no signal; all hold the lifeline.
const BROOD: &str = "exec 9> lifeline; sleep 100 & setsid sleep 100 & \
                     (setsid sh -c 'trap \"\" TERM HUP INT; sleep 100; sleep 100' &) ; ";

fn lifeline(world: &World) -> Lifeline {
    let path = world.tree().join("lifeline");
    let _ = std::fs::remove_file(&path);
    Lifeline::at(&path)
}

pub async fn of_a_normal_exit(world: &World) {
    let lifeline = lifeline(world);
    let ran = world.run(world.sh(&format!("{BROOD} exit 6"))).await;
    assert_eq!((ran.exit.status, ran.exit.ended), (ExitStatus::Code(6), Ended::Exited), "{}", ran.errors());
    lifeline.ended().await;
}

pub async fn of_a_cancelled_command(world: &World) {
    let lifeline = lifeline(world);
    let spec = world.sh(&format!("{BROOD} trap '' TERM; echo ready; while :; do sleep 1; done"));
    let mut running = start(&world.sandbox, spec);
    running.until("ready").await;
    let asked = Instant::now();
    running.cancel.cancel();
    assert_eq!(running.end().await.exit.ended, Ended::Cancelled);
    // A daemon takes its own time to remove a container.
    let most_s = if world.backend() == Backend::Container { 10 } else { 2 };
    assert!(asked.elapsed().as_secs() < most_s, "{:?}", asked.elapsed());
    lifeline.ended().await;
}

pub async fn of_a_dropped_run(world: &World) {
    let lifeline = lifeline(world);
    let mut running = start(&world.sandbox, world.sh(&format!("{BROOD} echo ready; wait")));
    running.until("ready").await;
    running.exit.abort();
    lifeline.ended().await;
}

/// Starts a process that runs `script` in a sandbox like the world's, and kills it once the script has said `ready`.
async fn run_and_kill_opsmith(world: &World, script: &str, marker: &Marker, owner: &str) {
    let ready = world.at("ready");
    let _ = std::fs::remove_file(&ready);
    nix::unistd::mkfifo(&ready, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let socket = world.setup.container.as_ref().map(|settings| settings.socket.clone()).unwrap_or_default();
    let mut opsmith = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "survivors::opsmith_to_be_killed", "--ignored"])
        .env("TEST_BACKEND", world.backend().to_string())
        .env("TEST_SCRIPT", script)
        .env("TEST_TREE", world.tree())
        .env("TEST_MARKER", marker.as_str())
        .env("TEST_READY", &ready)
        .env("TEST_SOCKET", socket)
        .env("TEST_OWNER", owner)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let said = tokio::task::spawn_blocking(move || std::fs::read_to_string(ready));
    assert_eq!(tokio::time::timeout(HANGS, said).await.unwrap().unwrap().unwrap(), "ready\n");
    opsmith.kill().unwrap();
    opsmith.wait().unwrap();
}

/// The second process of the stories: runs a command until it is killed itself.
#[tokio::test]
#[ignore = "started by the stories of a killed opsmith"]
async fn opsmith_to_be_killed() {
    let var = |name: &str| std::env::var(name).unwrap();
    let container = (!var("TEST_SOCKET").is_empty()).then(|| ContainerSettings {
        socket: var("TEST_SOCKET").into(),
        image: IMAGE.to_owned(),
        network: "host".to_owned(),
        owner: var("TEST_OWNER"),
    });
    let setup = Setup { host_env: std::env::vars_os().collect(), hidden: Vec::new(), container };
    let preference: Preference = var("TEST_BACKEND").parse().unwrap();
    let sandbox = Sandbox::choose(preference, setup).await.unwrap();
    let spec = opsmith_sandbox::CommandSpec {
        program: "sh".into(),
        args: vec!["-c".into(), var("TEST_SCRIPT").into()],
        cwd: var("TEST_TREE").into(),
        env: Default::default(),
        stdin: Vec::new(),
        limits: Default::default(),
        marker: var("TEST_MARKER").parse().unwrap(),
    };
    let (sender, mut receiver) = mpsc::channel(1);
    let ready = async {
        receiver.recv().await.unwrap();
        std::fs::write(var("TEST_READY"), "ready\n").unwrap();
        std::future::pending::<()>().await;
    };
    let cancel = CancellationToken::new();
    tokio::select! { ended = sandbox.run(spec, sender, &cancel) => panic!("{ended:?}"), () = ready => {} }
}

pub async fn of_a_killed_opsmith(world: &World) {
    let (lifeline, marker) = (lifeline(world), fresh_marker());
    run_and_kill_opsmith(world, &format!("{BROOD} echo ready; wait"), &marker, "test").await;
    if world.backend() == Backend::Bubblewrap {
        // Without anybody's help.
        lifeline.ended().await;
        world.sandbox.reap(&marker).await.unwrap();
    } else {
        assert!(world.sandbox.reap(&marker).await.unwrap() > 0);
        lifeline.ended().await;
    }
    assert_eq!(world.sandbox.reap(&marker).await.unwrap(), 0);
}

pub async fn sweep_removes_what_this_owner_left(world: &World, daemon: &Daemon) {
    for owner in ["test", "somebody-else"] {
        run_and_kill_opsmith(world, "echo ready; sleep 100", &fresh_marker(), owner).await;
    }
    assert_eq!(daemon.containers(), 2);
    assert_eq!(world.sandbox.sweep().await.unwrap(), 1);
    assert_eq!(daemon.containers(), 1);
    let theirs = Setup { container: Some(docker(daemon, "somebody-else")), ..world.setup.clone() };
    let theirs = Sandbox::choose(Preference::Container, theirs).await.unwrap();
    assert_eq!(theirs.sweep().await.unwrap(), 1);
    assert_eq!(daemon.containers(), 0);
}
