//! Where a program is, as the system would look for it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The first file of that name in the `PATH` of `env`.
pub(crate) fn in_path(name: &OsStr, env: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    search(name, env.get(OsStr::new("PATH")).map(OsString::as_os_str), Path::new("/"))
}

/// The file that `program` stands for in a command that starts in `cwd`: a path as it stands, a name on `path`.
pub fn program(program: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Option<PathBuf> {
    if program.as_encoded_bytes().contains(&b'/') {
        let file = cwd.join(program);
        return file.is_file().then_some(file);
    }
    search(program, path, cwd)
}

fn search(name: &OsStr, path: Option<&OsStr>, cwd: &Path) -> Option<PathBuf> {
    if name.is_empty() {
        return None;
    }
    let mut folders = std::env::split_paths(path.unwrap_or_default());
    folders.find_map(|folder| Some(cwd.join(folder).join(name)).filter(|file| file.is_file()))
}
