use std::net::SocketAddr;

use opsmith_host::cli::{Exit, Failure, Globals, Output, confirm};
use opsmith_host::config::{Config, Platform, process_env};
use opsmith_host::process::{Catalogue, client_token, load_config};
use serde_json::json;
use url::{Host, Url};

use super::backend::{Backend, Local};
use crate::client::{Client, ClientError};

/// Name the server, the first one set first; `--api-url` wins over both.
const API_URL_VARIABLES: [&str; 2] = ["AMPX_API_URL", "OPSMITH_URL"];

/// The port of a server whose configured address is not known yet.
const ANY_PORT: u16 = 0;

/// What every command works with.
pub(crate) struct Session<'a> {
    pub(crate) globals: Globals,
    pub(crate) output: Output,
    pub(crate) catalogue: &'a Catalogue,
    named_server: Option<String>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(globals: Globals, api_url: Option<String>, catalogue: &'a Catalogue) -> Self {
        let named_server = api_url.or_else(|| API_URL_VARIABLES.into_iter().find_map(process_env));
        Self { output: globals.output(), globals, catalogue, named_server }
    }

    /// The configuration of this machine.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Ok(load_config(self.catalogue, &[], self.globals.config.as_deref())?)
    }

    /// The server that was named, or else the one at the configured address.
    pub(crate) async fn server(&self) -> Result<Client, Failure> {
        let config = self.config()?;
        let token = client_token(&config).await?;
        let url = match &self.named_server {
            Some(url) => url.clone(),
            None => default_url(&Platform::resolve(&config)?.server.address),
        };
        let client = Client::new(&url, token.as_ref())?;
        if token.is_some() && is_in_the_clear(&url) {
            self.output.warn(&format!("the token goes to {} unencrypted; use https, or an SSH tunnel", client.url()));
        }
        Ok(client)
    }

    /// The server; or, where none was named and none is at the default address, this machine's store.
    pub(crate) async fn server_or_here(&self, doing: &str) -> Result<Backend, Failure> {
        let server = self.server().await?;
        if self.named_server.is_some() {
            return Ok(Backend::Server(server));
        }
        match server.ping().await {
            Ok(_) => Ok(Backend::Server(server)),
            Err(ClientError::Refused { .. }) => {
                let local = Local::open(self.catalogue, &self.config()?).await?;
                let store = local.process.store.url();
                self.output.note(&format!("no server at {}: {doing} on the store {store}", server.url()));
                Ok(Backend::Here(Box::new(local)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Asks the person; `--yes` answers.
    pub(crate) fn ask(&self, question: &str) -> Result<bool, Failure> {
        Ok(tokio::task::block_in_place(|| confirm(question, &self.globals))?)
    }

    /// Says what a command would do, for `--dry-run`.
    pub(crate) fn would(&self, what: &str) -> Result<Exit, Failure> {
        if self.output.is_json() {
            self.output.json(&json!({ "dry_run": true, "would": what }))?;
        } else {
            self.output.line(&format!("would {what}; nothing was changed"));
        }
        Ok(Exit::OK)
    }
}

/// How a server that listens on `address` is called from this machine.
fn default_url(address: &str) -> String {
    match address.parse::<SocketAddr>() {
        Ok(socket) if socket.ip().is_unspecified() => format!("http://127.0.0.1:{}", socket.port()),
        Ok(socket) if socket.port() == ANY_PORT => "http://127.0.0.1:8080".to_owned(),
        Ok(_) | Err(_) => format!("http://{address}"),
    }
}

/// Whether what is sent to `url` can be read on its way.
fn is_in_the_clear(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let own = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => true,
    };
    url.scheme() == "http" && !own
}

#[cfg(test)]
mod tests {
    use super::{default_url, is_in_the_clear};

    #[test]
    fn a_token_is_seen_on_its_way_to_another_machine_by_http() {
        for own in ["http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:8080", "https://ops.example", "what"] {
            assert!(!is_in_the_clear(own), "{own}");
        }
        for other in ["http://ops.example", "http://192.0.2.1:8080", "http://localhost.example", "http://[2001:db8::1]"]
        {
            assert!(is_in_the_clear(other), "{other}");
        }
    }

    #[test]
    fn the_configured_address_becomes_one_that_can_be_called() {
        for (address, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:9000", "http://127.0.0.1:9000"),
            ("[::1]:9000", "http://[::1]:9000"),
            ("localhost:9000", "http://localhost:9000"),
            ("127.0.0.1:0", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(default_url(address), url);
        }
    }
}
