use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use crate::CommandSpec;

/// The variables of the host that a command sees; a name ending in `*` stands for all that begin so.
///
/// Nothing else of the host's passes: no credentials, no agent sockets, and neither `HOME` nor `TMPDIR`.
pub const HOST_ENV: &[&str] = &["LANG", "LC_*", "PATH", "TZ"];

/// The variable that holds the [`crate::Marker`] of a command in each of its processes.
pub const MARKER_ENV: &str = "OPSMITH_SANDBOX";

/// What of the host's environment may pass.
pub(crate) fn allowed(host: impl IntoIterator<Item = (OsString, OsString)>) -> BTreeMap<OsString, OsString> {
    host.into_iter().filter(|(name, _)| HOST_ENV.iter().any(|pattern| matches(pattern, name))).collect()
}

/// The whole environment of a command: the host's part, the caller's over it, and the marker over both.
pub(crate) fn of_command(host: &BTreeMap<OsString, OsString>, spec: &CommandSpec) -> BTreeMap<OsString, OsString> {
    let mut env = host.clone();
    env.extend(spec.env.clone());
    env.insert(MARKER_ENV.into(), spec.marker.as_str().into());
    env
}

fn matches(pattern: &str, name: &OsStr) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.as_bytes().starts_with(prefix.as_bytes()),
        None => name == pattern,
    }
}
