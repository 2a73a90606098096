//! An opsmith that goes on until a test ends it.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Longest that anything here may take.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Sends a signal to a process of ours.
pub fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// `opsmith serve` or `opsmith worker`, and what it has said so far. Dropped, it is killed.
pub struct Process {
    child: Child,
    /// The word that it said of itself: the server's address, the worker's id.
    name: String,
    said: Arc<Mutex<String>>,
}

impl Process {
    /// Starts a server and waits until it listens; its name is its address.
    pub fn serve(command: Command) -> Self {
        Self::spawn(command, "listening on ")
    }

    /// Starts a worker and waits until it works; its name is its id.
    pub fn work(command: Command) -> Self {
        Self::spawn(command, "worker ")
    }

    fn spawn(mut command: Command, before_name: &'static str) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, receive) = mpsc::channel();
        let said = Arc::new(Mutex::new(String::new()));
        let (lines, heard) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&said));
        // It reads on to the end, or a full pipe would stop the process.
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                {
                    let mut heard = heard.lock().unwrap();
                    heard.push_str(&line);
                    heard.push('\n');
                }
                if let Some((_, rest)) = line.split_once(before_name) {
                    let _ = send.send(rest.split_whitespace().next().unwrap_or_default().to_owned());
                }
            }
        });
        let name = receive.recv_timeout(PATIENCE);
        let name = name.unwrap_or_else(|_| panic!("it never said `{before_name}`: {}", said.lock().unwrap()));
        Self { child, name, said }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub fn signal(&self, number: Signal) {
        signal(self.child.id(), number);
    }

    /// Ends it in good order; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.child.wait().unwrap().code()
    }

    /// Waits until it is dead.
    pub async fn died(&mut self, point: &str) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it never died at {point}: {}", self.said());
            tokio::task::yield_now().await;
            std::thread::yield_now();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a program that is measured writes what ran in it; nothing where nobody measures.
pub(crate) fn measured() -> Option<(&'static str, OsString)> {
    const NAME: &str = "LLVM_PROFILE_FILE";
    Some((NAME, std::env::var_os(NAME)?))
}
