//! Recorded streams, read to their end: codex's, opencode's and claude's as the programs wrote them against a stub of
//! their model's API, amp's and the rest of claude's from their documentation.

use std::path::Path;

use super::acp::Conversation;
use super::event::AgentEvent;
use super::fault::FaultKind::{self, Auth, Malformed, Other, Quota, RateLimited, Unavailable};
use super::tally::{Allowance, Tally};
use super::wire::Wire;
use crate::task::Usage;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/agents");
const AMPLE: Allowance = Allowance { turns: 1000, cost_usd: None };

struct Read {
    tally: Tally,
    events: Vec<AgentEvent>,
    sent: Vec<String>,
}

fn read(mut wire: Wire, stream: &str, before: Usage) -> Read {
    let text = std::fs::read_to_string(Path::new(FIXTURES).join(stream)).unwrap();
    let mut read = Read { tally: Tally::new(AMPLE, before), events: Vec::new(), sent: Vec::new() };
    for line in text.lines() {
        let reading = wire.read(line);
        assert!(!reading.is_text, "{stream}: {line}");
        for event in &reading.events {
            assert_eq!(read.tally.take(event), None);
        }
        read.events.extend(reading.events);
        read.sent.extend(reading.replies);
    }
    read
}

fn wire_of(stream: &str) -> Wire {
    match stream.split('/').next() {
        Some("codex") => Wire::Codex,
        Some("opencode") => Wire::Opencode,
        Some("claude") => Wire::Claude,
        Some("amp") => Wire::Amp,
        _ => panic!("{stream} has no wire"),
    }
}

fn used(input: u64, output: u64, cost_usd: Option<f64>) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), cost_usd }
}

#[test]
fn each_recorded_stream_comes_to_its_end() {
    const UNKNOWN: Usage = Usage { input_tokens: None, output_tokens: None, cost_usd: None };
    let table: &[(&str, Option<FaultKind>, Usage)] = &[
        ("codex/0.169.0/edit.jsonl", None, used(2500, 92, None)),
        ("codex/0.169.0/exec.jsonl", None, used(200, 40, None)),
        ("codex/0.169.0/walls-within-walls.jsonl", None, used(2500, 92, None)),
        ("codex/0.169.0/unauthorized.jsonl", Some(Auth), UNKNOWN),
        ("codex/0.169.0/rate-limited.jsonl", Some(RateLimited), UNKNOWN),
        ("codex/0.169.0/out-of-quota.jsonl", Some(Quota), UNKNOWN),
        ("codex/0.169.0/broken.jsonl", Some(Unavailable), UNKNOWN),
        ("codex/0.169.0/malformed.jsonl", Some(Unavailable), UNKNOWN),
        ("codex/0.169.0/half.jsonl", Some(Unavailable), UNKNOWN),
        ("opencode/1.18.33/edit.jsonl", None, used(2500, 92, Some(0.001_484))),
        ("opencode/1.18.33/resume.jsonl", None, used(50, 5, Some(0.000_06))),
        ("opencode/1.18.33/unpriced.jsonl", None, used(2500, 92, None)),
        ("opencode/1.18.33/unauthorized.jsonl", Some(Auth), UNKNOWN),
        ("opencode/1.18.33/rate-limited.jsonl", Some(RateLimited), UNKNOWN),
        ("opencode/1.18.33/out-of-quota.jsonl", Some(Quota), UNKNOWN),
        ("opencode/1.18.33/broken.jsonl", Some(Unavailable), UNKNOWN),
        ("opencode/1.18.33/malformed.jsonl", Some(Malformed), UNKNOWN),
        ("opencode/1.18.33/half.jsonl", Some(Malformed), used(0, 0, Some(0.0))),
        ("claude/2.1.197/edit.jsonl", None, used(1100, 70, Some(0.006_09))),
        ("claude/2.1.197/resume.jsonl", None, used(1100, 70, Some(0.005_27))),
        ("claude/2.1.197/unauthorized.jsonl", Some(Auth), used(0, 0, Some(0.0))),
        ("claude/2.1.197/rate-limited.jsonl", Some(RateLimited), used(0, 0, Some(0.0))),
        ("claude/2.1.197/out-of-quota.jsonl", Some(Quota), used(0, 0, Some(0.0))),
        ("claude/2.1.197/broken.jsonl", Some(Unavailable), used(0, 0, Some(0.0))),
        ("claude/2.1.197/malformed.jsonl", Some(Malformed), used(0, 0, Some(0.0))),
        ("claude/documented/max-turns.jsonl", Some(Other), used(10, 5, Some(0.5))),
        ("amp/documented/edit.jsonl", None, used(2500, 50, None)),
        ("amp/documented/failed.jsonl", Some(Quota), UNKNOWN),
    ];
    for (stream, fault, usage) in table {
        let read = read(wire_of(stream), stream, Usage::ZERO);
        let kind = read.tally.fault.as_ref().map(|fault| fault.kind);
        assert_eq!((kind, read.tally.finished), (*fault, fault.is_none()), "{stream}");
        assert!(read.tally.session.is_some(), "{stream}");
        let counted = read.tally.usage();
        assert_eq!(
            (counted.input_tokens, counted.output_tokens),
            (usage.input_tokens, usage.output_tokens),
            "{stream}"
        );
        let cost = counted.cost_usd.zip(usage.cost_usd);
        assert!(
            cost.map_or(counted.cost_usd == usage.cost_usd, |(a, b)| (a - b).abs() < 1e-9),
            "{stream}: {counted:?}"
        );
    }
}

