/// A source text without its words: comments and the insides of literals are spaces, line for line and byte for byte.
#[derive(Debug)]
pub struct Blanked {
    /// The code.
    pub code: String,
    /// The comments that were blanked.
    pub comments: Vec<Comment>,
}

/// A line comment.
#[derive(Debug)]
pub struct Comment {
    /// Its line, from 1.
    pub line: usize,
    /// Nothing but space stands before it.
    pub alone: bool,
    /// All of it, slashes included.
    pub text: String,
}

/// Blanks comments, strings and characters of `text`.
pub fn blank(text: &str) -> Blanked {
    let mut lexer = Lexer { bytes: text.as_bytes(), at: 0, code: Vec::with_capacity(text.len()), comments: Vec::new() };
    while let Some(byte) = lexer.peek(0) {
        match byte {
            b'/' if lexer.peek(1) == Some(b'/') => lexer.line_comment(text),
            b'/' if lexer.peek(1) == Some(b'*') => lexer.block_comment(),
            b'"' => lexer.string(),
            b'r' if !lexer.after_word() => lexer.raw_string_or_word(),
            b'b' | b'c' if !lexer.after_word() && lexer.peek(1) == Some(b'r') => {
                lexer.keep();
                lexer.raw_string_or_word();
            }
            b'\'' => lexer.character_or_lifetime(),
            _ => lexer.keep(),
        }
    }
    Blanked { code: String::from_utf8_lossy(&lexer.code).into_owned(), comments: lexer.comments }
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    code: Vec<u8>,
    comments: Vec<Comment>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        self.code.extend(self.peek(0));
        self.at += 1;
    }

    fn drop(&mut self, bytes: usize) {
        let end = (self.at + bytes).min(self.bytes.len());
        let blanks = self.bytes[self.at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' });
        self.code.extend(blanks);
        self.at = end;
    }

    fn after_word(&self) -> bool {
        self.at
            .checked_sub(1)
            .is_some_and(|before| self.bytes[before].is_ascii_alphanumeric() || self.bytes[before] == b'_')
    }

    fn line_comment(&mut self, text: &str) {
        let rest = &text[self.at..];
        let comment = rest.split('\n').next().unwrap_or(rest);
        let line = text[..self.at].matches('\n').count() + 1;
        let before = text[..self.at].rsplit('\n').next().unwrap_or("");
        self.comments.push(Comment { line, alone: before.trim().is_empty(), text: comment.to_owned() });
        self.drop(comment.len());
    }

    fn block_comment(&mut self) {
        let mut depth = 0usize;
        while self.peek(0).is_some() {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => {
                    depth += 1;
                    self.drop(2);
                }
                (Some(b'*'), Some(b'/')) => {
                    depth -= 1;
                    self.drop(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.drop(1),
            }
        }
    }

    fn string(&mut self) {
        self.keep();
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.drop(2),
                b'"' => return self.keep(),
                _ => self.drop(1),
            }
        }
    }

    /// At an `r`: a raw string when hashes and a quote follow, else a word.
    fn raw_string_or_word(&mut self) {
        let hashes = self.bytes[self.at + 1..].iter().take_while(|byte| **byte == b'#').count();
        if self.peek(1 + hashes) != Some(b'"') {
            return self.keep();
        }
        self.drop(2 + hashes);
        let closes =
            |lexer: &Self| lexer.peek(0) == Some(b'"') && (1..=hashes).all(|ahead| lexer.peek(ahead) == Some(b'#'));
        while self.peek(0).is_some() && !closes(self) {
            self.drop(1);
        }
        self.drop(1 + hashes);
    }

    /// At a quote: a character when one closes it, else a lifetime.
    fn character_or_lifetime(&mut self) {
        let width = match self.peek(1) {
            Some(b'\\') => self.bytes[self.at + 3..].iter().position(|byte| *byte == b'\'').map(|offset| offset + 4),
            Some(_) => {
                let end = self.bytes[self.at + 1..].iter().skip(1).position(|byte| (*byte as i8) >= -64).map(|n| n + 2);
                end.filter(|width| self.peek(*width) == Some(b'\'')).map(|width| width + 1)
            }
            None => None,
        };
        match width {
            Some(width) => self.drop(width),
            None => self.keep(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::blank;

    #[test]
    fn words_go_and_code_stays_in_its_place() {
        for (text, code) in [
            ("a // b", "a     "),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", z)"#, r#"f("    ", z)"#),
            ("f(\"a\nb\") g", "f(\" \n \") g"),
            ("r#\"a\"b\"# c", "         c"),
            ("br\"a\" c", "b     c"),
            ("r#type var\"x\"", "r#type var\" \""),
            ("'\"' a 'b c", "    a 'b c"),
            (r"'\'' a '\u{41}' b", "     a          b"),
            ("'é' a <'static>", "     a <'static>"),
            ("\"open", "\"    "),
            ("/* open", "       "),
        ] {
            assert_eq!(blank(text).code, code, "{text}");
        }
    }

    #[test]
    fn comments_keep_their_line_and_whether_code_stands_before_them() {
        let comments = blank("let s = \"// no\";\n  // one\nx // two\n").comments;
        let seen: Vec<_> = comments.iter().map(|c| (c.line, c.alone, c.text.as_str())).collect();
        assert_eq!(seen, [(2, true, "// one"), (3, false, "// two")]);
    }
}
