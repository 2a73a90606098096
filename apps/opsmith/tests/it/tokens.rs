//! Tokens from the command line, through the server, to its end.

use serde_json::Value;

use crate::desk::Desk;

fn create(desk: &Desk, words: &[&str]) -> String {
    let made = desk.run(&[&["token", "create"], words].concat()).expect(0);
    assert!(made.stderr.contains("not shown again"), "{}", made.stderr);
    made.stdout.trim_end().to_owned()
}

/// Runs a command with `token` in its environment.
fn with(desk: &Desk, token: &str, words: &[&str], code: i32) -> String {
    let ended = desk.command(words).env("OPSMITH_TOKEN", token).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!(ended.status.code(), Some(code), "{stdout}\n{stderr}");
    assert!(!stdout.contains(token) && !stderr.contains(token), "{words:?} tells the token");
    stdout + &stderr
}

#[test]
fn the_first_token_closes_the_server_and_the_last_revoked_opens_it() {
    let desk = Desk::new();
    let server = desk.serve();
    desk.run(&["ampx", "list"]).expect(0);
    let doctor = desk.run(&["doctor", "--json"]).stdout;
    assert!(doctor.contains("whoever reaches the server acts as you"), "{doctor}");

    let made = desk.run(&["token", "create", "ada", "--role", "viewer"]).expect(0);
    let viewer = made.stdout.trim_end().to_owned();
    assert!(viewer.starts_with("ops_") && viewer.len() == 95 && made.stdout.lines().count() == 1, "{}", made.stdout);
    assert!(made.stderr.contains("from now on"), "{}", made.stderr);
    let refused = desk.run(&["ampx", "list"]).expect(3);
    assert!(refused.stderr.contains("wants a token") && refused.stderr.contains("OPSMITH_TOKEN"), "{}", refused.stderr);
    desk.run(&["ampx", "ping"]).expect(0);
    assert!(desk.run(&["doctor", "--json"]).stdout.contains("the server wants one of everybody"));

    with(&desk, &viewer, &["ampx", "list"], 0);
    let small = with(&desk, &viewer, &["ampx", "start", "https://example.com/a/b", "mend it"], 3);
    assert!(small.contains("`user:ada` may not do this") && small.contains("role operator"), "{small}");
    with(&desk, &format!("{}0", &viewer[..94]), &["ampx", "list"], if viewer.ends_with('0') { 0 } else { 3 });
    with(&desk, "two\nlines", &["ampx", "list"], 2);
    let shown = with(&desk, &viewer, &["config", "show", "--origin"], 0);
    assert!(shown.lines().any(|line| line.starts_with("client.token") && line.contains("***")), "{shown}");

    let listed = desk.run(&["token", "list", "-o", "json"]).expect(0).json();
    let token = &listed["tokens"][0];
    assert_eq!((&token["name"], &token["role"], &token["kind"]), (&"ada".into(), &"viewer".into(), &"user".into()));
    let id = token["id"].as_str().unwrap();
    assert!(desk.run(&["token", "list"]).expect(0).stdout.contains("active"));
    let revoked = desk.run(&["token", "revoke", &id[16..].to_lowercase()]).expect(0);
    assert!(revoked.stderr.contains("open again"), "{}", revoked.stderr);
    desk.run(&["ampx", "list"]).expect(0);
    desk.run(&["token", "revoke", id]).expect(1);
    desk.run(&["token", "revoke", "zzzz"]).expect(1);
    let audit = desk.run(&["audit", "list"]).expect(0).stdout;
    assert!(audit.contains("token.created") && audit.contains("token.revoked") && !audit.contains(&viewer[31..]));
    assert!(!server.said().contains(&viewer[31..]), "the server's log has the token");
    drop(server);
}

#[test]
fn a_token_is_for_scripts_too_and_wrong_words_make_none() {
    let desk = Desk::new();
    let made =
        desk.run(&["token", "create", "bot", "--for", "agent", "--expires", "12h", "-o", "json"]).expect(0).json();
    assert!(made["token"].as_str().unwrap().starts_with("ops_"));
    assert_eq!((&made["about"]["kind"], &made["about"]["role"]), (&Value::from("agent"), &Value::from("operator")));
    for words in [
        &["token", "create"][..],
        &["token", "create", "a b"],
        &["token", "create", "ada", "--role", "root"],
        &["token", "create", "ada", "--for", "robot"],
        &["token", "create", "ada", "--expires", "soon"],
        &["token", "revoke"],
    ] {
        desk.run(words).expect(2);
    }
    desk.run(&["token", "create", "ada", "--dry-run"]).expect(0);
    assert_eq!(desk.run(&["token", "list", "--json"]).expect(0).json()["tokens"].as_array().unwrap().len(), 1);
}

#[test]
fn a_token_may_stand_in_a_file_and_a_required_one_is_asked_for_at_once() {
    let desk = Desk::with_config("[server]\nauth = \"required\"\n");
    let server = desk.serve();
    assert!(server.said().contains("a token is required and there is none"), "{}", server.said());
    desk.run(&["ampx", "list"]).expect(3);
    let text = create(&desk, &["ada"]);
    let file = desk.write("token", &format!("{text}\n"));
    desk.write(
        "opsmith.toml",
        &format!("[server]\nauth = \"required\"\n[client]\ntoken = \"file:{}\"\n", file.display()),
    );
    desk.run(&["ampx", "list"]).expect(0);
    drop(server);
}
