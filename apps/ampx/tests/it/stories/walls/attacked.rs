use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ampx::task::{TaskDetail, TaskStatus};
use ampx::walls::CommandWalls;
use nix::sys::stat::Mode;
use tempfile::TempDir;
use testkit::docker::{Daemon, IMAGE};
use testkit::repo::TestRepo;
use testkit::tool::tool;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio_util::task::AbortOnDropHandle;

use super::super::{Setup, WRONG_SUM, World};
use super::{backend, has_bubblewrap};

const ATTACK: &str = include_str!("attack.sh");

/// All that the attack can get.
const ALL: [&str; 12] = [
    "cache",
    "cache-objects",
    "configuration",
    "control",
    "control-objects",
    "database",
    "environment",
    "home",
    "link",
    "network",
    "other",
    "token",
];

const WORKFLOW: &str = "on: [push, pull_request]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
    - uses: actions/checkout@v4
    - run: sh attack.sh workflow && sh test.sh
";

/// Two pipes that the attackers' daemons hold as long as they live, outside of what is walled in.
struct Outside {
    folder: PathBuf,
    lives: Vec<(&'static str, pipe::Receiver)>,
}

impl Outside {
    fn at(folder: PathBuf, attackers: [&'static str; 2]) -> Self {
        fs::create_dir_all(&folder).unwrap();
        let life = |name: &'static str| {
            let path = folder.join(format!("life-{name}"));
            nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
            (name, pipe::OpenOptions::new().open_receiver(path).unwrap())
        };
        Self { lives: attackers.map(life).into(), folder }
    }

    /// Each daemon had begun, and is no more.
    async fn nobody_lives(self) {
        for (name, mut life) in self.lives {
            assert!(self.folder.join(format!("begun-{name}")).exists(), "{name} left no daemon");
            let mut said = String::new();
            let read = tokio::time::timeout(Duration::from_secs(20), life.read_to_string(&mut said)).await;
            read.unwrap_or_else(|_| panic!("the daemon of {name} still lives")).unwrap();
            assert_eq!(said, "lives\n", "{name}");
        }
    }
}

/// A machine with secrets.
struct Machine {
    folder: TempDir,
    /// In the user's own home.
    token: TempDir,
    outside: Outside,
    port: u16,
    _server: AbortOnDropHandle<()>,
}

impl Machine {
    async fn new(attackers: [&'static str; 2]) -> Self {
        // In the user's home, as a data folder is by default: below `/tmp`, a command's own memory could be mistaken for it.
        let home = PathBuf::from(std::env::var_os("HOME").unwrap());
        let in_home = || tempfile::Builder::new().prefix("opsmith-test-").tempdir_in(&home).unwrap();
        let (folder, token) = (in_home(), in_home());
        fs::write(token.path().join("token"), "secret\n").unwrap();
        let other = folder.path().join("data/work/other/tree");
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("file"), "secret\n").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"hello\n").await;
            }
        });
        let outside = Outside::at(folder.path().join("outside"), attackers);
        Self { folder, token, outside, port, _server: AbortOnDropHandle::new(server) }
    }

    fn attack(&self) -> String {
        let at = |path: &Path| path.display().to_string();
        let name = self.token.path().file_name().unwrap().to_string_lossy().into_owned();
        ATTACK
            .replace("@DATA@", &at(&self.folder.path().join("data")))
            .replace("@TOKEN@", &at(self.token.path()))
            .replace("@NAME@", &name)
            .replace("@HOME@", &at(self.token.path().parent().unwrap()))
            .replace("@CONFIG@", &at(&self.folder.path().join("opsmith.toml")))
            .replace("@OUTSIDE@", &at(&self.outside.folder))
            .replace("@PORT@", &self.port.to_string())
    }

    /// Has a task done by a hostile agent, behind the walls of `sandbox` and with that network, and checked by a hostile
    /// command, or by a hostile workflow where the program for it is given.
    async fn attacked(self, sandbox: &str, network: &str, act: Option<&Path>) -> Attacked {
        let attack = self.attack();
        let files = [WRONG_SUM, &[("attack.sh", &*attack), (".github/workflows/ci.yml", WORKFLOW)]].concat();
        let mut setup = Setup::shell("sh attack.sh agent; echo 'echo 4' > sum.sh");
        setup.agent.push_str(&format!("network = {network:?}\n"));
        setup.ci = if act.is_some() { String::new() } else { "sh attack.sh check && sh test.sh".to_owned() };
        setup.ci_keys = format!("network = {network:?}\n");
        setup.ci_keys.extend(act.map(|act| format!("act = {:?}\n", act.display().to_string())));
        setup.more = format!("{sandbox}writable = [{:?}]\n", self.outside.folder.display().to_string());
        let world = World::with(self.folder, TestRepo::new(), &files, setup).await;
        let detail = world.done("Attack").await;
        let log = world.log(detail.task.id).await;
        self.outside.nobody_lives().await;
        world.stop().await;
        Attacked { detail, log }
    }
}

