use ampx::agents::fuzzing::{Program, Read, stream};

use crate::cut;

/// JSON lines of codex, claude, amp and opencode, and plain lines of litellm's users.
pub fn agent_stream(data: &[u8]) {
    for program in [Program::Codex, Program::Claude, Program::Amp, Program::Opencode, Program::Litellm] {
        let read = whole_and_cut(program, data);
        assert!(read.replies.is_empty(), "only ACP is a conversation");
        assert!(read.text_lines <= read.lines);
    }
}

/// The Agent Client Protocol.
pub fn acp(data: &[u8]) {
    let read = whole_and_cut(Program::Acp, data);
    assert!(read.replies.len() <= read.lines, "at most one answer a line");
    for reply in &read.replies {
        let reply: serde_json::Value = serde_json::from_str(reply).expect("what we send is JSON");
        assert_eq!(reply["jsonrpc"], "2.0");
        assert!(!reply.to_string().contains('\n'), "one line");
    }
    let sent: usize = read.replies.iter().map(String::len).sum();
    // An id is given back escaped anew, at most six bytes for one.
    assert!(sent <= 6 * data.len() + 512 * read.lines, "{sent} bytes sent for {}", data.len());
}

fn whole_and_cut(program: Program, data: &[u8]) -> Read {
    let whole = stream(program, [data]);
    assert_eq!(whole, stream(program, cut::pieces(data)), "cut in pieces it reads otherwise");
    whole
}

/// The server's events as the command line reads them. The reader drops a piece that is not UTF-8 as a whole, so
/// pieces are only compared where all of it is.
pub fn events(data: &[u8]) {
    let owned = |pieces: Vec<&[u8]>| pieces.into_iter().map(<[u8]>::to_vec).collect();
    let whole = ampx::read_events(owned(vec![data]));
    let cut = ampx::read_events(owned(cut::pieces(data)));
    if std::str::from_utf8(data).is_ok() {
        assert_eq!(whole, cut, "cut in pieces it reads otherwise");
    }
    for event in whole.0 {
        let text = serde_json::to_string(&event).expect("an event has a JSON form");
        assert_eq!(event, serde_json::from_str(&text).expect("its own JSON form is an event"));
    }
}
