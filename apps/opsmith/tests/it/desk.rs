//! The real binary in a folder of its own, with nothing of this machine's environment but `PATH`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use testkit::repo::TestRepo;

use crate::process::{PATIENCE, Process, measured, signal};

const OPSMITH: &str = env!("CARGO_BIN_EXE_opsmith");

/// What mends a [`broken_repository`].
pub const RIGHT_EDIT: &str = "[[attempt]]\nsay = \"mended\"\n[[attempt.edit]]\npath = \"state\"\ncontent = \"good\"\n";

/// A repository whose test wants another state than it has.
pub fn broken_repository() -> TestRepo {
    let repo = TestRepo::new();
    repo.commit("main", &[("state", "bad"), ("test.sh", "grep -q good state && echo all is good")], "Begin");
    repo
}

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

    /// A desk whose agent plays `edits`, for [`broken_repository`].
    pub fn scripted(edits: &str) -> Self {
        let desk = Self::new();
        let edits = desk.write("edits.toml", edits);
        let text = format!(
            "[ampx]\nretry_delay_s = 0\n[ampx.agents.recorded]\nkind = \"script\"\nscript = {:?}\n\
             [ampx.ci]\nprovider = \"command\"\ncommand = \"sh test.sh\"\n",
            edits.display().to_string()
        );
        desk.write("opsmith.toml", &text);
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
        let mut command = self.program(OPSMITH);
        command.args(words);
        command
    }

    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_clear()
            .envs(measured())
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

    /// The same on a terminal where nobody types: fails if it waits for somebody.
    pub fn run_on_terminal(&self, words: &[&str]) -> Done {
        let line: Vec<String> = [&[OPSMITH], words].concat().iter().map(|word| format!("'{word}'")).collect();
        let mut command = self.program("script");
        let mut child = command.args(["-qec", &line.join(" "), "/dev/null"]).stdin(Stdio::piped()).spawn().unwrap();
        let (pid, keyboard) = (child.id(), child.stdin.take());
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || send.send(done(child)));
        let ended = receive.recv_timeout(PATIENCE);
        drop(keyboard);
        ended.unwrap_or_else(|_| {
            signal(pid, Signal::SIGKILL);
            panic!("it does not end: {words:?}")
        })
    }

    /// Starts a server on this desk's address and waits until it listens.
    pub fn serve(&self) -> Process {
        Process::serve(self.command(&["serve"]))
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
