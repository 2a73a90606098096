//! Walls that are asked for.

use ampx::task::TaskStatus;
use opsmith_host::process::Process;
use opsmith_model::{ErrorKind, Hint as _};
use testkit::docker::{Daemon, IMAGE};
use testkit::repo::TestRepo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::super::{Setup, WRONG_SUM, World, config, folder};
use super::{backend, has_bubblewrap};
use crate::CATALOGUE;

/// A world whose agent and check say that they ran.
fn setup(sandbox: &str, of_agent: &str, of_check: &str) -> Setup {
    let mut setup = Setup::shell("echo ran the agent; echo 'echo 4' > sum.sh");
    setup.agent.push_str(of_agent);
    setup.ci = "echo ran the check; sh test.sh".to_owned();
    Setup { ci_keys: of_check.to_owned(), more: sandbox.to_owned(), ..setup }
}

/// Ends in an error that names the setting and what to do, with nothing run.
async fn is_refused(setup: Setup, key: &str, next: &str) {
    let world = World::new(setup).await;
    let detail = world.done("Anything").await;
    let (task, log) = (&detail.task, world.log(detail.task.id).await);
    assert_eq!(task.status, TaskStatus::Error, "{}", task.summary);
    for words in [key, next, "= \"on\"`"] {
        assert!(task.summary.contains(words), "`{words}` is not in {}", task.summary);
    }
    assert!(!log.contains("ran the"), "{log}");
    assert_eq!(detail.attempts.len(), 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_that_cannot_be_put_up_stops_the_task_before_anything_runs() {
    let local = backend("local");
    for network in ["network = \"off\"\n", "network = [\"api.example.com:443\"]\n"] {
        is_refused(setup(&local, network, ""), "`ampx.agents.it.network`", "install bubblewrap").await;
        is_refused(setup(&local, "", network), "`ampx.ci.network`", "install bubblewrap").await;
    }
    let Ok(daemon) = Daemon::start() else { return println!("skipped: no daemon") };
    let socket = daemon.socket().display().to_string();
    let container = format!("{}image = {IMAGE:?}\nsocket = {socket:?}\n", backend("container"));
    let listed = setup(&container, "", "network = [\"api.example.com:443\"]\n");
    is_refused(listed, "`ampx.ci.network`", "sandbox.backend = \"bubblewrap\"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_does_not_work_stops_the_worker_and_says_what_to_do() {
    let folder = folder();
    let missing = format!("{}image = \"any\"\nsocket = \"/nowhere/docker.sock\"\n", backend("container"));
    let config = config(folder.path(), &setup(&missing, "", ""));
    let process = Process::open(&CATALOGUE, &config).await.unwrap();
    let ampx = ampx::open(&process, &config).unwrap();
    // Who only reads does not need it.
    assert_eq!(
        ampx.list(&ampx::db::TaskFilter::default(), opsmith_store::Page { limit: 1, offset: 0 }).await.unwrap().1,
        0
    );
    let error = ampx::start_worker(&ampx, &process, Some("test"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no daemon answers at `/nowhere/docker.sock`"), "{error}");
    assert!(error.hint().unwrap().contains("start the Docker daemon"));
}

/// A server that greets whoever comes.
async fn greeter(word: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{word}\n").as_bytes()).await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_listed_is_reached() {
    if !has_bubblewrap().await {
        return;
    }
    let (listed, other) = (greeter("from the listed").await, greeter("from the other").await);
    let ask = |port: u16| {
        let proxy = "${HTTP_PROXY#http://}; exec 3<> /dev/tcp/${p%:*}/${p#*:}";
        format!(
            "p={proxy}; printf 'GET http://127.0.0.1:{port}/ HTTP/1.0\\r\\n\\r\\n' >&3; timeout 5 cat <&3; exec 3>&-; "
        )
    };
    let direct = format!("(exec 3<> /dev/tcp/127.0.0.1/{other}) 2>/dev/null && echo reached directly; ");
    let script = format!("{}{}{direct}", ask(listed), ask(other));
    let network = format!("network = [\"127.0.0.1:{listed}\"]\n");
    let mut setup = Setup::shell("bash ask.sh; echo 'echo 4' > sum.sh");
    setup.agent.push_str(&network);
    setup.ci = "bash ask.sh; sh test.sh".to_owned();
    let setup = Setup { ci_keys: network, more: backend("bubblewrap"), ..setup };
    let files = [WRONG_SUM, &[("ask.sh", &script)]].concat();
    let world = World::with(folder(), TestRepo::new(), &files, setup).await;
    let detail = world.done("Reach out").await;
    let log = world.log(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    assert_eq!(log.matches("from the listed").count(), 2, "{log}");
    assert!(!log.contains("from the other") && !log.contains("reached directly"), "{log}");
    let walls = detail.attempts[0].agent_walls.as_ref().unwrap();
    assert_eq!((walls.network.as_str(), &walls.destinations), ("listed", &vec![format!("127.0.0.1:{listed}")]));
    world.stop().await;
}
