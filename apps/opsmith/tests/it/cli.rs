use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc;

use serde_json::Value;

use crate::desk::{Desk, RIGHT_EDIT, broken_repository};
use crate::process::{PATIENCE, Process};

const OWN_COMMANDS: [&str; 12] = [
    "serve",
    "worker",
    "runs",
    "confirm",
    "audit",
    "config",
    "store",
    "doctor",
    "completion",
    "man",
    "version",
    "openapi",
];

#[test]
fn every_command_explains_itself_with_an_example() {
    let desk = Desk::new();
    let explained = [vec!["openapi"], vec!["ampx"], vec![]].map(|words| explains_itself(&desk, &words));
    assert!(explained.iter().sum::<usize>() > 40, "{explained:?}");
    let own: Vec<String> = desk.run(&["--help"]).stdout.lines().map(str::to_owned).collect();
    for name in OWN_COMMANDS.iter().filter(|name| **name != "openapi") {
        assert!(own.iter().any(|line| line.trim_start().starts_with(name)), "{name} is not listed");
    }
}

/// Looks at the help of that command and of each one below it; how many that were.
fn explains_itself(desk: &Desk, words: &[&str]) -> usize {
    let help = desk.run(&[words, &["--help"]].concat()).expect(0).stdout;
    assert!(help.contains("Examples:\n"), "{words:?}: {help}");
    assert!(help.contains(format!("Usage: opsmith {}", words.join(" ")).trim_end()), "{words:?}: {help}");
    for flag in ["--json", "--yes", "--dry-run", "--config", "--verbose"] {
        assert!(help.contains(flag), "{words:?} has no {flag}");
    }
    let commands = help.split_once("Commands:\n").map_or("", |(_, commands)| commands);
    let below = commands.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?.split_whitespace().next()?;
        (line.as_bytes()[2] != b' ' && name != "help").then_some(name)
    });
    1 + below.map(|name| explains_itself(desk, &[words, &[name]].concat())).sum::<usize>()
}

#[test]
fn the_product_answers_to_its_own_name() {
    let desk = Desk::new();
    let link = desk.path("ampx");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_opsmith"), &link).unwrap();
    let output = std::process::Command::new(link).args(["list", "--help"]).output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("Usage: ampx list"));
}

#[test]
fn wrong_words_end_with_2_and_say_what_is_right() {
    let desk = Desk::new();
    for (words, says) in [
        (&["srve"][..], "serve"),
        (&["ampx", "strt"], "start"),
        (&["ampx", "list", "-s", "runing"], "running"),
        (&["ampx", "start", "/tmp/x"], "ampx start REPO PROMPT"),
        (&["ampx", "ping", "--api-url", "ftp://x"], "http://"),
        (&["worker", "--queues", "ampx,ampxs"], "the queues are: ampx"),
        (&["ampx", "start", "/tmp/x", " "], "the prompt is empty"),
        (&["ampx", "start", "/tmp/x", "--task", "mend it", "now"], "`now`"),
        (&["ampx", "start", "/tmp/x", "mend it", "--wait", "--agent", "nobody"], "`nobody`"),
        (&["ampx", "start", "/tmp/x", "mend it", "--wait", "--max-attempts", "0"], "1 to 20"),
        (&[], "Usage"),
    ] {
        let done = desk.run(words).expect(2);
        assert!(done.stderr.contains(says), "{words:?}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{words:?}");
    }
    let failure: Value = serde_json::from_str(&desk.run(&["--json", "ampx", "strt"]).expect(2).stderr).unwrap();
    assert_eq!(failure["error"], "usage");
}

#[test]
fn an_unknown_key_names_the_one_that_was_meant() {
    let desk = Desk::with_config("[ampx]\nmax_atempts = 2\n");
    for words in [&["config", "check"][..], &["ampx", "agents"], &["audit", "verify"]] {
        let done = desk.run(words).expect(2);
        assert!(done.stderr.contains("`ampx.max_atempts`") && done.stderr.contains("ampx.max_attempts`"), "{done:?}");
    }
    assert!(!desk.data_dir().exists(), "nothing is made for a configuration that does not hold");
    desk.write("opsmith.toml", "[ampx]\nmax_attempts = 2\n[policy]\n\"ampx.merge\" = \"allow\"\n");
    assert!(desk.run(&["config", "check"]).expect(0).stdout.contains("holds"));
    desk.write("opsmith.toml", "[policy]\n\"ampx.merge\" = \"perhaps\"\n");
    desk.run(&["config", "check"]).expect(2);
}

