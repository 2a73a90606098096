//! docs/ampx/quickstart.md as a reader follows it: every `sh` block, in order, in one shell, in an empty folder.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::process::measured;

const QUICKSTART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/ampx/quickstart.md");
/// It takes a few seconds; a machine that builds at the same time takes longer.
const LIMIT: Duration = Duration::from_secs(180);

#[tokio::test]
async fn every_command_of_the_quickstart_works_in_order() {
    let room = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(QUICKSTART).unwrap();
    let blocks = blocks(&text, "sh");
    assert!(blocks.len() > 5, "only {} blocks of `sh` were found", blocks.len());
    fs::write(room.path().join("quickstart.sh"), blocks.concat()).unwrap();

    let (ended, left_over) = follow(room.path()).await;

    let said = fs::read_to_string(room.path().join("said")).unwrap();
    assert!(ended.is_some_and(|status| status.success()), "it ended with {ended:?} and said:\n{said}");
    assert!(!left_over, "a process was left, after:\n{said}");
    for expected in lines_that_hold_anywhere(&text) {
        assert!(said.contains(&expected), "the quickstart shows `{expected}`, and this was said:\n{said}");
    }
}

/// Runs the script of `room`; how it ended, `None` for never, and whether processes had to be ended for it.
async fn follow(room: &Path) -> (Option<ExitStatus>, bool) {
    for folder in ["bin", "home", "empty"] {
        fs::create_dir(room.join(folder)).unwrap();
    }
    for name in ["opsmith", "ampx"] {
        symlink(env!("CARGO_BIN_EXE_opsmith"), room.join("bin").join(name)).unwrap();
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let path = format!("{}:{}", room.join("bin").display(), std::env::var("PATH").unwrap());
    let said = File::create(room.join("said")).unwrap();
    let mut shell = Command::new("sh")
        .arg("-eux")
        .arg(room.join("quickstart.sh"))
        .current_dir(room.join("empty"))
        .env_clear()
        .envs(measured())
        .envs([("PATH", path), ("USER", "ada".to_owned()), ("SERVER_ADDRESS", format!("127.0.0.1:{port}"))])
        .env("HOME", room.join("home"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        // A file, since a server that is left would keep a pipe open.
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .process_group(0)
        .spawn()
        .unwrap();
    let group = shell.id().unwrap();
    let ended = timeout(LIMIT, shell.wait()).await.ok().map(Result::unwrap);
    (ended, kill_group(group).await)
}

/// Whether there was anything to kill.
async fn kill_group(group: u32) -> bool {
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -s KILL -- \"-$1\"", "sh", &group.to_string()]).stderr(Stdio::null());
    kill.status().await.unwrap().success()
}

/// The content of each fenced block of `language`.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("\n```{language}\n");
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once(&fence) {
        let (block, after) = begun.split_once("\n```").expect("a block ends");
        found.push(format!("{block}\n"));
        rest = after;
    }
    found
}

/// The lines of the shown output without an id, a time or a path: whoever runs it sees the same.
fn lines_that_hold_anywhere(text: &str) -> Vec<String> {
    let lines: Vec<String> = blocks(text, "text").concat().lines().map(str::to_owned).collect();
    let varies = |line: &String| line.contains(['…', '/']) || line.contains("3f9k2m1x") || line.contains(" s");
    let holds: Vec<String> = lines.into_iter().filter(|line| !line.trim().is_empty() && !varies(line)).collect();
    assert!(holds.len() > 3, "{holds:?}");
    holds
}
