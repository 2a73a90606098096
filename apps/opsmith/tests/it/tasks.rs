use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::desk::{Desk, RIGHT_EDIT, broken_repository, done, read_until};
use crate::process::signal;

#[test]
fn without_a_server_wait_runs_the_task_here_and_the_store_can_be_read() {
    let (repo, desk) = (broken_repository(), Desk::scripted(RIGHT_EDIT));
    let started = desk.run(&["ampx", "start", &repo.url(), "Mend the state", "--wait", "--json"]).expect(0);
    let task = started.json();
    assert_eq!((&task["status"], &task["attempts"][0]["ci_verdict"]), (&"success".into(), &"green".into()));
    assert!(started.stderr.contains("no server at http://127.0.0.1"), "{}", started.stderr);
    assert!(started.stderr.contains("\nqueued: ") && started.stderr.contains("\nsuccess: "), "{}", started.stderr);
    assert_eq!(repo.branches().len(), 2);

    let id = task["id"].as_str().unwrap().to_lowercase();
    let short = &id[id.len() - 8..];
    let listed = desk.run(&["ampx", "ls", "-s", "success"]).expect(0);
    assert!(listed.stdout.lines().nth(1).unwrap().starts_with(short), "{}", listed.stdout);
    assert!(listed.stderr.contains("reading on the store sqlite://"), "{}", listed.stderr);
    assert_eq!(desk.run(&["ampx", "show", short, "-o", "json"]).expect(0).json(), task);
    assert!(desk.run(&["ampx", "logs", short, "--follow"]).expect(0).stdout.contains("all is good"));
    let diff = desk.run(&["ampx", "diff", short]).expect(0).stdout;
    assert!(diff.contains("-bad") && diff.contains("+good"), "{diff}");
    let missing = desk.run(&["ampx", "show", "zzzzzzzz"]).expect(1);
    assert!(missing.stderr.contains("no task `zzzzzzzz`"), "{}", missing.stderr);
}

#[test]
fn a_task_that_needs_a_person_ends_the_wait_with_6_and_continues_here() {
    let (repo, desk) = (broken_repository(), Desk::scripted(""));
    let task = desk.run(&["ampx", "start", &repo.url(), "Mend it", "--wait", "--json"]).expect(6).json();
    assert_eq!(task["status"], "needs_review");
    desk.write("edits.toml", &RIGHT_EDIT.repeat(9));
    let id = task["id"].as_str().unwrap();
    let went_on = desk.run(&["ampx", "continue", id, "Mend it now", "--wait", "--json"]).expect(0).json();
    assert_eq!((&went_on["status"], &went_on["prompt"]), (&"success".into(), &"Mend it now".into()));
}

