use opsmith_model::{ErrorKind, Hint, Secret};
use reqwest::Url;

/// What a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Anthropic's Messages.
    Messages,
    /// OpenAI's own chat completions.
    OpenAi,
    /// Chat completions as other servers speak them, with OpenAI's older name for the limit of tokens.
    Compatible,
}

/// Where models are asked, and how.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name in errors, metrics and cassettes.
    pub name: String,
    /// What it speaks.
    pub wire: Wire,
    /// Its address as its own programs want it: without `/v1` for Messages, with it for chat completions.
    pub base_url: String,
    /// The API key.
    pub key: Option<Secret>,
    /// Whether answers are asked for as a stream; off for a server that cannot.
    pub streaming: bool,
    /// Whether it takes a JSON schema for its answer; else the schema is told in the system prompt.
    pub schemas: bool,
    /// Whether a key may go over plain HTTP to another machine.
    pub plain_http: bool,
}

impl Provider {
    /// Anthropic.
    pub fn anthropic(key: Secret) -> Self {
        Self::new("anthropic", Wire::Messages, "https://api.anthropic.com", Some(key))
    }

    /// OpenAI.
    pub fn openai(key: Secret) -> Self {
        Self::new("openai", Wire::OpenAi, "https://api.openai.com/v1", Some(key))
    }

    /// Another server of chat completions, at its address with `/v1` or what it has instead.
    pub fn compatible(name: impl Into<String>, base_url: impl Into<String>, key: Option<Secret>) -> Self {
        Self::new(name, Wire::Compatible, base_url, key)
    }

    fn new(name: impl Into<String>, wire: Wire, base_url: impl Into<String>, key: Option<Secret>) -> Self {
        Self {
            name: name.into(),
            wire,
            base_url: base_url.into(),
            key,
            streaming: true,
            schemas: true,
            plain_http: false,
        }
    }

    /// The address that requests go to.
    pub(crate) fn endpoint(&self) -> Result<Url, ProviderError> {
        let base = self.base_url.trim_end_matches('/');
        let text = match self.wire {
            Wire::Messages => format!("{}/v1/messages", base.strip_suffix("/v1").unwrap_or(base)),
            Wire::OpenAi | Wire::Compatible => format!("{base}/chat/completions"),
        };
        let url = Url::parse(&text).map_err(|_| ProviderError::BadUrl { provider: self.name.clone() })?;
        if url.username() != "" || url.password().is_some() {
            return Err(ProviderError::CredentialsInUrl { provider: self.name.clone() });
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.plain_http || self.key.is_none() || is_loopback(&url) => Ok(url),
            "http" => Err(ProviderError::PlainHttp { provider: self.name.clone() }),
            _ => Err(ProviderError::BadUrl { provider: self.name.clone() }),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or("").trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Why a provider cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// Its address is none of HTTP.
    #[error("the base URL of provider `{provider}` is not an http or https URL")]
    BadUrl {
        /// The provider.
        provider: String,
    },
    /// A user or password in its address, which logs would show.
    #[error("the base URL of provider `{provider}` has credentials in it")]
    CredentialsInUrl {
        /// The provider.
        provider: String,
    },
    /// Its key would be seen on the way.
    #[error("the key of provider `{provider}` would go over plain HTTP")]
    PlainHttp {
        /// The provider.
        provider: String,
    },
    /// Its key cannot be a header's value.
    #[error("the key of provider `{provider}` has characters that no header may have")]
    BadKey {
        /// The provider.
        provider: String,
    },
    /// The HTTP client cannot be made.
    #[error("no HTTP client for provider `{provider}`")]
    Http {
        /// The provider.
        provider: String,
        /// The client's own words.
        #[source]
        source: reqwest::Error,
    },
}

impl Hint for ProviderError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::BadUrl { .. } | Self::CredentialsInUrl { .. } | Self::PlainHttp { .. } | Self::BadKey { .. } => {
                ErrorKind::Invalid
            }
            Self::Http { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        let text = match self {
            Self::BadUrl { .. } => "write it like `https://api.example.com/v1`",
            Self::CredentialsInUrl { .. } => "give the key as the provider's key",
            Self::PlainHttp { .. } => "use https, or allow plain HTTP for this provider where the network is your own",
            Self::BadKey { .. } => "look for a line break at the key's end",
            Self::Http { .. } => "check the system's certificates",
        };
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wire_has_its_endpoint() {
        let key = || Secret::new("k");
        let mut anthropic = Provider::anthropic(key());
        assert_eq!(anthropic.endpoint().unwrap().as_str(), "https://api.anthropic.com/v1/messages");
        anthropic.base_url = "https://gateway.example.com/anthropic/v1/".to_owned();
        assert_eq!(anthropic.endpoint().unwrap().as_str(), "https://gateway.example.com/anthropic/v1/messages");
        let openai = Provider::openai(key()).endpoint().unwrap();
        assert_eq!(openai.as_str(), "https://api.openai.com/v1/chat/completions");
    }

    #[test]
    fn a_key_stays_off_plain_http_but_on_loopback() {
        let at = |url: &str, key: Option<&str>| {
            let provider = Provider::compatible("x", url, key.map(Secret::new));
            provider.endpoint().map_err(|error| error.to_string())
        };
        assert!(at("http://127.0.0.1:1/v1", Some("k")).is_ok());
        assert!(at("http://[::1]:1/v1", Some("k")).is_ok());
        assert!(at("http://models.internal/v1", None).is_ok());
        assert_eq!(
            at("http://models.internal/v1", Some("k")).unwrap_err(),
            "the key of provider `x` would go over plain HTTP"
        );
        assert!(at("http://127.0.0.1.example.com/v1", Some("k")).is_err());
        assert!(at("https://ada:hunter2@models.example.com/v1", None).is_err());
        assert!(at("ftp://models.example.com", None).is_err());
        assert!(at("models", None).is_err());
    }

    #[test]
    fn a_key_never_shows() {
        assert!(!format!("{:?}", Provider::openai(Secret::new("sk-hidden"))).contains("hidden"));
    }
}
