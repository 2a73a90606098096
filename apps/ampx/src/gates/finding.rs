use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many findings a summary names.
const MOST_NAMED: usize = 3;
const MOST_TEXT_CHARS: usize = 300;

/// Something in a change that a person has to let pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GateFinding {
    /// What it is about.
    pub kind: FindingKind,
    /// The file: as it is now, or as it was where it is gone.
    pub path: String,
    /// The line in that file, from 1; none where it is about the whole file.
    pub line: Option<u32>,
    /// The test's name, with the classes, modules or groups around it.
    pub test: Option<String>,
    /// What was done, as words that follow the name.
    pub what: String,
}

/// What a [`GateFinding`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A secret would get out.
    Secret,
    /// A test is gone.
    Deleted,
    /// A test no longer runs.
    Skipped,
    /// A test checks less than it did.
    Weakened,
    /// A file that CI is told by changed.
    CiFile,
    /// A setting of tests or of their coverage changed.
    Settings,
    /// It is too large to be judged.
    TooLarge,
}

impl FindingKind {
    /// Every kind, the gravest first.
    pub const ALL: [Self; 7] =
        [Self::Secret, Self::Deleted, Self::Skipped, Self::Weakened, Self::CiFile, Self::Settings, Self::TooLarge];

    /// The word on the wire and in the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Deleted => "deleted",
            Self::Skipped => "skipped",
            Self::Weakened => "weakened",
            Self::CiFile => "ci_file",
            Self::Settings => "settings",
            Self::TooLarge => "too_large",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    const fn counted(self, several: bool) -> &'static str {
        match (self, several) {
            (Self::Secret, false) => "secret",
            (Self::Secret, true) => "secrets",
            (Self::Deleted, false) => "deleted test",
            (Self::Deleted, true) => "deleted tests",
            (Self::Skipped, false) => "skipped test",
            (Self::Skipped, true) => "skipped tests",
            (Self::Weakened, false) => "weakened test",
            (Self::Weakened, true) => "weakened tests",
            (Self::CiFile, false) => "changed CI file",
            (Self::CiFile, true) => "changed CI files",
            (Self::Settings, false) => "changed test setting",
            (Self::Settings, true) => "changed test settings",
            (Self::TooLarge, false) => "file too large to judge",
            (Self::TooLarge, true) => "files too large to judge",
        }
    }
}

impl GateFinding {
    pub(super) fn of_file(kind: FindingKind, path: &str, what: impl Into<String>) -> Self {
        Self { kind, path: path.to_owned(), line: None, test: None, what: what.into() }
    }

    /// Cuts names and paths, which come from an agent, and leaves no line end or escape code in them.
    pub(super) fn cleaned(self) -> Self {
        let clean = |text: String| -> String {
            let kept = text.chars().take(MOST_TEXT_CHARS);
            kept.map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
        };
        Self { path: clean(self.path), test: self.test.map(clean), what: clean(self.what), ..self }
    }

    /// Whether its path is perhaps not the file's own: characters were replaced, or its end cut off.
    pub(super) fn is_cut(&self) -> bool {
        self.path.contains(char::REPLACEMENT_CHARACTER) || self.path.chars().count() >= MOST_TEXT_CHARS
    }

    /// There is more of the change than is judged.
    pub(crate) fn of_rest(what: impl Into<String>) -> Self {
        Self::of_file(FindingKind::TooLarge, "the change", what)
    }
}

impl fmt::Display for GateFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        match &self.test {
            Some(test) => write!(f, ": `{test}` {}", self.what),
            None => write!(f, ": {}", self.what),
        }
    }
}

/// How many findings there are of each kind, the gravest first.
pub fn counts(findings: &[GateFinding]) -> String {
    let counts: Vec<String> = FindingKind::ALL
        .into_iter()
        .map(|kind| (kind, findings.iter().filter(|finding| finding.kind == kind).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {}", kind.counted(count > 1)))
        .collect();
    counts.join(", ")
}

/// Counts of each kind, and the first findings by name, in one line.
pub fn summary(findings: &[GateFinding]) -> String {
    let named: Vec<String> = findings.iter().take(MOST_NAMED).map(ToString::to_string).collect();
    let more = findings.len().saturating_sub(MOST_NAMED);
    let rest = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{} ({}{rest})", counts(findings), named.join("; "))
}