#[test]
fn ctrl_c_keeps_the_task_and_the_next_server_goes_on_with_it() {
    let (repo, desk) = (broken_repository(), Desk::new());
    let agent = |line: &str| {
        format!(
            "[ampx.agents.a]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", {line:?}]\n\
             [ampx.ci]\nprovider = \"command\"\ncommand = \"sh test.sh\"\n"
        )
    };
    desk.write("opsmith.toml", &agent("echo begun; exec sleep 600"));
    let mut waiting = desk.command(&["ampx", "start", &repo.url(), "Mend it", "--wait", "-v"]).spawn().unwrap();
    let mut stderr = BufReader::new(waiting.stderr.take().unwrap());
    read_until(&mut stderr, "agent | begun");
    signal(waiting.id(), Signal::SIGINT);
    let farewell = read_until(&mut stderr, "it goes on with the next `opsmith serve`");
    assert_eq!(done(waiting).code, Some(130), "{farewell}");

    let kept = desk.run(&["ampx", "list", "--json"]).expect(0).json();
    assert_eq!(kept["tasks"][0]["status"], "running");
    desk.write("opsmith.toml", &agent("echo good > state"));
    let server = desk.serve();
    let id = kept["tasks"][0]["id"].as_str().unwrap();
    desk.run(&["ampx", "logs", id, "--follow"]).expect(0);
    let ended = desk.run(&["ampx", "show", id, "--json"]).expect(0).json();
    assert_eq!(ended["status"], "success", "{ended}");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn a_task_that_nobody_runs_can_be_aborted_without_a_server() {
    let (repo, desk) = (broken_repository(), Desk::new());
    desk.write(
        "opsmith.toml",
        "[ampx.agents.a]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"echo begun; exec sleep 600\"]\n",
    );
    let mut waiting = desk.command(&["ampx", "start", &repo.url(), "Mend it", "--wait", "-v"]).spawn().unwrap();
    let mut stderr = BufReader::new(waiting.stderr.take().unwrap());
    read_until(&mut stderr, "agent | begun");
    signal(waiting.id(), Signal::SIGINT);
    read_until(&mut stderr, "it goes on with the next `opsmith serve`");
    assert_eq!(done(waiting).code, Some(130));
    let kept = desk.run(&["ampx", "list", "--json"]).expect(0).json();
    let id = kept["tasks"][0]["id"].as_str().unwrap();
    let aborted = desk.run(&["ampx", "abort", "--force", "--json", id]).expect(0).json();
    assert_eq!(aborted["status"], "aborted", "{aborted}");
    let server = desk.serve();
    let run = desk.run(&["runs", "show", "--json", aborted["run_id"].as_str().unwrap()]).expect(0).json();
    assert_eq!(run["run"]["cancel_requested"], true, "{run}");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(std::fs::read_dir(desk.data_dir().join("work")).unwrap().count(), 0);
}

#[test]
fn a_wait_outlives_the_server_that_it_began_with() {
    let (repo, desk) = (broken_repository(), Desk::new());
    let lives = desk.path("lives").display().to_string();
    desk.write("lives", "");
    let agent = format!("echo begun | tee -a {lives}; test $(wc -l < {lives}) = 1 && sleep 600; echo good > state");
    desk.write(
        "opsmith.toml",
        &format!(
            "[ampx.agents.a]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", {agent:?}]\n\
             [ampx.ci]\nprovider = \"command\"\ncommand = \"sh test.sh\"\n[sandbox]\nwritable = [{lives:?}]\n"
        ),
    );
    let first = desk.serve();
    let mut waiting = desk.command(&["ampx", "start", &repo.url(), "Mend it", "--wait", "-v"]).spawn().unwrap();
    let mut stderr = BufReader::new(waiting.stderr.take().unwrap());
    read_until(&mut stderr, "agent | begun");
    drop(first);
    read_until(&mut stderr, "the server does not answer");
    let second = desk.serve();
    read_until(&mut stderr, "success: ");
    assert_eq!(done(waiting).code, Some(0));
    assert_eq!(second.stop(), Some(0));
}

#[test]
fn a_prompt_comes_from_stdin_and_a_key_names_one_task() {
    let (repo, desk) = (broken_repository(), Desk::scripted(RIGHT_EDIT));
    let _server = desk.serve();
    let url = repo.url();
    let start = || {
        let words = ["ampx", "start", "--repo", &url, "--task", "-", "--idempotency-key", "k1", "--json"];
        let mut child = desk.command(&words).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all("Mend it,\nplease – é\n".as_bytes()).unwrap();
        done(child).expect(0).json()
    };
    let first = start();
    assert_eq!(first["prompt"], "Mend it,\nplease – é");
    assert_eq!(start()["id"], first["id"]);
    let planned = desk.run(&["ampx", "start", ".", "Mend it", "--dry-run"]).expect(0).stdout;
    let folder = desk.path("").canonicalize().unwrap();
    assert!(planned.contains(&format!("`{}`", folder.display())), "{planned}");
}

