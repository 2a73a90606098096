use std::collections::HashMap;

use chrono::{DateTime, Utc};
use opsmith_model::Principal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::finding::{FindingKind, GateFinding};

/// A finding of an attempt, and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptFinding {
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
    /// Whether it holds the change.
    pub standing: Standing,
    /// What it was found in: a blob, nothing, or a commit. None where it was found before this was kept.
    #[serde(skip)]
    pub(crate) content: Option<String>,
}

/// How a finding stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Standing {
    /// It holds the change for a person.
    Held,
    /// The task or the policy lets it pass.
    Allowed,
    /// A person has let it pass.
    Accepted {
        /// Who.
        #[schema(value_type = Object)]
        by: Principal,
        /// When.
        at: DateTime<Utc>,
    },
}

impl AttemptFinding {
    pub(crate) fn held(finding: GateFinding, content: String) -> Self {
        let GateFinding { kind, path, line, test, what } = finding;
        Self { kind, path, line, test, what, standing: Standing::Held, content: Some(content) }
    }

    /// The finding without how it stands.
    pub(crate) fn finding(&self) -> GateFinding {
        let Self { kind, path, line, test, what, standing: _, content: _ } = self.clone();
        GateFinding { kind, path, line, test, what }
    }

    /// Whether a yes to the other one is a yes to this one: the same words of the same content. A file that has changed
    /// since may do less for the same words.
    fn is(&self, other: &Self) -> bool {
        let words = |one: &Self| (one.kind, one.path.clone(), one.test.clone(), one.what.clone());
        self.content.is_some() && self.content == other.content && words(self) == words(other)
    }

    /// It as the audit chain has it.
    pub(crate) fn told(&self) -> Value {
        json!({ "finding": self.finding().to_string(), "kind": self.kind, "content": self.content })
    }
}

/// What a finding was found in.
pub(crate) struct Contents<'a> {
    /// The blobs of the changed files as they are now, by path; none for a file that is gone.
    pub(crate) blobs: HashMap<&'a str, Option<&'a str>>,
    /// The commit that is judged.
    pub(crate) head: &'a str,
}

impl Contents<'_> {
    /// The name of the content that a finding is about: the file's, or where that does not say it all, the commit.
    pub(crate) fn of(&self, finding: &GateFinding) -> String {
        // Its words may be about more than one file, and a path that was cleaned may be another file's.
        let is_of_one_file = finding.kind != FindingKind::TooLarge && !finding.is_cut();
        match self.blobs.get(finding.path.as_str()).filter(|_| is_of_one_file) {
            Some(Some(blob)) => format!("blob:{blob}"),
            Some(None) => "gone".to_owned(),
            None => format!("commit:{}", self.head),
        }
    }
}

/// Lets pass what a person has accepted before.
pub(crate) fn let_pass(findings: &mut [AttemptFinding], accepted: &[AttemptFinding]) {
    for finding in findings {
        if let Some(before) = accepted.iter().find(|before| finding.is(before)) {
            finding.standing = before.standing.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(kind: FindingKind, path: &str, what: &str) -> GateFinding {
        GateFinding::of_file(kind, path, what)
    }

    #[test]
    fn a_yes_is_for_the_same_words_of_the_same_content() {
        let by = Standing::Accepted { by: Principal::user("ada"), at: DateTime::default() };
        let held = |what: &str, content: &str| {
            AttemptFinding::held(found(FindingKind::Weakened, "test_a.py", what), content.to_owned())
        };
        let accepted = [AttemptFinding { standing: by.clone(), ..held("less", "blob:1") }];
        let mut now = [held("less", "blob:1"), held("less", "blob:2"), held("even less", "blob:1")];
        let_pass(&mut now, &accepted);
        assert_eq!(now.map(|finding| finding.standing), [by, Standing::Held, Standing::Held]);
        let unknown = AttemptFinding { content: None, ..accepted[0].clone() };
        let mut now = [AttemptFinding { standing: Standing::Held, ..unknown.clone() }];
        let_pass(&mut now, &[unknown]);
        assert_eq!(now[0].standing, Standing::Held);
    }

    #[test]
    fn what_is_not_one_files_content_is_the_commits() {
        let head = "c".repeat(40);
        let long = "x".repeat(400);
        let blobs = HashMap::from([("a", Some("1")), ("gone", None), ("odd\u{fffd}", Some("2")), (&long, Some("3"))]);
        let contents = Contents { blobs, head: &head };
        let commit = format!("commit:{head}");
        for (kind, path, content) in [
            (FindingKind::Weakened, "a", "blob:1"),
            (FindingKind::Deleted, "gone", "gone"),
            (FindingKind::TooLarge, "a", &commit),
            (FindingKind::CiFile, "odd\u{1}", &commit),
            (FindingKind::CiFile, &long, &commit),
            (FindingKind::TooLarge, "the change", &commit),
        ] {
            assert_eq!(contents.of(&found(kind, path, "x").cleaned()), content, "{path}");
        }
    }
}
