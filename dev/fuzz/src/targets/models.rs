use opsmith_llm::fuzzing::{Read, refusal, stream as read_stream, whole};
use opsmith_llm::{AssistantPart, Wire};

use crate::cut;

const KEY: &str = "sk-stub-0123456789";

/// Server-sent events of both wires.
pub fn stream(data: &[u8]) {
    for wire in [Wire::Messages, Wire::OpenAi] {
        let read = read_stream(wire, [data]);
        assert_eq!(read, read_stream(wire, cut::pieces(data)), "cut in pieces it reads otherwise");
        let text = said(&read, data);
        if wire == Wire::OpenAi {
            assert_eq!(read.words, text, "what is told is what is kept");
        }
    }
}

/// Whole answers of both wires, and refusals.
pub fn answer(data: &[u8]) {
    for wire in [Wire::Messages, Wire::OpenAi] {
        said(&whole(wire, data), data);
    }
    for status in [400, 401, 403, 404, 413, 422, 429, 500, 529] {
        let words = refusal(status, data, KEY);
        assert!(!words.contains(KEY), "the key is told: {words}");
        assert!(words.len() < 4096 && !words.contains(['\n', '\r']), "{words:?}");
    }
}

/// The words of an answer, whose figures hold together.
fn said(read: &Read, data: &[u8]) -> String {
    if let Some(total) = read.usage.total() {
        assert!(total >= read.usage.output.unwrap_or(0), "a sum below its part");
    }
    let kept: usize = read.parts.iter().map(|part| format!("{part:?}").len()).sum();
    assert!(kept <= 16 * data.len() + 256 * read.parts.len(), "{kept} bytes kept of {}", data.len());
    let text = read.parts.iter().filter_map(|part| match part {
        AssistantPart::Text(text) => Some(text.as_str()),
        AssistantPart::ToolCall(_) | AssistantPart::Opaque(_) => None,
    });
    text.collect()
}
