//! Signed commits: the user's own `gpg` or `ssh-keygen` signs a commit's bytes, which are then written with it.
//!
//! Nobody is asked for a passphrase. The programs run with an environment of their own, which has the way to the user's
//! keys and agents and nothing else; neither git nor a sandboxed command ever sees it.

mod error;
mod gpg;
mod key;
mod merge;
mod object;
mod signer;
mod ssh;

pub use error::SigningError;
pub use key::SigningKey;
pub use merge::sign_merge;
pub(super) use object::{attach, detach};
pub use signer::Signer;
