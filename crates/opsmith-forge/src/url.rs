//! The one way to name a remote: parsed once, refused early, compared by its normal form.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use opsmith_model::{ErrorKind, Hint, Target};
use serde::{Deserialize, Serialize};

const MAX_CHARS: usize = 2_000;

/// How the tokens of well-known forges begin: as a user name they are a secret in the open.
const TOKEN_PREFIXES: [&str; 10] =
    ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "ATBB", "x-token-auth"];

/// No person's user name is this long; tokens of unknown forges are.
const MAX_USER_CHARS: usize = 39;

/// The address of a repository: https, http, ssh, scp-like, file, or an absolute local path. It holds no secret.
///
/// Two are equal if they name the same repository over the same protocol as the same user, however written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoUrl {
    text: String,
    /// `scheme://[user@]` and the target.
    normal: String,
    target: Target,
    local: bool,
}

/// A text that is not a repository's address. No variant repeats the text: it may hold a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepoUrlError {
    /// No text.
    #[error("the repository address is empty")]
    Empty,
    /// More than 2,000 characters.
    #[error("the repository address is longer than {MAX_CHARS} characters")]
    TooLong,
    /// A control character, such as a line break.
    #[error("the repository address has a control character")]
    ControlCharacter,
    /// A part that a program could take for an option.
    #[error("the repository address has a part that begins with `-`")]
    LeadingDash,
    /// Neither a protocol nor a leading slash.
    #[error("the repository address is relative")]
    Relative,
    /// `name::address`: git would run the program `git-remote-name`.
    #[error("the repository address names a remote helper")]
    RemoteHelper,
    /// Any protocol but https, http, ssh and file.
    #[error("the protocol `{0}` is not supported for repositories")]
    Scheme(String),
    /// A password or token in the address.
    #[error("the repository address contains a password or token")]
    Credentials,
    /// `..` as a part of the path, as it hides which repository is meant.
    #[error("the repository address has `..` in its path")]
    ParentFolder,
    /// Anything else that is not an address; the word says which part is wrong.
    #[error("the repository address has no valid {0}")]
    Malformed(&'static str),
}

impl Hint for RepoUrlError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Credentials => {
                "leave it out and give it to git through a credential helper or GIT_ASKPASS; as it was shown, renew it"
            }
            Self::Empty
            | Self::TooLong
            | Self::ControlCharacter
            | Self::LeadingDash
            | Self::Relative
            | Self::RemoteHelper
            | Self::Scheme(_)
            | Self::ParentFolder
            | Self::Malformed(_) => {
                "use `https://HOST/OWNER/NAME`, `ssh://git@HOST/OWNER/NAME`, `git@HOST:OWNER/NAME` or an absolute path"
            }
        };
        Some(text.to_owned())
    }
}

impl RepoUrl {
    /// Reads an address from any source.
    pub fn parse(text: &str) -> Result<Self, RepoUrlError> {
        let text = text.trim_matches(' ');
        match text.chars().count() {
            0 => return Err(RepoUrlError::Empty),
            1..=MAX_CHARS => {}
            _ => return Err(RepoUrlError::TooLong),
        }
        if text.contains(char::is_control) {
            return Err(RepoUrlError::ControlCharacter);
        }
        if text.starts_with('-') {
            return Err(RepoUrlError::LeadingDash);
        }
        if text.starts_with('/') {
            return Self::local(text, text);
        }
        let scheme_end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+.-".contains(c)).unwrap_or(text.len());
        let (scheme, rest) = text.split_at(scheme_end);
        if rest.starts_with("::") {
            return Err(RepoUrlError::RemoteHelper);
        }
        match (scheme.to_ascii_lowercase().as_str(), rest.starts_with("://")) {
            (scheme @ ("https" | "http" | "ssh"), true) => Self::remote(text, scheme),
            ("file", true) => Self::file(text),
            (scheme, true) => Err(RepoUrlError::Scheme(scheme.to_owned())),
            (_, false) => Self::scp_like(text),
        }
    }

    /// The address as it was written, for git.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The repository whatever the protocol: `github.com/acme/api`, `local/srv/git/api.git`.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// Whether the repository is on this machine's disk.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// The form that equality goes by.
    pub(crate) fn normal(&self) -> &str {
        &self.normal
    }