#[test]
fn an_edit_is_told_by_every_program_that_tells_it() {
    for stream in [
        "codex/0.169.0/edit.jsonl",
        "opencode/1.18.33/edit.jsonl",
        "claude/2.1.197/edit.jsonl",
        "amp/documented/edit.jsonl",
    ] {
        let read = read(wire_of(stream), stream, Usage::ZERO);
        let edits = read.events.iter().filter(|event| matches!(event, AgentEvent::Edit { .. })).count();
        assert_eq!(edits, 1, "{stream}");
        assert!(read.events.contains(&AgentEvent::Edit { path: "/home/ada/project/sum.sh".to_owned() }), "{stream}");
        assert!(read.events.contains(&AgentEvent::Message("The sum is right now.".to_owned())), "{stream}");
    }
    // An edit that codex's own walls kept it from is none.
    let kept = read(Wire::Codex, "codex/0.169.0/walls-within-walls.jsonl", Usage::ZERO);
    assert!(!kept.events.iter().any(|event| matches!(event, AgentEvent::Edit { .. })));
}

#[test]
fn a_resumed_thread_of_codex_counts_what_came_on_top() {
    let first = read(Wire::Codex, "codex/0.169.0/edit.jsonl", Usage::ZERO);
    let total = first.tally.session_total.unwrap();
    let second = read(Wire::Codex, "codex/0.169.0/resume.jsonl", total);
    assert_eq!(second.tally.session, first.tally.session);
    assert_eq!(second.tally.usage(), used(50, 5, None));
    // Of a thread whose earlier count is lost, nothing is known.
    let unknown = read(Wire::Codex, "codex/0.169.0/resume.jsonl", Usage::default());
    assert_eq!(unknown.tally.usage(), Usage::default());
}

#[test]
fn codex_has_its_own_walls_only_where_ours_are_not() {
    let more = ["-c".to_owned(), "a=1".to_owned()];
    let args = |session, walled| super::codex::arguments(Some("m"), session, walled, &more).join(" ");
    assert_eq!(args(None, false), "exec --json -c sandbox_mode=\"workspace-write\" --model m -c a=1 -");
    assert_eq!(args(Some("t"), true), "exec resume --json -c sandbox_mode=\"danger-full-access\" --model m -c a=1 t -");
}

fn acp(resume: Option<&str>) -> Wire {
    let conversation =
        Conversation::new(Path::new("/home/ada/project"), "mend the sum".into(), resume.map(str::to_owned));
    Wire::Acp(Box::new(conversation))
}

