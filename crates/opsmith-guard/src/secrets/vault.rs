use std::collections::BTreeMap;
use std::time::Duration;

use opsmith_model::{ErrorKind, Hint, Secret};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};

const TIMEOUT: Duration = Duration::from_secs(10);
/// Vault itself takes no more in one entry, unless told to.
const ANSWER_LIMIT: usize = 1 << 20;

/// The key-value store (version 2) of a HashiCorp Vault or OpenBao, through its HTTP API.
///
/// Paths begin with the mount, as in `vault kv get secret/opsmith/github`.
#[derive(Clone, Debug)]
pub struct Vault {
    client: Client,
    address: Url,
}

/// Why Vault did not answer as asked; what it said is not repeated.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The address cannot be one of Vault.
    #[error("`{address}` is no address of a Vault: {reason}")]
    Address {
        /// The address, without user and password.
        address: String,
        /// Why not.
        reason: &'static str,
    },
    /// The token or namespace cannot be sent.
    #[error("the Vault's {what} is not one line of text")]
    Header {
        /// Which of them.
        what: &'static str,
    },
    /// The path is not one.
    #[error("`{path}` is no path in Vault: it is a mount and names, such as `secret/opsmith/github`")]
    Path {
        /// The path.
        path: String,
    },
    /// The token may not.
    #[error("Vault denies `{path}`")]
    Denied {
        /// The path.
        path: String,
    },
    /// It does not answer, or not now.
    #[error("Vault does not answer for `{path}`")]
    Unreachable {
        /// The path.
        path: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// It answers otherwise than Vault does.
    #[error("Vault answers for `{path}` with {what}")]
    Answer {
        /// The path.
        path: String,
        /// What came.
        what: String,
        /// Whether a later try may do.
        later: bool,
    },
}

#[derive(Deserialize)]
struct Entry {
    data: EntryData,
}

#[derive(Deserialize)]
struct EntryData {
    /// Null where the newest version was deleted.
    data: Option<BTreeMap<String, Value>>,
}

impl Vault {
    /// A Vault at `address`, entered with `token`; plain HTTP is for this machine only.
    pub fn new(address: &str, token: &Secret, namespace: Option<&str>) -> Result<Self, VaultError> {
        let address = parse_address(address)?;
        let header = |text: &str, what| HeaderValue::from_str(text).map_err(|_| VaultError::Header { what });
        let mut secret = header(token.expose().trim(), "token")?;
        secret.set_sensitive(true);
        let mut headers = HeaderMap::from_iter([
            (reqwest::header::HeaderName::from_static("x-vault-token"), secret),
            (reqwest::header::HeaderName::from_static("x-vault-request"), HeaderValue::from_static("true")),
        ]);
        if let Some(namespace) = namespace {
            headers.insert("x-vault-namespace", header(namespace, "namespace")?);
        }
        // No redirects: the token is for this address.
        let client = Client::builder().default_headers(headers).timeout(TIMEOUT).redirect(Policy::none()).build();
        let reason = "no HTTP client can be made for it";
        let client = client.map_err(|_| VaultError::Address { address: address.to_string(), reason })?;
        Ok(Self { client, address })
    }

    /// The newest fields at `path`; `None` where there are none.
    pub async fn read(&self, path: &str) -> Result<Option<BTreeMap<String, Value>>, VaultError> {
        let Some(body) = self.ask(Method::GET, path, None).await? else { return Ok(None) };
        let malformed = |_| answer(path, "something else than an entry", false);
        Ok(serde_json::from_slice::<Entry>(&body).map_err(malformed)?.data.data)
    }

    /// Writes `fields` as the newest version at `path`.
    pub async fn write(&self, path: &str, fields: &BTreeMap<String, Secret>) -> Result<(), VaultError> {
        let fields: BTreeMap<&str, &str> = fields.iter().map(|(name, value)| (&**name, value.expose())).collect();
        match self.ask(Method::POST, path, Some(&json!({ "data": fields }))).await? {
            Some(_) => Ok(()),
            None => Err(answer(path, "404: is there a key-value store of version 2 at its mount?", false)),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Option<Vec<u8>>, VaultError> {
        let unreachable = |source: reqwest::Error| VaultError::Unreachable { path: path.to_owned(), source };
        let mut request = self.client.request(method, self.url(path)?);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        match status {
            StatusCode::OK | StatusCode::NO_CONTENT => read_body(path, response).await.map(Some),
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Err(VaultError::Denied { path: path.to_owned() }),
            _ => {
                let later = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                Err(answer(path, status.as_str(), later))
            }
        }
    }

    fn url(&self, path: &str) -> Result<Url, VaultError> {
        let wrong = || VaultError::Path { path: path.to_owned() };
        let (mount, rest) = path.split_once('/').ok_or_else(wrong)?;
        if path.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(wrong());
        }
        let mut url = self.address.clone();
        let mut parts = url.path_segments_mut().map_err(|()| wrong())?;
        parts.pop_if_empty().extend(["v1", mount, "data"]).extend(rest.split('/'));
        drop(parts);
        Ok(url)
    }
}

fn parse_address(text: &str) -> Result<Url, VaultError> {
    let wrong = |address: &str, reason| VaultError::Address { address: address.to_owned(), reason };
    // A text that is no address may be a secret in the wrong place.
    let url = Url::parse(text).map_err(|_| wrong("…", "it is no URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(url.host_str().unwrap_or_default(), "it holds a user or a password"));
    }
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_here => Ok(url),
        "http" => Err(wrong(text, "it sends the token in the clear; use https")),
        _ => Err(wrong(text, "it is neither https nor http")),
    }
}

async fn read_body(path: &str, mut response: Response) -> Result<Vec<u8>, VaultError> {
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|source| VaultError::Unreachable { path: path.to_owned(), source })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(answer(path, "more than 1 MiB", false));
        }
        body.extend_from_slice(&chunk);
    }
}

fn answer(path: &str, what: &str, later: bool) -> VaultError {
    VaultError::Answer { path: path.to_owned(), what: what.to_owned(), later }
}

impl Hint for VaultError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. } | Self::Header { .. } | Self::Path { .. } => ErrorKind::Invalid,
            Self::Denied { .. } => ErrorKind::Denied,
            Self::Unreachable { .. } | Self::Answer { later: true, .. } => ErrorKind::Unavailable,
            Self::Answer { later: false, .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { .. } => Some("see what the token may with `vault token capabilities`".to_owned()),
            Self::Unreachable { .. } => Some("is the Vault up and unsealed, and its address right?".to_owned()),
            Self::Answer { later: true, .. } => Some("it may be sealed or on standby".to_owned()),
            Self::Address { .. } | Self::Header { .. } | Self::Path { .. } | Self::Answer { later: false, .. } => None,
        }
    }
}