#[test]
fn an_agent_that_is_not_configured_names_the_one_that_was_meant() {
    let desk =
        Desk::with_config("[ampx]\nagent = \"mnie\"\n[ampx.agents.mine]\nkind = \"command\"\ncommand = [\"true\"]\n");
    let done = desk.run(&["config", "check"]).expect(2);
    for part in ["`ampx.agent`", "opsmith.toml:2", "`mnie`", "did you mean `mine`?"] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
    let doctor = desk.run(&["doctor"]).expect(1).stdout;
    assert!(doctor.contains("`mnie`") && doctor.contains("did you mean `mine`?"), "{doctor}");
}

#[test]
fn doctor_has_one_row_for_the_sandbox_and_more_where_asked() {
    let desk = Desk::with_config("[sandbox]\nbackend = \"local\"\n");
    let sandbox = |words: &[&str]| {
        let table = desk.run(words).expect(1).stdout;
        table.lines().filter(|line| line.starts_with("sandbox")).map(str::to_owned).collect::<Vec<_>>()
    };
    let short = sandbox(&["doctor"]);
    assert!(short.len() == 1 && short[0].contains("local: holds: ") && short[0].contains("network"), "{short:?}");
    assert!(short[0].contains("not: ") && short[0].contains("remove `sandbox.backend"), "{short:?}");
    assert!(sandbox(&["doctor", "-v"]).len() > 10);
    desk.write("opsmith.toml", "[sandbox]\nbackend = \"container\"\n[ampx.ci]\nnetwork = \"off\"\n");
    let missing = sandbox(&["doctor"]);
    assert!(missing[0].contains("missing") && missing[0].contains("no image is configured"), "{missing:?}");
    desk.write(
        "opsmith.toml",
        "[sandbox]\nbackend = \"local\"\n[ampx.agents.it]\nkind = \"codex\"\nnetwork = \"off\"\n",
    );
    let vain = desk.run(&["doctor"]).expect(1).stdout;
    assert!(vain.contains("`ampx.agents.it.network` is \"off\"") && vain.contains("install bubblewrap"), "{vain}");
}

#[test]
fn settings_show_their_origin_and_never_a_secret() {
    let desk = Desk::with_config("[ampx]\nmax_attempts = 7\n").env("DATABASE_URL", "postgres://ada:hunter2@db/x");
    for words in [&["config", "show", "--origin"][..], &["ampx", "config", "--origin"]] {
        let shown = desk.run(words).expect(0).stdout;
        assert!(!shown.contains("hunter2"), "{shown}");
        let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        assert!(line("store.url").contains("env DATABASE_URL"), "{shown}");
        assert!(
            line("ampx.max_attempts").contains("7") && line("ampx.max_attempts").contains("opsmith.toml:2"),
            "{shown}"
        );
        assert!(line("server.cors_origins").contains("default"), "{shown}");
    }
    let shown = desk.run(&["config", "show", "--json"]).expect(0);
    assert!(!shown.stdout.contains("hunter2"));
    assert!(shown.json()["settings"].as_array().unwrap().len() > 20);
}

#[test]
fn an_empty_list_says_what_to_do_and_prints_no_header() {
    let desk = Desk::new();
    for (words, says) in [
        (&["ampx", "list"][..], "ampx start"),
        (&["ampx", "list", "-s", "running"], "--all"),
        (&["runs", "list"], "no runs"),
        (&["confirm", "list"], "nothing waits"),
        (&["audit", "list"], "no entries"),
    ] {
        let done = desk.run(words).expect(0);
        assert_eq!(done.stdout, "", "{words:?}");
        assert!(done.stderr.contains(says), "{words:?}: {}", done.stderr);
    }
}