    fn remote(text: &str, scheme: &str) -> Result<Self, RepoUrlError> {
        // Where this parser and git's would see different hosts.
        if text.contains('\\') || text.contains(":///") {
            return Err(RepoUrlError::Malformed("host"));
        }
        let url = url::Url::parse(text).map_err(|_| RepoUrlError::Malformed("host"))?;
        if url.password().is_some() || looks_secret(url.username()) {
            return Err(RepoUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(RepoUrlError::Malformed("path: it has `?` or `#`"));
        }
        // The parser takes `..` away silently; what git is given still has it.
        let path = text.splitn(4, '/').nth(3).unwrap_or_default();
        let port = url.port().filter(|port| (scheme, *port) != ("ssh", 22));
        Self::on_host(text, scheme, url.username(), url.host_str().unwrap_or_default(), port, path)
    }

    fn scp_like(text: &str) -> Result<Self, RepoUrlError> {
        let (login, path) = text.split_once(':').ok_or(RepoUrlError::Relative)?;
        if login.contains('/') {
            return Err(RepoUrlError::Relative);
        }
        // `user:password@host:path`.
        if path.split('/').next().is_some_and(|first| first.contains('@')) {
            return Err(RepoUrlError::Credentials);
        }
        let (user, host) = login.rsplit_once('@').unwrap_or(("", login));
        Self::on_host(text, "ssh", user, host, None, path)
    }

    fn on_host(
        text: &str,
        scheme: &str,
        user: &str,
        host: &str,
        port: Option<u16>,
        path: &str,
    ) -> Result<Self, RepoUrlError> {
        let plain = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || "._-+~%@".contains(c));
        if host.starts_with('-') || user.starts_with('-') || path.starts_with('-') {
            return Err(RepoUrlError::LeadingDash);
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let in_brackets = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || !(in_brackets || plain(&host)) {
            return Err(RepoUrlError::Malformed("host"));
        }
        // The target of a path on this machine's disk begins so.
        if host == "local" && port.is_none() {
            return Err(RepoUrlError::Malformed("host: `local` stands for this machine's disk"));
        }
        if !plain(user) {
            return Err(RepoUrlError::Malformed("user"));
        }
        let mut path = decoded(path)?;
        // The one well-known forge whose names ignore case: else a policy for `github.com/acme/*` would miss `ACME`.
        if host == "github.com" {
            path = path.to_lowercase();
        }
        let path = repository_path(&path)?;
        // `...git` is a name; without its end it would be the folder above.
        let bare = path.strip_suffix(".git").filter(|bare| !matches!(bare.rsplit('/').next(), Some("." | "..")));
        let path = bare.unwrap_or(&path);
        if path.is_empty() {
            return Err(RepoUrlError::Malformed("path"));
        }
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let target = Target::new(&format!("{host}{port}/{path}"));
        let login = if user.is_empty() { String::new() } else { format!("{user}@") };
        Ok(Self { text: text.to_owned(), normal: format!("{scheme}://{login}{target}"), target, local: false })
    }

    fn file(text: &str) -> Result<Self, RepoUrlError> {
        let path = text.get("file://".len()..).unwrap_or_default();
        if !path.starts_with('/') {
            return Err(RepoUrlError::Malformed("path: a file address begins with `file:///`"));
        }
        Self::local(text, &decoded(path)?)
    }

    fn local(text: &str, path: &str) -> Result<Self, RepoUrlError> {
        let path = repository_path(path)?;
        if path.is_empty() {
            return Err(RepoUrlError::Malformed("path"));
        }
        let target = Target::new(&format!("local/{path}"));
        Ok(Self { text: text.to_owned(), normal: format!("file:///{path}"), target, local: true })
    }
}

/// The path without empty and `.` parts.
fn repository_path(path: &str) -> Result<String, RepoUrlError> {
    if path.contains(|c: char| c.is_control() || c == '\\') {
        return Err(RepoUrlError::Malformed("path"));
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") { Err(RepoUrlError::ParentFolder) } else { Ok(parts.join("/")) }
}

/// The path with `%41` read as `A`, once: a server reads it so, and a policy must see what the server sees.
fn decoded(path: &str) -> Result<String, RepoUrlError> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut parts = path.split('%');
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let (code, rest) = part.split_at_checked(2).ok_or(RepoUrlError::Malformed("path"))?;
        let byte = hex::decode(code).map_err(|_| RepoUrlError::Malformed("path"))?;
        bytes.extend_from_slice(&byte);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| RepoUrlError::Malformed("path"))
}

fn looks_secret(user: &str) -> bool {
    user.chars().count() > MAX_USER_CHARS || TOKEN_PREFIXES.iter().any(|prefix| user.starts_with(prefix))
}

impl FromStr for RepoUrl {
    type Err = RepoUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for RepoUrl {
    type Error = RepoUrlError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<RepoUrl> for String {
    fn from(url: RepoUrl) -> Self {
        url.text
    }
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for RepoUrl {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for RepoUrl {}

impl Hash for RepoUrl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normal.hash(state);
    }
}
