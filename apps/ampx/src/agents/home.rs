//! An agent's home: a folder for each task, in which the program finds its login and configuration and keeps its
//! sessions. It outlives the attempts and ends with the task.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use opsmith_host::config::process_env;

use super::AgentError;
use super::preset::{HomeFile, Sharing};
use super::script::inside;

/// The largest configuration file that is copied.
const MOST_FILE_BYTES: u64 = 1024 * 1024;

/// Where the user's own file is, if it is there; the file itself, where links lead to it.
pub(super) fn source(file: &HomeFile) -> Option<PathBuf> {
    let folder = file.folder_env.and_then(process_env).map(PathBuf::from);
    let folder = folder.or_else(|| Some(Path::new(&process_env("HOME")?).join(file.folder)))?;
    let path = folder.join(file.name);
    path.canonicalize().ok().filter(|path| path.is_file())
}

/// Makes the home and puts the user's files in their places.
pub(super) fn prepare(home: &Path, files: &[HomeFile]) -> Result<(), AgentError> {
    match place(home, files) {
        // What the agent left there leads out of it; nothing of it is to be trusted.
        Err(AgentError::Outside(path)) => {
            tracing::warn!(path = %path.display(), "an agent's home leads out of itself; it is made anew");
            fs::remove_dir_all(home).map_err(|source| AgentError::Write { path: home.to_owned(), source })?;
            place(home, files)
        }
        placed => placed,
    }
}

fn place(home: &Path, files: &[HomeFile]) -> Result<(), AgentError> {
    fs::create_dir_all(home).map_err(|source| AgentError::Write { path: home.to_owned(), source })?;
    for file in files {
        let Some(source) = source(file) else { continue };
        let within = Path::new(file.folder).join(file.name);
        let failed = |source| AgentError::Write { path: within.clone(), source };
        let path = match inside(home, &within) {
            Ok(path) => path,
            // Ours of the last go, or whatever the agent made of it: the name goes, not what it leads to.
            Err(AgentError::Outside(_)) if is_link(home, &within) => home.join(&within),
            Err(error) => return Err(error),
        };
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        match file.sharing {
            Sharing::Linked => std::os::unix::fs::symlink(&source, &path).map_err(failed)?,
            Sharing::Copied => copy(&source, &path).map_err(failed)?,
        }
    }
    Ok(())
}

/// Whether only the last part of the path is a link.
fn is_link(home: &Path, within: &Path) -> bool {
    let folder = within.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.is_none_or(|folder| inside(home, folder).is_ok())
        && fs::symlink_metadata(home.join(within)).is_ok_and(|found| found.is_symlink())
}

fn copy(source: &Path, path: &Path) -> io::Result<()> {
    let mut bytes = Vec::new();
    fs::File::open(source)?.take(MOST_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_FILE_BYTES {
        // Half a configuration would be read as a whole one.
        return Err(io::Error::other(format!("`{}` is larger than {MOST_FILE_BYTES} bytes", source.display())));
    }
    fs::write(path, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: HomeFile = HomeFile { folder: ".prog", folder_env: None, name: "Cargo.toml", sharing: Sharing::Copied };

    /// A file of a "user's home" that this test did not have to make: the variable names the package's folder.
    fn file(sharing: Sharing) -> HomeFile {
        HomeFile { folder_env: Some("CARGO_MANIFEST_DIR"), sharing, ..FILE }
    }

    #[test]
    fn a_file_is_copied_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, vec![b'x'; usize::try_from(MOST_FILE_BYTES).unwrap() + 1]).unwrap();
        assert!(copy(&from, &to).unwrap_err().to_string().contains("is larger than"));
        assert!(!to.exists());
    }

    #[test]
    fn a_home_has_the_users_files_again_at_every_go() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        for _ in 0..2 {
            prepare(&home, &[file(Sharing::Copied)]).unwrap();
            let copy = home.join(".prog/Cargo.toml");
            assert!(fs::symlink_metadata(&copy).unwrap().is_file());
            fs::write(&copy, "spoilt").unwrap();
        }
        prepare(&home, &[file(Sharing::Linked)]).unwrap();
        prepare(&home, &[file(Sharing::Linked)]).unwrap();
        let link = fs::read_link(home.join(".prog/Cargo.toml")).unwrap();
        assert!(fs::read_to_string(link).unwrap().contains("name = \"ampx\""));
    }

    #[test]
    fn a_home_that_leads_elsewhere_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (home, elsewhere) = (folder.path().join("home"), folder.path().join("elsewhere"));
        fs::create_dir_all(&elsewhere).unwrap();
        fs::create_dir_all(&home).unwrap();
        std::os::unix::fs::symlink(&elsewhere, home.join(".prog")).unwrap();
        prepare(&home, &[file(Sharing::Copied)]).unwrap();
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
        assert!(home.join(".prog/Cargo.toml").is_file());
    }
}
