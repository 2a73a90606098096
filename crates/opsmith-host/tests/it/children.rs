//! What only a process of its own shows: the parts ended by `exit` run in a child, which is this binary again.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
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

const TAKES_THE_TERMINAL: &str = "\x1b[?1049h";
const GIVES_IT_BACK: &str = "\x1b[?1049l";

/// A part that has a terminal, and the end of that which a person would sit at.
fn child_on_terminal(part: &str) -> (Child, File) {
    let terminal = openpty(None, None).unwrap();
    let slave = || Stdio::from(terminal.slave.try_clone().unwrap());
    let mut command = child(part);
    let child = command.env("TERM", "xterm").stdout(slave()).stderr(slave()).spawn().unwrap();
    (child, File::from(terminal.master))
}

/// Reads what the terminal is told, up to `word` or the end.
fn told_until(terminal: &mut File, word: &str) -> String {
    let (mut told, mut byte) = (Vec::new(), [0]);
    // At its end a terminal answers with an error.
    while !told.ends_with(word.as_bytes()) && terminal.read(&mut byte).is_ok_and(|read| read == 1) {
        told.push(byte[0]);
    }
    String::from_utf8_lossy(&told).into_owned()
}

#[test]
fn a_stopped_process_gives_the_terminal_back_and_draws_again_when_it_goes_on() {
    let (mut child, mut terminal) = child_on_terminal("child_draws_for_ever");
    assert!(told_until(&mut terminal, "a row").contains(TAKES_THE_TERMINAL));
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    for _ in 0..2 {
        signal(&child, Signal::SIGTSTP);
        let told = told_until(&mut terminal, GIVES_IT_BACK);
        assert!(told.ends_with(GIVES_IT_BACK), "{told:?}");
        let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
        assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
        signal(&child, Signal::SIGCONT);
        let told = told_until(&mut terminal, "a row");
        assert!(told.contains(TAKES_THE_TERMINAL), "{told:?}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
#[ignore = "run as a child by a_stopped_process_gives_the_terminal_back_and_draws_again_when_it_goes_on"]
async fn child_draws_for_ever() {
    if is_child() {
        let mut live = Output::new(false).live().unwrap().unwrap();
        loop {
            live.draw(&["A"], &[vec!["a row".into()]], 1, "nothing").unwrap();
            live.disturbed().await;
        }
    }
}

#[test]
fn a_panic_is_told_on_the_terminal_as_it_was_before() {
    let (mut child, mut terminal) = child_on_terminal("child_panics_over_its_drawing");
    let told = told_until(&mut terminal, "told at the end");
    assert!(told.contains(TAKES_THE_TERMINAL) && told.contains(GIVES_IT_BACK), "{told:?}");
    drop(terminal);
    child.wait().unwrap();
}

#[tokio::test]
#[ignore = "run as a child by a_panic_is_told_on_the_terminal_as_it_was_before"]
async fn child_panics_over_its_drawing() {
    if is_child() {
        let mut live = Output::new(false).live().unwrap().unwrap();
        live.draw(&["A"], &[vec!["a row".into()]], 1, "nothing").unwrap();
        panic!("told at the end");
    }
}
