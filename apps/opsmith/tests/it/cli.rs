use std::net::TcpListener;

use serde_json::Value;

use crate::desk::Desk;

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
    let ampx = ampx::cli::command();
    let products = ampx.get_subcommands().map(|command| vec!["ampx", command.get_name(), "--help"]);
    let own = OWN_COMMANDS.iter().map(|name| vec![*name, "--help"]);
    for words in own.chain(products).chain([vec!["--help"], vec!["ampx", "--help"]]) {
        let help = desk.run(&words).expect(0).stdout;
        assert!(help.contains("Examples:\n"), "{words:?}: {help}");
        let program = if words[0] == "ampx" { "Usage: opsmith ampx" } else { "Usage: opsmith" };
        assert!(help.contains(program), "{words:?}: {help}");
        for flag in ["--json", "--yes", "--dry-run", "--config", "--verbose"] {
            assert!(help.contains(flag), "{words:?} has no {flag}");
        }
    }
    let own: Vec<String> = desk.run(&["--help"]).stdout.lines().map(str::to_owned).collect();
    for name in OWN_COMMANDS.iter().filter(|name| **name != "openapi") {
        assert!(own.iter().any(|line| line.trim_start().starts_with(name)), "{name} is not listed");
    }
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
        (&["runs", "show", "nope"], "26 characters"),
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
fn completion_and_manual_know_the_products_commands() {
    let desk = Desk::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = desk.run(&["completion", shell]).expect(0).stdout;
        assert!(script.contains("opsmith") && script.contains("delete-branch"), "{shell}");
        let script = desk.run(&["completion", shell, "--for", "ampx"]).expect(0).stdout;
        assert!(!script.contains("opsmith audit") && script.contains("delete-branch"), "{shell}");
    }
    assert!(desk.run(&["man"]).expect(0).stdout.contains(".TH opsmith 1"));
    desk.run(&["man", "pages"]).expect(0);
    let page = std::fs::read_to_string(desk.path("pages/opsmith-ampx-merge.1")).unwrap();
    assert!(page.contains("delete\\-branch"), "{page}");
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
    let failure = desk.run(&["ampx", "ping", "--json"]).expect(5).stderr;
    assert_eq!(serde_json::from_str::<Value>(&failure).unwrap()["error"], "unavailable");
    assert!(!desk.data_dir().exists());
}

#[test]
fn a_server_that_others_could_reach_or_whose_port_is_taken_does_not_start() {
    let desk = Desk::new();
    let exposed = desk.run(&["serve", "--address", "0.0.0.0:0"]).expect(2);
    assert!(exposed.stderr.contains("tokens") && exposed.stderr.contains("127.0.0.1"), "{}", exposed.stderr);
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
        use std::io::{Read as _, Write as _};
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
    let copy = desk.path("copy.db").display().to_string();
    let moved = Desk::new().env("DATABASE_PATH", &copy);
    assert_eq!(moved.run(&["store", "check", "--json"]).expect(0).json()["pending_migrations"], serde_json::json!([]));
}
