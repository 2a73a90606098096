/// Words of which the end of a text may hold the beginning.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    /// By their first byte, folded where case does not count.
    words: Vec<Vec<Box<[u8]>>>,
    longest: usize,
    fold: bool,
}

impl Prefixes {
    pub(super) fn ignoring_case<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::new(words.map(|word| word.to_ascii_lowercase()), true)
    }

    pub(super) fn exact<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        Self::new(words.map(<[u8]>::to_vec), false)
    }

    fn new(words: impl Iterator<Item = Vec<u8>>, fold: bool) -> Self {
        let mut by_first = vec![Vec::new(); 256];
        let mut longest = 0;
        for word in words.filter(|word| !word.is_empty()) {
            longest = longest.max(word.len());
            by_first[usize::from(word[0])].push(word.into_boxed_slice());
        }
        Self { words: by_first, longest, fold }
    }

    /// Where the first word begins that `text` breaks off; else the end of `text`.
    pub(super) fn cut(&self, text: &[u8]) -> usize {
        let from = text.len() - text.len().min(self.longest.saturating_sub(1));
        (from..text.len()).find(|start| self.breaks_off(&text[*start..])).unwrap_or(text.len())
    }

    fn breaks_off(&self, rest: &[u8]) -> bool {
        let first = if self.fold { rest[0].to_ascii_lowercase() } else { rest[0] };
        let begins = |word: &[u8]| {
            let Some(head) = word.get(..rest.len()) else { return false };
            word.len() > rest.len() && if self.fold { head.eq_ignore_ascii_case(rest) } else { head == rest }
        };
        self.words.get(usize::from(first)).is_some_and(|words| words.iter().any(|word| begins(word)))
    }
}

#[cfg(test)]
mod tests {
    use super::Prefixes;

    #[test]
    fn the_longest_beginning_counts_and_a_whole_word_does_not() {
        let words = Prefixes::ignoring_case([&b"token"[..], b"to-do", b"sk-"].into_iter());
        for (text, cut) in [("a t", 2), ("a TOK", 2), ("a token", 7), ("a toke sk", 7), ("tot", 2), ("", 0), ("x", 1)] {
            assert_eq!(words.cut(text.as_bytes()), cut, "{text}");
        }
        assert_eq!(Prefixes::exact([&b"Ab"[..]].into_iter()).cut(b"xa"), 2);
        assert_eq!(Prefixes::default().cut(b"abc"), 3);
    }
}