#[test]
fn a_merge_waits_for_a_persons_yes_to_exactly_its_plan() {
    let (repo, desk) = (broken_repository(), Desk::scripted(RIGHT_EDIT));
    let server = desk.serve();
    assert_eq!(server.name(), format!("http://{}", desk.address()));
    desk.run(&["ampx", "ping"]).expect(0);
    let task = desk.run(&["ampx", "start", &repo.url(), "Mend it", "-w", "-o", "json"]).expect(0).json();
    let id = task["id"].as_str().unwrap();

    let planned = desk.run(&["ampx", "merge", id, "--dry-run", "--json"]).expect(0).json();
    assert_eq!(planned["decisions"][0]["decision"], "confirm");
    assert_eq!(desk.run(&["confirm", "list", "--json"]).expect(0).json()["confirmations"], serde_json::json!([]));

    let asked = desk.run(&["ampx", "merge", id, "--json"]).expect(4);
    let question = asked.json();
    assert_eq!((&question["error"], &question["digest"]), (&"confirmation_required".into(), &planned["digest"]));
    let confirmation = question["confirmation_id"].as_str().unwrap();
    assert!(asked.stderr.contains(&format!("opsmith confirm yes {confirmation}")), "{}", asked.stderr);
    assert_eq!(repo.log("main"), ["Begin"]);

    let other = "0".repeat(64);
    desk.run(&["confirm", "yes", confirmation, "--digest", &other]).expect(1);
    let short = confirmation[confirmation.len() - 8..].to_lowercase();
    desk.run(&["confirm", "yes", &short, "--dry-run"]).expect(0);
    let answered = desk.run(&["confirm", "yes", &short]).expect(0);
    assert!(answered.stdout.contains("merge") && answered.stdout.contains("yes, not used so far"), "{answered:?}");
    let merged = desk.run(&["ampx", "merge", id, "--json"]).expect(0).json();
    assert!(!merged["merged_sha"].is_null(), "{merged}");
    assert_eq!(repo.log("main").len(), 2);

    let audit = desk.run(&["audit", "export"]).expect(0).stdout;
    let actions: Vec<String> = audit
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["action"].as_str().unwrap().to_owned())
        .collect();
    assert!(actions.iter().any(|action| action == "ampx.merge"), "{actions:?}");
    desk.run(&["audit", "verify"]).expect(0);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn abort_asks_first_and_ends_what_runs() {
    let (repo, desk) = (broken_repository(), Desk::new());
    desk.write(
        "opsmith.toml",
        "[ampx.agents.a]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"echo begun; exec sleep 600\"]\n",
    );
    let _server = desk.serve();
    let task = desk.run(&["ampx", "start", &repo.url(), "Mend it", "--label", "slow", "--json"]).expect(0).json();
    let id = task["id"].as_str().unwrap();
    assert_eq!(task["labels"], serde_json::json!(["slow"]));
    let unasked = desk.run(&["ampx", "abort", id]).expect(4);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert!(desk.run(&["ampx", "abort", id, "--dry-run"]).expect(0).stdout.contains("would abort"));
    let aborted = desk.run(&["ampx", "abort", id, "--force", "--json"]).expect(0).json();
    assert_eq!(aborted["status"], "aborted");
    // Another word on a task that has ended is refused with the reason.
    let refused = desk.run(&["ampx", "continue", id]).expect(1);
    assert!(refused.stderr.contains("`aborted`"), "{}", refused.stderr);
    let invalid = desk.run(&["ampx", "start", &repo.url(), " "]).expect(2);
    assert!(invalid.stderr.contains("the prompt is empty"), "{}", invalid.stderr);
}

#[test]
fn a_watched_list_prints_each_change_once() {
    let (repo, desk) = (broken_repository(), Desk::scripted(RIGHT_EDIT));
    let _server = desk.serve();
    let mut watch = desk.command(&["ampx", "list", "--watch"]).spawn().unwrap();
    let mut stdout = BufReader::new(watch.stdout.take().unwrap());
    let task = desk.run(&["ampx", "start", &repo.url(), "Mend it", "--wait", "--json"]).expect(0).json();
    let mut said = String::new();
    while !said.contains(" success ") {
        assert!(stdout.read_line(&mut said).unwrap() > 0, "{said}");
    }
    watch.kill().unwrap();
    watch.wait().unwrap();
    let id = task["id"].as_str().unwrap().to_lowercase();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.iter().all(|line| line.starts_with(&id[id.len() - 8..])), "{said}");
    assert!(lines.windows(2).all(|pair| pair[0] != pair[1]), "{said}");
}
