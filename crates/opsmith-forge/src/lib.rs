//! Git, forges and CI providers.
//!
//! [`local`] keeps pull requests for any remote, [`github`] knows those of GitHub, and [`forge`] chooses; [`ci`] checks
//! a commit.
//! [`git`] reads and changes repositories through the git program; [`url`] is the one way to name a remote.
//! Whatever changes a remote takes a permit and looks at the remote first, so doing it twice is harmless.
//!
//! Absent on purpose: git libraries for writing (the program is what users' remotes are tested with), and
//! reading the environment: the caller passes it to [`git::Git::new`].
//!
//! Start at [`git::RepoCache`] and [`forge::Forges`].

pub mod ci;
pub mod forge;
pub mod git;
pub mod github;
pub mod local;
pub mod url;
