//! Git, through the git program: every process is made in [`GitCommand`], so that none runs a hook, asks a
//! terminal, or outlives its caller.

mod cache;
mod changed;
mod checkout;
mod classify;
mod command;
mod commit;
mod diff;
mod environment;
mod erase;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod listing;
mod lock;
mod merge;
mod pack;
mod process;
mod refs;
mod remote;
mod signing;
mod snapshot;
mod workspace;

pub use cache::{CachedRepo, RepoCache};
pub use changed::{Blob, BlobLimits, ChangedFile, ChangedFiles, FileAt, changed_files, read_blobs};
pub use checkout::checkout_fresh;
pub use command::{Git, GitCommand, GitOutput};
pub use commit::Identity;
pub use diff::{Diff, diff};
pub(crate) use erase::erase;
pub use error::GitError;
pub use listing::BaseRef;
pub use merge::{MERGE, MergeMethod, MergeRequest, PublishMerge, is_ancestor, plan_merge, publish_merge};
pub use pack::{pack, unpack};
pub use refs::{valid_branch, valid_sha};
pub use remote::{DELETE_BRANCH, DeleteRequest, PUSH, PushRequest, Pushed, delete_branch, push};
pub use signing::{Signer, SigningError, SigningKey, sign_merge};
pub use snapshot::{Change, ChangeStatus, CommitRequest, Snapshot, SnapshotOptions};
pub use workspace::Workspace;
