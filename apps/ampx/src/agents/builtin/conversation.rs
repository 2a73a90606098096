use opsmith_llm::{Caching, Completion, Message, PromptCaching, Request, UserPart};

use super::tools;
use crate::agents::Job;

const SYSTEM: &str = include_str!("system.md");
/// What a model may write in one answer, thinking included.
const MAX_TOKENS: u32 = 16_000;
/// What of the conversation is sent; older results of tools are left out beyond it.
const MAX_BYTES: usize = 600 << 10;
/// A conversation that is shorter than this is not what a model cannot take.
const LEAST_BYTES: usize = 16 << 10;
const LEFT_OUT: &str = "(left out; call the tool again if it matters)";

/// The request that grows with each turn.
pub(super) struct Conversation(pub(super) Request);

impl Conversation {
    pub(super) fn new(model: &str, caching: Caching, job: &Job<'_>) -> Self {
        Self(Request {
            system: Some(SYSTEM.to_owned()),
            tools: tools::offered(job.check),
            prompt_caching: PromptCaching::Conversation,
            caching,
            ..Request::new(model, job.prompt.clone(), MAX_TOKENS)
        })
    }

    /// Adds the model's turn and what its tools answered.
    pub(super) fn add(&mut self, completion: Completion, results: Vec<UserPart>) {
        self.0.messages.push(Message::Assistant(completion.parts));
        if !results.is_empty() {
            self.0.messages.push(Message::User(results));
        }
        // Well below the limit at once: what is left out changes the beginning, which the provider then reads anew.
        if self.bytes() > MAX_BYTES {
            self.shorten(MAX_BYTES / 2);
        }
    }

    /// Adds a turn that was cut short, and has the model go on. Providers take no turn without words.
    pub(super) fn prod(&mut self, completion: Completion) {
        if !completion.parts.is_empty() {
            self.0.messages.push(Message::Assistant(completion.parts));
            self.0.messages.push(Message::user("Your answer was cut short. Go on, in smaller steps."));
        }
    }

    /// Leaves out half of it, for a model that cannot take so much; false where there is not so much to leave out.
    pub(super) fn halve(&mut self) -> bool {
        let before = self.bytes();
        self.shorten((before / 2).max(LEAST_BYTES));
        self.bytes() < before
    }

    fn bytes(&self) -> usize {
        self.0.messages.iter().map(size).sum()
    }

    /// Leaves out the oldest results until the rest fits; the last turn stays whole.
    fn shorten(&mut self, most: usize) {
        let mut bytes = self.bytes();
        let older = self.0.messages.len().saturating_sub(1);
        for message in &mut self.0.messages[..older] {
            let Message::User(parts) = message else { continue };
            for part in parts {
                if bytes <= most {
                    return;
                }
                if let UserPart::ToolResult { content, .. } = part
                    && content.len() > LEFT_OUT.len()
                {
                    bytes -= content.len() - LEFT_OUT.len();
                    LEFT_OUT.clone_into(content);
                }
            }
        }
    }
}

fn size(message: &Message) -> usize {
    match message {
        Message::User(parts) => parts
            .iter()
            .map(|part| match part {
                UserPart::Text(text) | UserPart::ToolResult { content: text, .. } => text.len(),
            })
            .sum(),
        Message::Assistant(parts) => parts
            .iter()
            .map(|part| match part {
                opsmith_llm::AssistantPart::Text(text) => text.len(),
                opsmith_llm::AssistantPart::ToolCall(call) => call.arguments.len(),
                opsmith_llm::AssistantPart::Opaque(block) => block.to_string().len(),
            })
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_results_go_before_the_conversation_is_too_long() {
        let result = |number: usize| UserPart::ToolResult {
            call_id: number.to_string(),
            content: "x".repeat(100 << 10),
            is_error: false,
        };
        let mut messages: Vec<Message> = vec![Message::user("Do it.")];
        messages.extend((0..10).map(|number| Message::User(vec![result(number)])));
        let mut conversation = Conversation(Request { messages, ..Request::new("m", "", 1) });
        conversation.shorten(MAX_BYTES);
        let sizes: Vec<usize> = conversation.0.messages.iter().map(size).collect();
        assert_eq!(sizes[0], "Do it.".len());
        assert_eq!(sizes[1..6], [LEFT_OUT.len(); 5]);
        assert_eq!(sizes[6..].iter().filter(|size| **size == 100 << 10).count(), 5);
        assert!(conversation.halve() && conversation.halve());
        assert_eq!(size(conversation.0.messages.last().unwrap()), 100 << 10, "what was just answered stays");
        assert!(!conversation.halve());
    }
}
