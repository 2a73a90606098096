use std::fmt;

/// One thing to mend: where, what, why it is so, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the checkout.
    pub path: String,
    /// The line, from 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// What was found.
    pub what: String,
    /// The rule it breaks.
    pub why: String,
    /// What to do about it.
    pub fix: String,
}

impl Finding {
    /// A finding about a whole file.
    pub fn of_file(path: &str, what: impl Into<String>, why: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, what: what.into(), why: why.into(), fix: fix.into() }
    }

    /// The same finding at a line.
    pub fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, what, why, fix } = self;
        match line {
            Some(line) => write!(f, "{path}:{line}: {what}: {why}: {fix}"),
            None => write!(f, "{path}: {what}: {why}: {fix}"),
        }
    }
}