struct Attacked {
    detail: TaskDetail,
    log: String,
}

impl Attacked {
    /// What the attacker of that name got.
    fn got(&self, name: &str) -> BTreeSet<&str> {
        assert!(self.log.contains(&format!("attacked by {name}")), "{name} did not come to its end:\n{}", self.log);
        let mine = format!(" by {name}");
        self.log.lines().filter_map(|line| line.split_once("GOT ")?.1.strip_suffix(&*mine)).collect()
    }

    fn got_nothing(&self, names: [&str; 2]) {
        let task = &self.detail.task;
        assert_eq!(task.status, TaskStatus::Success, "{}\n{}", task.summary, self.log);
        for name in names {
            assert_eq!(self.got(name), BTreeSet::new(), "{}", self.log);
        }
    }

    /// The walls around agent and check, which were the same.
    fn walls(&self) -> &CommandWalls {
        let attempt = &self.detail.attempts[0];
        assert_eq!(attempt.agent_walls, attempt.check_walls);
        attempt.agent_walls.as_ref().unwrap()
    }
}

fn are_told(walls: &[String], names: &[&str]) {
    for name in names {
        assert!(walls.iter().any(|wall| wall == name), "{name} is not in {walls:?}");
    }
}

const AROUND_ALL: [&str; 5] = ["files_read", "files_written", "network_off", "processes_end", "privileges"];

#[tokio::test(flavor = "multi_thread")]
async fn without_walls_all_is_got_and_that_is_told() {
    let attacked = Machine::new(["agent", "check"]).await.attacked(&backend("local"), "on", None).await;
    for name in ["agent", "check"] {
        assert_eq!(attacked.got(name), BTreeSet::from(ALL), "{}", attacked.log);
    }
    let walls = attacked.walls();
    assert_eq!((walls.backend.as_str(), walls.network.as_str()), ("local", "on"));
    are_told(&walls.none, &["files_read", "files_written", "network_off", "network_listed", "privileges"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_bubblewrap_nothing_is_got() {
    if !has_bubblewrap().await {
        return;
    }
    let attacked = Machine::new(["agent", "check"]).await.attacked(&backend("bubblewrap"), "off", None).await;
    attacked.got_nothing(["agent", "check"]);
    let walls = attacked.walls();
    assert_eq!((walls.backend.as_str(), walls.network.as_str()), ("bubblewrap", "off"));
    are_told(&walls.full, &AROUND_ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_container_nothing_is_got() {
    let daemon = match Daemon::start() {
        Ok(daemon) => daemon,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let (sandbox, socket) = (backend("container"), daemon.socket().display().to_string());
    let sandbox = format!("{sandbox}image = {IMAGE:?}\nsocket = {socket:?}\ncontainer_network = \"host\"\n");
    let attacked = Machine::new(["agent", "check"]).await.attacked(&sandbox, "off", None).await;
    attacked.got_nothing(["agent", "check"]);
    let walls = attacked.walls();
    assert_eq!((walls.backend.as_str(), walls.network.as_str()), ("container", "off"));
    are_told(&walls.full, &AROUND_ALL);
    // The same network as this machine's: the listener could be reached.
    let attacked = Machine::new(["agent", "check"]).await.attacked(&sandbox, "on", None).await;
    assert_eq!(attacked.got("agent"), BTreeSet::from(["network"]), "{}", attacked.log);
    assert_eq!(daemon.containers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_behind_bubblewrap_gets_nothing_either() {
    let Some(act) = tool("act") else { return };
    let attacked = Machine::new(["agent", "workflow"]).await.attacked(&backend("local"), "on", Some(&act)).await;
    assert_eq!(attacked.got("workflow"), BTreeSet::from(ALL), "{}", attacked.log);
    if !has_bubblewrap().await {
        return;
    }
    let attacked = Machine::new(["agent", "workflow"]).await.attacked(&backend("bubblewrap"), "off", Some(&act)).await;
    attacked.got_nothing(["agent", "workflow"]);
    are_told(&attacked.walls().full, &AROUND_ALL);
}
