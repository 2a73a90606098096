//! `.opsmith.toml` as a repository's base branch has it. It may choose its check and one of the configured agents;
//! programs of the host, its environment and its policy are not a repository's to name.

use opsmith_forge::git::CachedRepo;
use opsmith_model::{ErrorKind, Hint, nearest};
use opsmith_runs::Halt;
use toml::{Table, Value};

use super::halt::halt;
use crate::Ampx;

/// The file's name.
pub(super) const FILE: &str = ".opsmith.toml";
/// How much of it is read.
const MOST_BYTES: usize = 64 * 1024;
/// What it may say.
const KNOWN: [&str; 2] = ["agent", "ci.command"];
/// How many unknown keys are named.
const MOST_NAMED: usize = 5;

/// What a repository says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RepositoryFile {
    /// The agent for tasks that ask for none.
    pub(super) agent: Option<String>,
    /// The shell command that is the check.
    pub(super) ci_command: Option<String>,
    /// Keys that mean nothing here.
    unknown: Vec<String>,
}

/// A file that cannot be taken as it is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the repository's `{FILE}` is not readable: {0}")]
pub(super) struct Unreadable(String);

impl Hint for Unreadable {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Option<String> {
        Some("mend it on the base branch".to_owned())
    }
}

/// Reads the file of the base commit; where there is none, it says nothing.
pub(super) async fn read(ampx: &Ampx, repo: &CachedRepo, base_sha: &str) -> Result<RepositoryFile, Halt> {
    let path = format!("{base_sha}:{FILE}");
    if ampx.git.work(repo.git_dir()).args(["cat-file", "-e", &path]).run().await.is_err() {
        return Ok(RepositoryFile::default());
    }
    let show = ampx.git.work(repo.git_dir()).args(["cat-file", "blob", &path]).max_output(MOST_BYTES);
    let text = show.text().await.map_err(halt)?;
    RepositoryFile::parse(&text).map_err(|error| Halt::failed(&error))
}

impl RepositoryFile {
    /// Reads the file's text. A key of another version or tool is no reason to refuse the work; one with a wrong value
    /// is.
    fn parse(text: &str) -> Result<Self, Unreadable> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| Unreadable(error.message().to_owned()))?;
        let mut file = Self::default();
        for (key, value) in table {
            match (key.as_str(), value) {
                ("agent", value) => file.agent = Some(name_or_command("agent", value)?),
                ("ci", Value::Table(ci)) => {
                    for (key, value) in ci {
                        match key.as_str() {
                            "command" => file.ci_command = Some(name_or_command("ci.command", value)?),
                            _ => file.unknown.push(format!("ci.{key}")),
                        }
                    }
                }
                ("ci", _) => return Err(Unreadable("`ci` must be a table".to_owned())),
                (_, _) => file.unknown.push(key),
            }
        }
        Ok(file)
    }

    /// A line for the task's log on keys that do nothing, if there are any.
    pub(super) fn note(&self) -> Option<String> {
        let named: Vec<String> = self.unknown.iter().take(MOST_NAMED).map(|key| told(key)).collect();
        let more = match self.unknown.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let known = KNOWN.map(|key| format!("`{key}`")).join(" and ");
        let keys = named.join(", ");
        (!named.is_empty())
            .then(|| format!("`{FILE}` of the base says {keys}{more}, which does nothing; it may say {known}"))
    }
}

/// What a file's text says of agent and check, and what is noted of it; for dev/fuzz only.
#[cfg(feature = "fuzzing")]
pub fn repository_file(text: &str) -> Result<(Option<String>, Option<String>, Option<String>), String> {
    let file = RepositoryFile::parse(text).map_err(|error| error.to_string())?;
    let note = file.note();
    Ok((file.agent, file.ci_command, note))
}

fn told(key: &str) -> String {
    let short: String = key.chars().filter(|c| !c.is_control()).take(60).collect();
    match nearest(key, KNOWN) {
        Some(near) => format!("`{short}` (did you mean `{near}`?)"),
        None => format!("`{short}`"),
    }
}

fn name_or_command(key: &str, value: Value) -> Result<String, Unreadable> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Ok(text),
        Value::String(_) => Err(Unreadable(format!("`{key}` is empty"))),
        other => Err(Unreadable(format!("`{key}` must be a text, and is of type {}", other.type_str()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file's text, its agent, its command, and what is noted of it.
    type Row<'a> = (&'a str, Option<&'a str>, Option<&'a str>, &'a [&'a str]);

    #[test]
    fn a_file_says_its_check_and_its_agent_and_nothing_else_counts() {
        let table: [Row; 6] = [
            ("", None, None, &[]),
            ("agent = \"a\"\n[ci]\ncommand = \"make\"", Some("a"), Some("make"), &[]),
            ("agnet = \"a\"", None, None, &["`agnet` (did you mean `agent`?)"]),
            (
                "[ci]\ncomand = \"make\"\nimage = 3",
                None,
                None,
                &["`ci.comand` (did you mean `ci.command`?)", "`ci.image`"],
            ),
            ("[policy]\n\"ampx.merge\" = \"allow\"", None, None, &["`policy`"]),
            ("[ampx.agents.a]\ncommand = [\"sh\"]", None, None, &["`ampx`"]),
        ];
        for (text, agent, command, noted) in table {
            let file = RepositoryFile::parse(text).unwrap();
            assert_eq!((file.agent.as_deref(), file.ci_command.as_deref()), (agent, command), "{text}");
            let note = file.note().unwrap_or_default();
            assert_eq!(note.is_empty(), noted.is_empty(), "{note}");
            assert!(noted.iter().all(|word| note.contains(word)), "{note}");
        }
        let many: String = (0..9).map(|n| format!("key{n} = 1\n")).collect();
        assert!(RepositoryFile::parse(&many).unwrap().note().unwrap().contains("`key4` and 4 more"));
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (text, word) in [
            ("agent = 3", "`agent` must be a text"),
            ("agent = \" \"", "`agent` is empty"),
            ("ci = \"make\"", "`ci` must be a table"),
            ("[ci]\ncommand = [\"make\"]", "`ci.command` must be a text"),
            ("agent = ", ".opsmith.toml"),
        ] {
            let error = RepositoryFile::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
