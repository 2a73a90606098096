use chrono::{DateTime, Utc};
use opsmith_guard::PermitMismatch;
use opsmith_model::{ErrorKind, Hint, Target};

/// Why GitHub did not do it, or cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum GitHubError {
    /// The permit is for something else.
    #[error(transparent)]
    Permit(#[from] PermitMismatch),
    /// The base address of the API cannot be used.
    #[error("`{address}` is no address of a GitHub API: {why}")]
    BadAddress {
        /// The text; empty where it may hold a secret.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The App's private key is no RSA key in PEM form. The cause is not told: it may quote the key.
    #[error("the private key of the GitHub App `{app_id}` cannot be used")]
    BadKey {
        /// The App.
        app_id: String,
    },
    /// The client could not be made.
    #[error("failed to set up the HTTP client for GitHub")]
    Client(#[source] reqwest::Error),
    /// The repository is not on this GitHub.
    #[error("`{repository}` is not a repository of `{host}`")]
    Elsewhere {
        /// What was asked for.
        repository: Target,
        /// Where this client looks.
        host: String,
    },
    /// The credentials are not, or no longer, accepted (401).
    #[error("GitHub does not accept the credentials for {subject}: {message}")]
    Unauthenticated {
        /// What it was about.
        subject: String,
        /// What GitHub said.
        message: String,
    },
    /// The credentials are good but do not suffice (403).
    #[error("GitHub forbids {}: {message}", asked(.subject, .needs.as_deref()))]
    Forbidden {
        /// What it was about.
        subject: String,
        /// The permission that would suffice, by `X-Accepted-GitHub-Permissions` or `X-Accepted-OAuth-Scopes`.
        needs: Option<String>,
        /// What GitHub said.
        message: String,
    },
    /// There is no such thing, or this token may not see it (404): GitHub does not tell one from the other.
    #[error("GitHub has no {subject}, or hides it from these credentials")]
    NotFound {
        /// What was asked for.
        subject: String,
    },
    /// It is switched off or was removed (410).
    #[error("GitHub no longer has {subject}: {message}")]
    Gone {
        /// What was asked for.
        subject: String,
        /// What GitHub said.
        message: String,
    },
    /// It is withheld for legal reasons (451).
    #[error("GitHub withholds {subject} for legal reasons")]
    Withheld {
        /// What was asked for.
        subject: String,
    },
    /// It does not fit what is there now (409).
    #[error("GitHub says {subject} is in conflict: {message}")]
    Conflict {
        /// What it was about.
        subject: String,
        /// What GitHub said.
        message: String,
    },
    /// The request does not hold (400, 422).
    #[error("GitHub refuses {subject}: {}", refusal(.message, .fields))]
    Rejected {
        /// What it was about.
        subject: String,
        /// What GitHub said.
        message: String,
        /// The fields that are wrong.
        fields: Vec<FieldError>,
    },
    /// The repository has another name now; a change was asked for under the old one.
    #[error("{subject} was moved or renamed")]
    Moved {
        /// What it was about.
        subject: String,
    },
    /// A limit of requests is used up, for longer than is waited.
    #[error("GitHub's {limit} limit of requests is used up{}", when(.until.as_ref()))]
    RateLimited {
        /// `primary` or `secondary`.
        limit: &'static str,
        /// When it may be asked again, where that is known.
        until: Option<DateTime<Utc>>,
    },
    /// GitHub answered with a fault of its own (5xx), again and again.
    #[error("GitHub cannot answer for {subject}: status {status}")]
    Broken {
        /// What it was about.
        subject: String,
        /// The status.
        status: u16,
    },
    /// It could not be reached.
    #[error("GitHub does not answer for {subject}")]
    Unreachable {
        /// What it was about.
        subject: String,
        /// What went wrong, without the address.
        #[source]
        source: reqwest::Error,
    },
    /// It was reached and did not answer in time.
    #[error("GitHub took too long to answer for {subject}")]
    TooSlow {
        /// What it was about.
        subject: String,
    },
    /// The answer is not what the API describes.
    #[error("GitHub's answer about {subject} is not as described")]
    Garbled {
        /// What it was about.
        subject: String,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
    /// The answer leads to an address that the API has no reason to name.
    #[error("GitHub's answer about {subject} leads elsewhere")]
    LedAstray {
        /// What it was about.
        subject: String,
    },
    /// The answer is larger than anything expected.
    #[error("GitHub's answer about {subject} is larger than {limit}")]
    TooLarge {
        /// What it was about.
        subject: String,
        /// The limit with its unit.
        limit: String,
    },
    /// The branch is not at the commit that this is about.
    #[error("branch `{branch}` is not at `{expected}` but {}", at(.seen.as_ref()))]
    HeadMoved {
        /// The branch.
        branch: String,
        /// The commit it should have.
        expected: String,
        /// The commit it has; `None`: it is gone.
        seen: Option<String>,
    },
    /// The branch to merge into is gone.
    #[error("the base branch `{branch}` is gone")]
    BaseGone {
        /// The branch.
        branch: String,
    },
    /// The pull request is not open.
    #[error("pull request {number} is {state}")]
    NotOpen {
        /// Its number.
        number: u64,
        /// `closed` or `merged`.
        state: &'static str,
    },
    /// GitHub will not merge it as it is (405).
    #[error("GitHub does not merge pull request {number}: {message}")]
    NotMergeable {
        /// Its number.
        number: u64,
        /// What GitHub said.
        message: String,
    },
    /// Auto-merge cannot be switched on.
    #[error("GitHub does not merge pull request {number} by itself: {message}")]
    NoAutoMerge {
        /// Its number.
        number: u64,
        /// What GitHub said.
        message: String,
    },
}

/// A field of a request that GitHub refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The resource and field, as far as they are named: `PullRequest.base`.
    pub field: String,
    /// GitHub's word for it, such as `missing_field`, `invalid`, `already_exists` or `custom`.
    pub code: String,
    /// A sentence, where there is one.
    pub message: Option<String>,
}

fn asked(subject: &str, needs: Option<&str>) -> String {
    needs.map_or_else(|| subject.to_owned(), |needs| format!("{subject} without the permission `{needs}`"))
}

fn refusal(message: &str, fields: &[FieldError]) -> String {
    let mut text = message.to_owned();
    for field in fields.iter().take(5) {
        let why = field.message.as_ref().unwrap_or(&field.code);
        text.push_str("; ");
        if !field.field.is_empty() {
            text.push_str(&format!("`{}`: ", field.field));
        }
        text.push_str(why);
    }
    text
}

fn at(sha: Option<&String>) -> String {
    sha.map_or_else(|| "gone".to_owned(), |sha| format!("at `{sha}`"))
}

fn when(until: Option<&DateTime<Utc>>) -> String {
    until.map(|until| format!(" until {}", until.format("%H:%M:%S UTC"))).unwrap_or_default()
}

impl Hint for GitHubError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Permit(mismatch) => mismatch.kind(),
            Self::BadAddress { .. } | Self::BadKey { .. } | Self::Elsewhere { .. } | Self::Rejected { .. } => {
                ErrorKind::Invalid
            }
            Self::Unauthenticated { .. } => ErrorKind::Unauthenticated,
            Self::Forbidden { .. } => ErrorKind::Denied,
            Self::NotFound { .. } | Self::Gone { .. } | Self::Withheld { .. } => ErrorKind::NotFound,
            Self::Conflict { .. }
            | Self::Moved { .. }
            | Self::HeadMoved { .. }
            | Self::BaseGone { .. }
            | Self::NotOpen { .. }
            | Self::NotMergeable { .. }
            | Self::NoAutoMerge { .. } => ErrorKind::Conflict,
            Self::RateLimited { .. } => ErrorKind::RateLimited,
            Self::Broken { .. } | Self::Unreachable { .. } | Self::TooSlow { .. } => ErrorKind::Unavailable,
            Self::Client(_) | Self::Garbled { .. } | Self::LedAstray { .. } => ErrorKind::Failed,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::BadAddress { .. } => "use `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise server",
            Self::BadKey { .. } => "use the .pem file that GitHub made for the App",
            Self::Elsewhere { .. } => "name the API of that host, or leave the repository to the local forge",
            Self::Unauthenticated { .. } => {
                "the token may be expired or revoked, or the App's key or id be wrong: give a new one"
            }
            Self::Forbidden { needs: Some(needs), .. } => {
                return Some(format!("give the token or App the permission `{needs}` for this repository"));
            }
            Self::Forbidden { needs: None, .. } => {
                "look at the permissions of the token or App, and whether the organization asks for single sign-on"
            }
            Self::NotFound { .. } => {
                "check the name, and that the token or App has been given access to the repository"
            }
            Self::Gone { .. } => "see whether the repository has this feature switched off",
            Self::Moved { .. } => "use the repository's new address",
            Self::RateLimited { .. } => "wait, or give each use a token of its own",
            Self::Broken { .. } | Self::TooSlow { .. } => "see https://www.githubstatus.com, then try again",
            Self::Unreachable { .. } => "check the network, the host name and the proxy variables, then try again",
            Self::Garbled { .. } | Self::LedAstray { .. } => {
                "check that the base address is GitHub's API and no page before it"
            }
            Self::HeadMoved { .. } => "someone else changed the branch: look at it, then begin anew",
            Self::BaseGone { .. } => "make the base branch again, or choose another one",
            Self::NotOpen { .. } => "reopen it where that was not meant",
            Self::NotMergeable { .. } => {
                "look at the pull request's page: rules of the branch, reviews or conflicts stand in the way"
            }
            Self::NoAutoMerge { .. } => {
                "allow auto-merge in the repository's settings, or merge when the checks have passed"
            }
            Self::Permit(mismatch) => return mismatch.hint(),
            Self::Client(_)
            | Self::Withheld { .. }
            | Self::Conflict { .. }
            | Self::Rejected { .. }
            | Self::TooLarge { .. } => return None,
        };
        Some(text.to_owned())
    }
}
