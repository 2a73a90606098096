/// Marks are copied to each test below them, so they are cut.
const MOST_CHARS: usize = 200;

/// A mark that keeps a test from running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Skip {
    /// As it is written.
    pub(super) text: String,
    /// It depends on something whether it holds.
    pub(super) conditional: bool,
}

impl Skip {
    pub(super) fn new(text: &str, conditional: bool) -> Self {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { text: words.chars().take(MOST_CHARS).collect(), conditional }
    }
}
