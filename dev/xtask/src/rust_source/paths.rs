/// A path that the code names, such as `std::process::Command`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// Its line, from 1.
    pub line: usize,
    /// Its parts; `*` for a glob import.
    pub segments: Vec<String>,
}

impl NamedPath {
    /// Whether the parts of `wanted` follow each other in this path; a glob import stands for any one part.
    pub fn names(&self, wanted: &str) -> bool {
        let wanted: Vec<&str> = wanted.split("::").collect();
        self.segments
            .windows(wanted.len())
            .any(|part| part.iter().zip(&wanted).enumerate().all(|(i, (a, b))| a == b || (i > 0 && a == "*")))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    PathSeparator,
    Other(char),
}

/// Every path that blanked `code` names, with the groups of `use` spelled out.
pub fn named(code: &str) -> Vec<NamedPath> {
    let mut reader = Reader { tokens: tokens(code), at: 0, found: Vec::new() };
    while let Some((line, token)) = reader.next() {
        let Token::Word(word) = token else { continue };
        if word == "use" {
            reader.use_tree(&[]);
        } else {
            let segments = reader.path(word);
            reader.found.push(NamedPath { line, segments });
        }
    }
    reader.found.retain(|path| path.segments.len() > 1);
    reader.found
}

fn tokens(code: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    let mut chars = code.chars().peekable();
    let mut line = 1;
    while let Some(c) = chars.next() {
        if c == '\n' {
            line += 1;
        } else if crate::rust_source::is_word(c) {
            let mut word = String::from(c);
            while let Some(more) = chars.next_if(|c| crate::rust_source::is_word(*c)) {
                word.push(more);
            }
            tokens.push((line, Token::Word(word)));
        } else if c == ':' && chars.next_if_eq(&':').is_some() {
            tokens.push((line, Token::PathSeparator));
        } else if !c.is_whitespace() {
            tokens.push((line, Token::Other(c)));
        }
    }
    tokens
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
    found: Vec<NamedPath>,
}

impl Reader {
    fn next(&mut self) -> Option<(usize, Token)> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(_, token)| token)
    }

    /// The rest of a path whose first word was just read.
    fn path(&mut self, first: String) -> Vec<String> {
        let mut segments = vec![first];
        while self.peek(0) == Some(&Token::PathSeparator) {
            match self.peek(1) {
                Some(Token::Word(word)) => segments.push(word.clone()),
                Some(Token::Other('*')) => segments.push("*".to_owned()),
                _ => break,
            }
            self.at += 2;
        }
        segments
    }

    /// One tree of a `use`, up to the comma, brace or semicolon that ends it.
    fn use_tree(&mut self, prefix: &[String]) {
        if self.peek(0) == Some(&Token::PathSeparator) {
            self.at += 1;
        }
        let mut segments = prefix.to_vec();
        let mut line = self.tokens.get(self.at).map_or(0, |(line, _)| *line);
        match self.peek(0).cloned() {
            Some(Token::Word(word)) => {
                self.at += 1;
                segments.extend(self.path(word));
                line = self.tokens.get(self.at - 1).map_or(line, |(line, _)| *line);
                if self.peek(0) == Some(&Token::PathSeparator) {
                    self.at += 1;
                }
            }
            Some(Token::Other('*')) => {
                self.at += 1;
                segments.push("*".to_owned());
            }
            _ => {}
        }
        if self.peek(0) == Some(&Token::Other('{')) {
            self.at += 1;
            self.use_group(&segments);
            return;
        }
        self.found.push(NamedPath { line, segments });
        // A rename says nothing about what is named.
        if self.peek(0) == Some(&Token::Word("as".to_owned())) {
            self.at += 2;
        }
    }

    fn use_group(&mut self, prefix: &[String]) {
        loop {
            match self.peek(0) {
                None => return,
                Some(Token::Other('}')) => {
                    self.at += 1;
                    return;
                }
                Some(Token::Word(_) | Token::PathSeparator | Token::Other('*' | '{')) => self.use_tree(prefix),
                Some(Token::Other(_)) => self.at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    fn listed(code: &str) -> Vec<String> {
        named(code).iter().map(|path| format!("{}:{}", path.line, path.segments.join("::"))).collect()
    }

    #[test]
    fn use_groups_are_spelled_out() {
        assert_eq!(
            listed("pub use std::{\n  env,\n  process::{self, Command as C},\n};\nuse ::a::*;\n"),
            ["2:std::env", "3:std::process::self", "3:std::process::Command", "5:a::*"]
        );
        assert_eq!(listed("use {a::b, c::{d, *}};"), ["1:a::b", "1:c::d", "1:c::*"]);
    }

    #[test]
    fn paths_in_expressions_and_bounds_are_found() {
        assert_eq!(
            listed("let x: Vec<a::B> =\n std::env::var(y); impl Z + use<'a>; f::<g::H>()"),
            ["1:a::B", "2:std::env::var", "2:g::H"]
        );
        assert_eq!(listed("use a::{b"), ["1:a::b"]);
    }

    #[test]
    fn a_path_names_what_stands_in_it_whole() {
        for (code, wanted, names) in [
            ("tokio::process::Command::new", "process::Command", true),
            ("process::Command", "process::Command", true),
            ("clap::Command::new", "process::Command", false),
            ("std::process::*", "process::Command", true),
            ("std::env::vars", "env::var", false),
            ("sea_orm::Set", "sea_orm", true),
            ("crate::sea_orm_like::Set", "sea_orm", false),
            ("a::*", "sea_orm", false),
        ] {
            assert_eq!(named(code)[0].names(wanted), names, "{code} {wanted}");
        }
    }
}
