//! What only a process of its own shows: the parts ended by `exit` run in a child, which is this binary again.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use opsmith_host::cli::{Globals, Output, confirm};
use opsmith_host::config::process_env;
use opsmith_host::{shutdown, telemetry};
use opsmith_model::{ErrorKind, Hint as _};

const CHILD: &str = "OPSMITH_HOST_TEST_CHILD";

fn child(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("children::{part}"), "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn is_child() -> bool {
    process_env(CHILD).is_some()
}

fn line_with(lines: &mut BufReader<ChildStderr>, word: &str) -> String {
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "no line with `{word}`");
    }
    line
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

#[test]
fn the_second_signal_ends_at_once() {
    let mut child = child("child_waits_for_signals").spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    line_with(&mut lines, "waiting");
    signal(&child, Signal::SIGTERM);
    let logged = line_with(&mut lines, "shutting down");
    assert!(logged.contains(r#""process.signal":"SIGTERM""#), "{logged}");
    line_with(&mut lines, "cancelled");
    signal(&child, Signal::SIGINT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[tokio::test]
#[ignore = "run as a child by the_second_signal_ends_at_once"]
async fn child_waits_for_signals() {
    if is_child() {
        telemetry::init(tracing::Level::INFO, 0).unwrap();
        let token = shutdown::on_signal().unwrap();
        let output = Output::new(false);
        output.note("waiting");
        token.cancelled().await;
        output.note("cancelled");
        std::future::pending::<()>().await;
    }
}

#[test]
fn a_reader_that_goes_ends_the_output_quietly() {
    let mut child = child("child_prints_for_ever").spawn().unwrap();
    let mut first = [0; 64];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
}

#[test]
#[ignore = "run as a child by a_reader_that_goes_ends_the_output_quietly"]
fn child_prints_for_ever() {
    while is_child() {
        Output::new(false).line("data");
    }
}

#[test]
fn without_a_terminal_there_is_data_on_stdout_and_all_else_on_stderr() {
    let ended = child("child_says_everything").output().unwrap();
    let stdout = String::from_utf8(ended.stdout).unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    for data in ["a line\n", "ID  NAME\n1   x\n", "{\"a\":\"\\u009b\"}\n", "raw \x1b[31m bytes"] {
        assert!(stdout.contains(data), "{stdout:?}");
    }
    assert_eq!(
        stderr,
        "a note\nwarning: careful\n{\"error\":\"confirmation_required\",\
        \"message\":\"this needs a person's yes, and there is no terminal to ask on\",\
        \"hint\":\"say yes beforehand with `--yes`\",\"causes\":[]}\n"
    );
}

#[test]
#[ignore = "run as a child by without_a_terminal_there_is_data_on_stdout_and_all_else_on_stderr"]
fn child_says_everything() {
    if !is_child() {
        return;
    }
    let output = Output::new(true);
    output.line("\x1b[31ma line\x1b[0m");
    output.table(&["ID", "NAME"], &[vec!["1".into(), "x".into()]]);
    output.json(&serde_json::json!({"a": "\u{9b}"})).unwrap();
    output.content(b"raw \x1b[31m bytes\n");
    output.spinner("not shown").message("neither");
    output.note("a note");
    output.warn("careful");
    let error = confirm("really?", &Globals::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfirmationRequired);
    output.fail(&error.into());
    assert!(confirm("really?", &Globals { yes: true, ..Globals::default() }).unwrap());
}
