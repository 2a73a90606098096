use std::collections::BTreeMap;

use serde_json::Value;

use crate::{AssistantPart, StopReason, ToolCall, Usage};

/// An answer as far as it has come; both wires fill it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) usage: Usage,
    pub(crate) logprobs: Option<Vec<f64>>,
    blocks: BTreeMap<u64, Block>,
    /// Pieces of text and arguments so far. None of them is less than a token.
    pub(crate) pieces: u64,
    /// Something of the answer is there, be it thinking that nobody sees.
    pub(crate) begun: bool,
}

/// A part that may still grow.
#[derive(Clone, Debug)]
enum Block {
    Text(String),
    Tool(ToolCall),
    Opaque(Value),
}

impl Draft {
    /// Nothing but its names.
    pub(crate) fn of(id: Option<String>, model: Option<String>) -> Self {
        Self { id, model, ..Self::default() }
    }

    pub(crate) fn begin_tool(&mut self, index: u64, id: String, name: String) {
        self.begun = true;
        self.blocks.insert(index, Block::Tool(ToolCall { id, name, arguments: String::new() }));
    }

    pub(crate) fn begin_opaque(&mut self, index: u64, block: Value) {
        self.begun = true;
        self.blocks.insert(index, Block::Opaque(block));
    }

    pub(crate) fn add_text(&mut self, index: u64, piece: &str) {
        self.count(piece);
        match self.blocks.entry(index).or_insert_with(|| Block::Text(String::new())) {
            Block::Text(text) => text.push_str(piece),
            Block::Tool(_) | Block::Opaque(_) => {}
        }
    }

    /// Adds to the arguments of a tool call; false where none was begun there.
    pub(crate) fn add_arguments(&mut self, index: u64, piece: &str) -> bool {
        self.count(piece);
        match self.blocks.get_mut(&index) {
            Some(Block::Tool(call)) => {
                call.arguments.push_str(piece);
                true
            }
            Some(Block::Text(_) | Block::Opaque(_)) | None => false,
        }
    }

    /// Adds to a text field of a block of the provider's own.
    pub(crate) fn add_opaque(&mut self, index: u64, field: &str, piece: &str) {
        self.begun = true;
        if let Some(Block::Opaque(Value::Object(block))) = self.blocks.get_mut(&index) {
            let text = block.entry(field).or_insert_with(|| Value::String(String::new()));
            if let Value::String(text) = text {
                text.push_str(piece);
            }
        }
    }

    fn count(&mut self, piece: &str) {
        self.begun = true;
        self.pieces += u64::from(!piece.is_empty());
    }

    pub(crate) fn has_tool(&self, index: u64) -> bool {
        matches!(self.blocks.get(&index), Some(Block::Tool(_)))
    }

    /// The parts in their order. A call without arguments has an empty object of them.
    pub(crate) fn parts(&self) -> Vec<AssistantPart> {
        let part = |block: &Block| match block {
            Block::Text(text) if text.is_empty() => None,
            Block::Text(text) => Some(AssistantPart::Text(text.clone())),
            Block::Opaque(block) => Some(AssistantPart::Opaque(block.clone())),
            Block::Tool(call) => {
                let mut call = call.clone();
                if call.arguments.trim().is_empty() {
                    "{}".clone_into(&mut call.arguments);
                }
                Some(AssistantPart::ToolCall(call))
            }
        };
        self.blocks.values().filter_map(part).collect()
    }
}
