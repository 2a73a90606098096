use std::io;
use std::net::SocketAddr;

use opsmith_model::{ErrorKind, Hint};
use tokio::net::{TcpListener, lookup_host};

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// It is not `host:port`, or the host has no address.
    #[error("`{address}` is not an address to listen on")]
    Address {
        /// As given.
        address: String,
        /// Why, where the resolver says.
        #[source]
        source: Option<io::Error>,
    },
    /// Another process listens there.
    #[error("`{address}` is taken: another process listens there")]
    Taken {
        /// As given.
        address: String,
    },
    /// Anything else.
    #[error("failed to listen on `{address}`")]
    Listen {
        /// As given.
        address: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl Hint for BindError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. } => ErrorKind::Usage,
            Self::Taken { .. } | Self::Listen { .. } => ErrorKind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } => "write it as `127.0.0.1:8080`; port 0 takes a free one".to_owned(),
            Self::Taken { .. } | Self::Listen { .. } => "choose another with `--address 127.0.0.1:PORT`".to_owned(),
        })
    }
}

/// Listens on `address`, one socket: of a name with several addresses the IPv4 one.
pub async fn bind(address: &str) -> Result<TcpListener, BindError> {
    let wrong = |source| BindError::Address { address: address.to_owned(), source };
    let resolved = lookup_host(address).await.map_err(|error| wrong(Some(error)))?;
    let socket = resolved.min_by_key(|socket| !socket.is_ipv4()).ok_or_else(|| wrong(None))?;
    TcpListener::bind(socket).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { address: address.to_owned() },
        _ => BindError::Listen { address: address.to_owned(), source },
    })
}

/// Whether only this machine can reach `address`.
pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}
