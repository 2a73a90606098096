use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::desk::{Desk, RIGHT_EDIT, broken_repository};

const WRONG_EDIT: &str = "[[attempt]]\nsay = \"tried\"\n[[attempt.edit]]\npath = \"state\"\ncontent = \"worse\"\n";

/// The text of `/metrics` as a scraper gets it.
fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer
}

fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn metrics_tell_of_the_tasks_attempts_steps_and_checks() {
    let (repo, desk) = (broken_repository(), Desk::scripted(&format!("{WRONG_EDIT}{RIGHT_EDIT}")));
    let server = desk.serve();
    let fresh = scrape(desk.address());
    for outcome in ["green", "red", "no_change", "failed"] {
        assert_eq!(value(&fresh, &format!("opsmith_attempts_total{{outcome=\"{outcome}\"}}")), Some(0.0), "{fresh}");
    }
    desk.run(&["ampx", "start", &repo.url(), "Mend the state", "--wait"]).expect(0);
    let text = scrape(desk.address());
    for (series, wanted) in [
        ("opsmith_tasks{status=\"success\"}", 1.0),
        ("opsmith_tasks{status=\"queued\"}", 0.0),
        ("opsmith_attempts_total{outcome=\"green\"}", 1.0),
        ("opsmith_attempts_total{outcome=\"red\"}", 1.0),
        ("opsmith_ci_reruns_total{outcome=\"red\"}", 1.0),
        ("opsmith_ci_reruns_total{outcome=\"green\"}", 0.0),
        ("opsmith_ci_wait_seconds_count", 3.0),
        ("opsmith_run_step_seconds_count{kind=\"ampx.task\",step=\"agent\"}", 2.0),
        ("opsmith_run_step_seconds_count{kind=\"ampx.task\",step=\"pull request\"}", 1.0),
        ("opsmith_confirmations_pending", 0.0),
        ("http_requests_total{method=\"POST\",route=\"/api/v1/tasks\",status=\"201\"}", 1.0),
        ("http_requests_in_flight", 1.0),
    ] {
        assert_eq!(value(&text, series), Some(wanted), "{series}\n{text}");
    }
    assert!(value(&text, "opsmith_worker_leases").is_some(), "{text}");
    // Models were not asked; that they cost nothing is known all the same.
    for series in ["opsmith_llm_tokens_total{", "llm_cost_usd_total{"] {
        assert!(text.lines().any(|line| line.starts_with(series) && line.ends_with("} 0")), "{series}\n{text}");
    }
    assert!(!text.contains("step=\"agent 1\""), "{text}");
    assert_eq!(server.stop(), Some(0));
}
