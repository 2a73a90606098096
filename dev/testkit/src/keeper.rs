use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest that a server may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server, waits for its parent's end, then stops the server and removes its folder.
const SCRIPT: &str = r#"
folder=$1; signal=$2; shift 2
"$@" </dev/null >"$folder.log" 2>&1 &
server=$!
cat >/dev/null
kill -s "$signal" "$server" 2>/dev/null
wait "$server" 2>/dev/null
rm -rf "$folder" "$folder.log"
"#;

/// A server that lives no longer than this value or this process, however that ends, and its folder with it.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// Its standard input is the life line.
    shell: Child,
    log: PathBuf,
}

impl Keeper {
    /// Runs `command` for as long as the answer lives; `signal` ends it in good order.
    pub(crate) fn start(folder: &Path, signal: &str, command: &[String]) -> Result<Self, String> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(folder)
            .arg(signal)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let mut log = folder.as_os_str().to_owned();
        log.push(".log");
        Ok(Self { shell, log: log.into() })
    }

    /// Waits for `word` in what the server says.
    pub(crate) fn wait_until_it_says(&mut self, word: &str) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = std::fs::read_to_string(&self.log).unwrap_or_default();
            if said.contains(word) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("the server never said `{word}`: {said}"));
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Waiting closes the life line first.
        let _ = self.shell.wait();
    }
}

/// A port of loopback that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| e.to_string())?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

/// Runs a command to its end.
pub(crate) fn run(command: &[String]) -> Result<(), String> {
    let output = Command::new(&command[0]).args(&command[1..]).output().map_err(|e| format!("{}: {e}", command[0]))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("`{}` failed: {}", command[0], String::from_utf8_lossy(&output.stderr)))
}
