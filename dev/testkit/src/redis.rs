use std::net::TcpListener;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A Redis of a test's own with a password, on a port that it chose; gone when dropped.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    _server: Child,
    _folder: TempDir,
}

impl Redis {
    /// `None`, with the reason printed, where it is not installed.
    #[allow(clippy::print_stdout, reason = "a skipped test says why in its output")]
    pub async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--requirepass", "hunter2"]);
        let started = command.current_dir(&folder).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let Ok(mut server) = started else {
            println!("skipped on Redis: no `redis-server` is installed (Debian: apt-get install redis-server)");
            return None;
        };
        let mut lines = BufReader::new(server.stdout.take().expect("a pipe")).lines();
        while let Some(line) = lines.next_line().await.expect("its output") {
            if line.contains("Ready to accept connections") {
                // It must not stop at a full pipe.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Some(Self { port, _server: server, _folder: folder });
            }
        }
        panic!("Redis ended at once");
    }

    /// Its address, password and all.
    pub fn url(&self) -> String {
        format!("redis://:hunter2@127.0.0.1:{}/0", self.port)
    }
}