#[test]
fn words_without_quotes_are_the_prompt_and_the_task_is_found_by_a_part_of_its_repository() {
    let colours = RIGHT_EDIT.replace("\"mended\"", "\"\\u001b]0;owned\\u0007\\u001b[31mmended\\u001b[0m\"");
    let (repo, desk) = (broken_repository(), Desk::scripted(&colours));
    let words = ["ampx", "start", &repo.url(), "Mend", "the", "state", "--wait", "--json"];
    let task = desk.run(&words).expect(0).json();
    assert_eq!(task["prompt"], "Mend the state");

    let url = repo.url();
    let part = url.trim_end_matches(".git").rsplit('/').next().unwrap();
    let total = |part: &str| desk.run(&["ampx", "list", "-r", part, "--json"]).expect(0).json()["total"].clone();
    let totals = [&url, part, "elsewhere", "%"].map(|part| total(part).as_u64().unwrap());
    assert_eq!(totals, [1, 1, 0, 0]);

    let log = desk.run(&["ampx", "logs", task["id"].as_str().unwrap()]).expect(0).stdout;
    assert!(log.contains("mended") && !log.contains('\x1b') && !log.contains("owned"), "{log:?}");

    let run = task["run_id"].as_str().unwrap();
    let shown = desk.run(&["ampx", "show", task["id"].as_str().unwrap()]).expect(0).stdout;
    assert!(shown.contains(run), "{shown}");
    for part in [&run[..20], &run[16..], &run.to_lowercase()[18..]] {
        assert_eq!(desk.run(&["runs", "show", part, "--json"]).expect(0).json()["run"]["id"], run, "{part}");
    }
    desk.run(&["runs", "show", "nope"]).expect(1);
}

#[test]
fn watching_fits_the_window_and_gives_the_terminal_back() {
    let (repo, desk) = (broken_repository(), Desk::scripted(RIGHT_EDIT));
    let _server = desk.serve();
    for n in 0..9 {
        desk.run(&["ampx", "start", &repo.url(), "mend", "number", &n.to_string(), &"x".repeat(200)]).expect(0);
    }
    let like = desk.command(&[]);
    let line = format!("stty rows 6 cols 50; exec '{}' ampx list --watch", env!("CARGO_BIN_EXE_opsmith"));
    let mut terminal = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env_clear()
        .envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut keyboard, mut screen) = (terminal.stdin.take().unwrap(), terminal.stdout.take().unwrap());
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut seen, mut some) = (Vec::new(), [0; 4096]);
        let mut stop = Some(b"\x03");
        while let Ok(read @ 1..) = screen.read(&mut some) {
            seen.extend_from_slice(&some[..read]);
            if let Some(ctrl_c) = stop.take_if(|_| String::from_utf8_lossy(&seen).contains(" more")) {
                keyboard.write_all(ctrl_c).unwrap();
            }
        }
        let _ = send.send(String::from_utf8_lossy(&seen).into_owned());
    });
    let seen = receive.recv_timeout(PATIENCE).unwrap();
    assert_eq!(terminal.wait().unwrap().code(), Some(130), "{seen:?}");
    let (before, frame) = seen.split_once("\x1b[1;1H").unwrap();
    assert!(before.contains("\x1b[?1049h") && before.contains("\x1b[?25l"), "{seen:?}");
    assert!(frame.contains("… 5 more") && frame.contains("\x1b[?25h") && frame.ends_with("\x1b[?1049l"), "{seen:?}");
    let first = frame.split("\x1b[J").next().unwrap();
    assert_eq!(first.lines().count(), 6, "{first:?}");
}

#[test]
fn the_second_server_on_a_store_says_that_there_is_another() {
    let desk = Desk::new();
    let first = desk.serve();
    assert!(!first.said().contains("works on the store"), "{}", first.said());
    let second = Process::serve(desk.command(&["serve", "--address", "127.0.0.1:0"]));
    let said = second.said();
    assert!(said.contains("warning: process ") && said.contains("works on the store sqlite://"), "{said}");
}

