//! The real binary in a folder of its own, with nothing of this machine's environment but `PATH`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a configuration and a data folder; gone when dropped.
pub struct Desk {
    folder: TempDir,
    /// An address of this desk alone, where nobody listens until something is started.
    address: String,
    settings: Vec<(String, String)>,
}

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// Fails unless it ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// All of stdout as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl Desk {
    pub fn new() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self { folder: tempfile::tempdir().unwrap(), address: free.to_string(), settings: Vec::new() }
    }

    /// A desk whose configuration file has this text.
    pub fn with_config(text: &str) -> Self {
        let desk = Self::new();
        std::fs::write(desk.path("opsmith.toml"), text).unwrap();
        desk
    }

    /// Sets one variable for every command.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.path("data")
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// Writes a file of this desk.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_opsmith"));
        command
            .args(words)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("USER", "ada")
            .env("OPSMITH_DATA_DIR", self.data_dir())
            .env("SERVER_ADDRESS", &self.address)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, words: &[&str]) -> Done {
        done(self.command(words).spawn().unwrap())
    }

    /// Starts a server on this desk's address and waits until it listens.
    pub fn serve(&self) -> Server {
        let mut child = self.command(&["serve"]).stdout(Stdio::null()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let said = read_until(&mut stderr, "listening on http://");
        // Read on, or a full pipe would stop the server.
        let log = std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Server { child: Some(child), said, _log: log }
    }
}

/// Reads lines up to the one that has `word`; all of them. Fails where there is none.
#[track_caller]
pub fn read_until(stderr: &mut BufReader<ChildStderr>, word: &str) -> String {
    let mut said = String::new();
    loop {
        let begin = said.len();
        let read = stderr.read_line(&mut said).unwrap();
        assert!(read > 0, "no `{word}` in: {said}");
        if said[begin..].contains(word) {
            return said;
        }
    }
}

/// Waits for the end of a command.
pub fn done(child: Child) -> Done {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Sends a signal to a process of ours.
pub fn signal(pid: u32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

/// A running `opsmith serve`; killed when dropped.
pub struct Server {
    child: Option<Child>,
    /// What it said until it listened.
    pub said: String,
    _log: std::thread::JoinHandle<std::io::Result<u64>>,
}

impl Server {
    /// Ends it in good order; its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let mut child = self.child.take().unwrap();
        signal(child.id(), nix::sys::signal::Signal::SIGTERM);
        child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A configuration with a script agent that plays `edits`, and a CI command.
pub fn scripted(edits: &Path, ci: &str) -> String {
    format!(
        "[ampx]\nretry_delay_s = 0\n[ampx.agents.recorded]\nkind = \"script\"\nscript = {:?}\n\
         [ampx.ci]\nprovider = \"command\"\ncommand = {ci:?}\n",
        edits.display().to_string()
    )
}