#[test]
fn opencodes_acp_is_driven_to_its_end() {
    let done = read(acp(None), "acp/opencode-1.18.33/edit.jsonl", Usage::ZERO);
    assert!(done.tally.finished && done.tally.fault.is_none());
    assert_eq!(done.tally.session.as_deref(), Some("ses_e012b01ecffearV4kFdAmI5o22"));
    let edit = AgentEvent::Edit { path: "/home/ada/project/sum.sh".to_owned() };
    assert_eq!(done.events.iter().filter(|event| **event == edit).count(), 1);
    assert_eq!(done.tally.usage(), Usage::default());
    assert!(done.sent[0].contains("\"session/new\"") && done.sent[1].contains("mend the sum"), "{:?}", done.sent);
    let refused = read(acp(None), "acp/opencode-1.18.33/unauthorized.jsonl", Usage::ZERO);
    assert_eq!(refused.tally.fault.unwrap().kind, Auth);
}

#[test]
fn an_acp_session_is_loaded_and_begun_anew_where_it_is_gone() {
    let mut wire = acp(Some("s-1"));
    let able = r#"{"jsonrpc":"2.0","id":0,"result":{"agentCapabilities":{"loadSession":true}}}"#;
    assert!(wire.read(able).replies[0].contains("\"session/load\""));
    // What a loaded session tells of its past is not told again.
    let past = r#"{"jsonrpc":"2.0","method":"session/update","params":{"update":{"sessionUpdate":"tool_call","toolCallId":"c","title":"old"}}}"#;
    assert_eq!(wire.read(past).events, []);
    let gone = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"unknown session"}}"#;
    assert!(wire.read(gone).replies[0].contains("\"session/new\""));
    let new = wire.read(r#"{"jsonrpc":"2.0","id":2,"result":{"sessionId":"s-2"}}"#);
    assert_eq!(new.events, [AgentEvent::Started { session: "s-2".to_owned() }]);
}

#[test]
fn what_an_acp_agent_asks_leave_for_it_gets_and_nothing_else() {
    let mut wire = acp(None);
    let ask = r#"{"jsonrpc":"2.0","id":"p1","method":"session/request_permission","params":{"options":[{"optionId":"no","kind":"reject_once"},{"optionId":"yes","kind":"allow_once"}]}}"#;
    let answer = &wire.read(ask).replies[0];
    assert!(answer.contains("\"yes\"") && answer.contains("\"p1\""), "{answer}");
    let read = wire.read(r#"{"jsonrpc":"2.0","id":7,"method":"fs/read_text_file","params":{"path":"/etc/passwd"}}"#);
    assert!(read.replies[0].contains("-32601"), "{:?}", read.replies);
    let login = r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"Authentication required"}}"#;
    assert!(matches!(&wire.read(login).events[..], [AgentEvent::Error(fault)] if fault.kind == Auth));
}

#[test]
fn foreign_lines_are_survived() {
    let deep = format!("{}1{}", "[".repeat(4000), "]".repeat(4000));
    for mut wire in [Wire::Codex, Wire::Claude, Wire::Amp, Wire::Opencode, acp(None)] {
        for line in [
            "{}",
            r#"{"type":"from.the.future","item":7}"#,
            r#"{"type":"item.completed"}"#,
            r#"{"type":"assistant","message":{"content":[{"type":"text"},7,null]}}"#,
            r#"{"type":"result"}"#,
            r#"{"type":"step_finish","part":{"reason":"tool-calls","tokens":"many"}}"#,
            r#"{"type":"turn.fai"#,
            r#"{"id":{},"method":[]}"#,
            r#"{"type":["error"]}"#,
            "[]",
            "null",
            &deep,
        ] {
            let _ = wire.read(line);
        }
        assert!(wire.read("plain words").is_text);
        assert!(!wire.read("{\"half").is_text);
    }
}

#[test]
fn counts_beyond_all_counting_are_the_most_there_is() {
    let most = u64::MAX;
    for (mut wire, line) in [
        (
            Wire::Opencode,
            format!(
                r#"{{"type":"step_finish","part":{{"tokens":{{"input":1,"cache":{{"read":{most},"write":{most}}}}}}}}}"#
            ),
        ),
        (
            Wire::Claude,
            format!(
                r#"{{"type":"result","usage":{{"input_tokens":1,"cache_read_input_tokens":{most},"cache_creation_input_tokens":{most}}}}}"#
            ),
        ),
    ] {
        let mut tally = Tally::new(AMPLE, Usage::ZERO);
        for event in wire.read(&line).events {
            tally.take(&event);
        }
        assert_eq!(tally.usage().input_tokens, Some(most), "{line}");
    }
}