#[test]
fn json_is_one_value_on_stdout_for_every_command_that_reads() {
    let desk = Desk::new();
    for (words, key) in [
        (&["version"][..], "version"),
        (&["store", "migrate", "--dry-run"], "would"),
        (&["store", "migrate"], "applied"),
        (&["store", "check"], "pending_migrations"),
        (&["runs", "list"], "runs"),
        (&["confirm", "list"], "confirmations"),
        (&["audit", "list"], "entries"),
        (&["audit", "verify"], "head"),
        (&["config", "show"], "settings"),
        (&["config", "check"], "ok"),
        (&["openapi"], "paths"),
        (&["ampx", "list"], "tasks"),
        (&["ampx", "agents"], "agents"),
        (&["ampx", "config"], "settings"),
        (&["ampx", "start", "/tmp/x", "prompt", "--dry-run"], "would"),
    ] {
        let words = [words, &["--json"]].concat();
        let done = desk.run(&words).expect(0);
        assert!(done.json().get(key).is_some(), "{words:?}: {}", done.stdout);
    }
    assert_eq!(desk.run(&["ampx", "list", "-o", "json"]).expect(0).json()["total"], 0);
    let doctor = desk.run(&["doctor", "--json"]).expect(1).json();
    assert_eq!(doctor["ok"], false, "no agent is configured");
    assert!(doctor["checks"].as_array().unwrap().iter().any(|check| check["name"] == "git" && check["state"] == "ok"));
}

#[test]
fn without_a_server_what_needs_one_ends_with_5_and_says_how_to_start_one() {
    let desk = Desk::new();
    for words in [
        &["ampx", "ping"][..],
        &["ampx", "accept", "3f9k2m1x"],
        &["ampx", "merge", "3f9k2m1x"],
        &["ampx", "start", "/tmp/x", "prompt"],
    ] {
        let done = desk.run(words).expect(5);
        assert!(done.stderr.contains("opsmith serve"), "{words:?}: {}", done.stderr);
    }
    // A server that was named is never replaced by the store.
    let url = format!("http://{}", desk.address());
    for words in [&["list"][..], &["start", "/tmp/x", "prompt", "--wait"]] {
        desk.run(&[&["ampx", "--api-url", &url][..], words].concat()).expect(5);
    }
    let ping = desk.run(&["ampx", "ping"]).expect(5).stderr;
    assert_eq!(ping.lines().count(), 2, "one line and a hint: {ping}");
    assert!(ping.contains("refused") && !ping.contains("caused by"), "{ping}");
    assert!(desk.run(&["ampx", "ping", "-v"]).expect(5).stderr.contains("caused by"));
    let failure = desk.run(&["ampx", "ping", "--json"]).expect(5).stderr;
    assert_eq!(serde_json::from_str::<Value>(&failure).unwrap()["error"], "unavailable");
    assert!(!desk.data_dir().exists());
}

#[test]
fn a_server_that_others_could_reach_or_whose_port_is_taken_does_not_start() {
    let desk = Desk::new();
    let exposed = Desk::new().run(&["serve", "--address", "0.0.0.0:0"]).expect(2);
    assert!(
        exposed.stderr.contains("opsmith token create") && exposed.stderr.contains("127.0.0.1"),
        "{}",
        exposed.stderr
    );
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let taken = desk.run(&["serve", "--address", &address]).expect(1);
    assert!(taken.stderr.contains("taken") && taken.stderr.contains(&address), "{}", taken.stderr);
    assert!(!desk.data_dir().exists(), "nothing was opened");
}

#[test]
fn what_answers_in_another_way_than_opsmith_is_told_apart() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stranger = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\n<\x1b[2J").unwrap();
    });
    let done = desk.run(&["ampx", "ping", "--api-url", &url]).expect(1);
    assert!(done.stderr.contains("another way than opsmith") && done.stderr.contains("--api-url"), "{}", done.stderr);
    assert!(!done.stderr.contains('\x1b'));
    stranger.join().unwrap();
}

#[test]
fn a_backup_is_a_database_of_its_own_and_replaces_nothing() {
    let desk = Desk::new();
    desk.run(&["store", "migrate"]).expect(0);
    desk.run(&["store", "backup", "copy.db"]).expect(0);
    desk.run(&["store", "backup", "copy.db"]).expect(1);
    let lost = desk.run(&["store", "backup", "nowhere/copy.db"]).expect(1).stderr;
    assert!(lost.contains("nowhere/copy.db") && lost.contains("hint: make its folder"), "{lost}");
    let left = std::fs::read_dir(desk.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.filter(|name| name.to_string_lossy().contains("copy")).collect::<Vec<_>>(), ["copy.db"]);
    let copy = desk.path("copy.db").display().to_string();
    let moved = Desk::new().env("DATABASE_PATH", &copy);
    assert_eq!(moved.run(&["store", "check", "--json"]).expect(0).json()["pending_migrations"], serde_json::json!([]));
}
