//! The shipped program, as a user starts it.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Client;
use tokio::process::{Child, Command};

use crate::machine::Memory;
use crate::world::Folder;

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// How long a refused connection is left alone; the start is measured no finer.
const PAUSE: Duration = Duration::from_millis(1);

/// `opsmith serve` on a free port of loopback.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// From the start of the program until it answered that it is ready.
    pub ready_after: Duration,
    /// Where it listens.
    pub url: String,
    /// A client that keeps its connection.
    pub client: Client,
}

/// The release build beside this program.
fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("opsmith");
    ensure!(program.is_file(), "there is no `opsmith` beside `bench`: cargo build --release -p opsmith");
    Ok(program)
}

impl Server {
    /// Starts the program on the folder's data and waits until it is ready.
    pub async fn start(folder: &Folder) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log = folder.path().join("server.log");
        let mut command = Command::new(program()?);
        command.args(["serve", "--address", &address, "--config"]).arg(folder.config());
        command.env_clear().env("HOME", folder.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?).kill_on_drop(true);
        let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
        let begun = Instant::now();
        let child = command.spawn().context("failed to start `opsmith serve`")?;
        let url = format!("http://{address}");
        let mut server = Self { child, ready_after: Duration::ZERO, url, client };
        while !server.is_ready().await {
            if let Some(status) = server.child.try_wait()? {
                bail!("`opsmith serve` ended with {status}: {}", std::fs::read_to_string(&log)?.trim());
            }
            ensure!(begun.elapsed() < START_LIMIT, "`opsmith serve` was not ready within {} s", START_LIMIT.as_secs());
            tokio::time::sleep(PAUSE).await;
        }
        server.ready_after = begun.elapsed();
        Ok(server)
    }

    async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/health/ready", self.url)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// Its memory.
    pub fn memory(&self) -> Result<Memory> {
        Memory::of(self.child.id().context("`opsmith serve` has ended")?)
    }

    /// Stops it as Ctrl-C would, which also ends what it started.
    pub async fn stop(mut self) -> Result<()> {
        let pid = self.child.id().context("`opsmith serve` has ended by itself")?;
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
        let ended = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
        ended.context("`opsmith serve` did not stop in time")??;
        Ok(())
    }
}
