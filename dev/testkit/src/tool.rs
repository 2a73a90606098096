//! Programs that tests run for real and that no system has by itself.

use std::env;
use std::path::PathBuf;

/// A program on `PATH`, else where `dev/tools.sh` installs it; `None`, said so, where it is in neither.
#[allow(clippy::print_stdout, reason = "a skipped test says why in its output")]
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let ours = cache.map(|cache| cache.join("opsmith/tools/bin"));
    let found = env::split_paths(&path).chain(ours).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        println!("skipped: `{name}` is not installed; `dev/tools.sh {name}` installs it");
    }
    found
}
