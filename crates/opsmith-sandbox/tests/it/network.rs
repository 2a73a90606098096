use opsmith_sandbox::{Access, Backend, CommandSpec, Destination, Enforcement, ExitStatus, Network, SandboxError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::fixture::start;
use crate::world::World;

/// A server of this machine that greets whoever comes.
struct Server {
    port: u16,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request).await;
                    let text = String::from_utf8_lossy(&request);
                    let first = text.lines().next().unwrap_or_default();
                    let body = format!("hello {first}");
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { port, _task: AbortOnDropHandle::new(task) }
    }

    fn destination(&self) -> Destination {
        format!("127.0.0.1:{}", self.port).parse().unwrap()
    }
}

/// Sends lines to a port of the loopback and prints the answer.
fn send(world: &World, port: u16, lines: &str) -> CommandSpec {
    match world.backend() {
        Backend::Container => world.sh(&format!("printf '{lines}' | nc -w 5 127.0.0.1 {port}")),
        Backend::Local | Backend::Bubblewrap => {
            let script = format!("exec 3<> /dev/tcp/127.0.0.1/{port} && printf '{lines}' >&3 && timeout 5 cat <&3");
            world.spec("bash", &["-c", &script])
        }
    }
}

fn with(network: Network) -> Access {
    Access { network, ..Access::default() }
}

pub async fn off_is_off(world: &World) {
    let server = Server::start().await;
    let ask = || send(world, server.port, "GET /x HTTP/1.0\\r\\n\\r\\n");
    let on = world.run_with(with(Network::On), ask()).await;
    assert!(on.text().contains("hello GET /x"), "{} {}", on.text(), on.errors());
    let off = world.run_with(with(Network::Off), ask()).await;
    assert_eq!(off.text().contains("hello"), world.sandbox.walls().network_off == Enforcement::None);
}

pub async fn only_what_is_listed_is_reached(world: &World) {
    let (listed, other) = (Server::start().await, Server::start().await);
    let network = Network::Listed(vec![listed.destination()]);
    match world.sandbox.walls().network_listed {
        Enforcement::None if world.backend() == Backend::Container => {
            let sandbox = world.sandbox.with_access(with(network));
            let error = start(&sandbox, world.sh("true")).exit.await.unwrap().unwrap_err();
            assert!(matches!(error, SandboxError::Unsupported { .. }), "{error:?}");
            return;
        }
        Enforcement::None => {
            let ran = world.run_with(with(network), send(world, other.port, "GET / HTTP/1.0\\r\\n\\r\\n")).await;
            assert!(ran.text().contains("hello"));
            return;
        }
        Enforcement::Full | Enforcement::Partial => {}
    }
    // Past the proxy there is no way.
    for port in [listed.port, other.port] {
        let ran = world.run_with(with(network.clone()), send(world, port, "GET / HTTP/1.0\\r\\n\\r\\n")).await;
        assert!(!ran.text().contains("hello") && ran.exit.status != ExitStatus::Code(0), "{}", ran.text());
    }
    let variables = world.run_with(with(network.clone()), world.sh("echo $HTTP_PROXY $https_proxy")).await;
    let proxy = "http://127.0.0.1:3128";
    assert_eq!(variables.text(), format!("{proxy} {proxy}\n"));

    let through = async |lines: &str| {
        let ran = world.run_with(with(network.clone()), send(world, 3128, lines)).await;
        ran.text().to_owned()
    };
    let tunnel = |port| format!("CONNECT 127.0.0.1:{port} HTTP/1.1\\r\\nHost: any\\r\\n\\r\\n");
    let inside = through(&format!("{}GET /in HTTP/1.0\\r\\n\\r\\n", tunnel(listed.port))).await;
    assert!(inside.starts_with("HTTP/1.1 200") && inside.contains("hello GET /in"), "{inside}");
    let refused = through(&tunnel(other.port)).await;
    assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
    assert!(refused.contains(&format!("opsmith: `127.0.0.1:{}` is not on the list", other.port)), "{refused}");

    let plain =
        |port| format!("GET http://127.0.0.1:{port}/p?q HTTP/1.1\\r\\nHost: evil\\r\\nConnection: close\\r\\n\\r\\n");
    let forwarded = through(&plain(listed.port)).await;
    assert!(forwarded.contains("hello GET /p?q HTTP/1.1"), "{forwarded}");
    assert!(through(&plain(other.port)).await.starts_with("HTTP/1.1 403"));
    for odd in ["GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", "CONNECT 127.0.0.1 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"] {
        assert!(through(odd).await.starts_with("HTTP/1.1 400"), "{odd}");
    }
}
