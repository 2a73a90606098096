//! Secrets of settings and of texts, through the real binary.

use std::fs;

use testkit::repo::TestRepo;

use crate::desk::{Desk, broken_repository};

const SETTING: &str = "correct-horse-7-battery";

/// A token in GitHub's form: this file holds none that a scanner would find.
fn token() -> String {
    let letter = |i: usize| char::from(b"aQ7rZ2mN4xT6vB9k"[(i * 7 + i / 16) % 16]);
    format!("{}_{}", "ghp", (0..36).map(letter).collect::<String>())
}

/// An agent that mends the state and says all that it knows.
fn desk(secrets: &str) -> Desk {
    let desk = Desk::new();
    desk.write(
        "opsmith.toml",
        &format!(
            "[ampx]\nretry_delay_s = 0\n[ampx.agents.a]\nkind = \"command\"\n\
             command = [\"sh\", \"-c\", \"echo good > state; cat says; rm says\"]\n\
             [ampx.ci]\nprovider = \"command\"\ncommand = \"sh test.sh\"\n{secrets}"
        ),
    );
    desk
}

/// A repository in which the agent finds what it is to say.
fn repository(says: &str) -> TestRepo {
    let repo = broken_repository();
    repo.commit("main", &[("says", says)], "Say it");
    repo
}

#[test]
fn a_reference_is_told_and_its_secret_never() {
    let desk = desk("[secrets.vault]\ntoken = \"env:SEEDED\"\n");
    let shown = desk.run(&["config", "show", "--origin"]).expect(0);
    let line = shown.stdout.lines().find(|line| line.starts_with("secrets.vault.token")).unwrap();
    assert!(line.contains("***") && line.contains("opsmith.toml:") && line.ends_with(", env:SEEDED"), "{line}");
    let json = desk.run(&["config", "show", "--json"]).expect(0).json();
    let rows = json["settings"].as_array().unwrap();
    let row = rows.iter().find(|row| row["key"] == "secrets.vault.token").unwrap();
    assert_eq!((&row["value"], &row["reference"]), (&"***".into(), &"env:SEEDED".into()));

    let missing = desk.run(&["runs", "list"]).expect(1);
    assert!(missing.stderr.contains("`secrets.vault.token` (file "), "{}", missing.stderr);
    assert!(missing.stderr.contains("from `env:SEEDED`: there is no secret at `env:SEEDED`"), "{}", missing.stderr);
    let malformed = Desk::with_config("[secrets.vault]\ntoken = \"vault:no-field\"\n");
    let refused = malformed.run(&["runs", "list"]).expect(2);
    assert!(
        refused.stderr.contains("`secrets.vault.token`") && !refused.stderr.contains("no-field"),
        "{}",
        refused.stderr
    );
    desk.env("SEEDED", SETTING).run(&["runs", "list"]).expect(0);
}

#[test]
fn a_task_with_secrets_leaves_none_behind_and_a_person_gets_one_back() {
    let (token, url) = (token(), "https://ada:hunter2hunter2@example.com/a/b");
    let repo = repository(&format!("{token}\n{SETTING}\n"));
    let desk = desk("[secrets.vault]\ntoken = \"env:SEEDED\"\n").env("SEEDED", SETTING).env("OPSMITH_LOG", "debug");
    let server = desk.serve();
    let prompt = format!("Mend the state with {token}");
    let task = desk.run(&["ampx", "start", &repo.url(), &prompt, "--wait", "--json"]).expect(0).json();
    let id = task["id"].as_str().unwrap();
    assert_eq!(task["prompt"], "Mend the state with <SECRET_HASH_1>");
    let refused = desk.run(&["ampx", "start", url, "x"]).expect(2);
    let mut wires = vec![
        ("task", task.to_string()),
        ("log", desk.run(&["ampx", "logs", id]).expect(0).stdout),
        ("diff", desk.run(&["ampx", "diff", id]).expect(0).stdout),
        ("audit", desk.run(&["audit", "list", "--json"]).expect(0).stdout),
        ("refusal", refused.stdout + &refused.stderr),
        ("server", server.said()),
    ];
    assert!(wires[1].1.contains("<SECRET_HASH_1>\n<SECRET_HASH_2>\n"), "{}", wires[1].1);

    let unasked = desk.run(&["secrets", "reveal", id, "1"]).expect(4);
    assert!(unasked.stderr.contains("opsmith confirm yes"), "{}", unasked.stderr);
    let told = desk.run(&["secrets", "reveal", id, "1", "2", "--yes"]).expect(0);
    assert_eq!(told.stdout, format!("<SECRET_HASH_1> {token}\n<SECRET_HASH_2> {SETTING}\n"));
    let unknown = desk.run(&["secrets", "reveal", id, "9", "--yes"]).expect(1);
    assert!(unknown.stderr.contains("nothing is kept for `<SECRET_HASH_9>`"), "{}", unknown.stderr);
    let audit = desk.run(&["audit", "list", "--json"]).expect(0);
    assert!(audit.stdout.contains("secrets.reveal"), "{}", audit.stdout);
    wires.push(("audit of the telling", audit.stdout));
    assert_eq!(server.stop(), Some(0));

    for entry in fs::read_dir(desk.data_dir()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_file() {
            wires.push(("database", String::from_utf8_lossy(&fs::read(entry).unwrap()).into_owned()));
        }
    }
    for entry in fs::read_dir(desk.data_dir().join("secrets")).unwrap().map(|entry| entry.unwrap().path()) {
        wires.push(("kept", String::from_utf8_lossy(&fs::read(entry).unwrap()).into_owned()));
    }
    assert!(wires.len() >= 9);
    for (wire, text) in wires {
        for secret in [&token, SETTING, "hunter2hunter2"] {
            assert!(!text.contains(secret), "{secret} is in {wire}: {text:.5000}");
        }
    }
}
