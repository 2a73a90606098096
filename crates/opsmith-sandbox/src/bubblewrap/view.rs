//! What a command sees of the file system. Nothing, but for what is listed here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use crate::installation::{SYSTEM, is_systems, program_files, with_beside};
use crate::{Access, CommandSpec, Network, find};

/// Empty folders of the command's own, in memory.
const EMPTY: &[&str] = &["/tmp", "/var/tmp", "/run"];

/// One thing in the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mount {
    /// The host's, to be read.
    ReadOnly(PathBuf),
    /// The host's, to be changed.
    Writable(PathBuf),
    /// An empty folder.
    EmptyFolder(PathBuf),
    /// A file that cannot be read.
    ClosedFile(PathBuf),
    /// A link, as the host has it.
    Link { path: PathBuf, target: PathBuf },
}

impl Mount {
    fn path(&self) -> &Path {
        match self {
            Self::ReadOnly(path) | Self::Writable(path) | Self::EmptyFolder(path) | Self::ClosedFile(path) => path,
            Self::Link { path, .. } => path,
        }
    }

    pub fn into_arguments(self) -> Vec<OsString> {
        match self {
            Self::ReadOnly(path) => vec!["--ro-bind".into(), path.clone().into(), path.into()],
            Self::Writable(path) => vec!["--bind".into(), path.clone().into(), path.into()],
            Self::EmptyFolder(path) => vec!["--tmpfs".into(), path.into()],
            Self::ClosedFile(path) => vec!["--ro-bind".into(), "/dev/null".into(), path.into()],
            Self::Link { path, target } => vec!["--symlink".into(), target.into(), path.into()],
        }
    }
}

/// The system's folders.
pub(super) fn system() -> Vec<Mount> {
    let mounts = SYSTEM.iter().map(Path::new).filter_map(|path| match fs::read_link(path) {
        Ok(target) => Some(Mount::Link { path: path.to_owned(), target }),
        Err(_) => path.is_dir().then(|| Mount::ReadOnly(path.to_owned())),
    });
    mounts.collect()
}

/// All of a command's view. Of two mounts one within the other, the inner one wins, whatever they are.
pub(super) fn mounts(
    spec: &CommandSpec,
    env: &BTreeMap<OsString, OsString>,
    access: &Access,
    hidden: &[PathBuf],
) -> Vec<Mount> {
    let writable = access.writable_of(spec);
    let mut inner: Vec<Mount> = Vec::new();
    inner.extend(hidden.iter().filter_map(|path| hide(path)));
    inner.extend(programs(spec, env, hidden, &writable));
    inner.extend(access.readable_of(&writable).into_iter().flat_map(shown_as_it_is));
    if access.network != Network::Off {
        inner.extend(name_servers());
    }
    inner.extend(writable.iter().cloned().map(Mount::Writable));
    // The sort is stable: at one path, what comes last here is what shows.
    inner.sort_by_key(|mount| mount.path().components().count());
    let mut mounts = system();
    mounts.extend(EMPTY.iter().map(|path| Mount::EmptyFolder(path.into())));
    let shown = |mounts: &[Mount], path: &Path| {
        mounts.iter().any(|mount| match mount {
            Mount::ReadOnly(folder) | Mount::Writable(folder) => path.starts_with(folder),
            Mount::EmptyFolder(_) | Mount::ClosedFile(_) | Mount::Link { .. } => false,
        })
    };
    for mount in inner {
        let useless = match &mount {
            // There is nothing to hide where nothing shows.
            Mount::EmptyFolder(path) | Mount::ClosedFile(path) => !shown(&mounts, path),
            // A link of that name is there with its folder.
            Mount::Link { path, .. } => path.parent().is_some_and(|folder| shown(&mounts, folder)),
            Mount::ReadOnly(_) | Mount::Writable(_) => false,
        };
        if !useless && !mounts.contains(&mount) {
            mounts.push(mount);
        }
    }
    mounts
}

fn hide(path: &Path) -> Option<Mount> {
    let about = fs::metadata(path).ok()?;
    Some(if about.is_dir() { Mount::EmptyFolder(path.to_owned()) } else { Mount::ClosedFile(path.to_owned()) })
}

/// The folders of `PATH`, and what the command's program needs to run, where the system's folders do not hold it.
///
/// Nothing for what is in a folder of the command's own: that shows, stays as changeable as all in it, and may be a link
/// that some command made to what it wants to see.
fn programs(
    spec: &CommandSpec,
    env: &BTreeMap<OsString, OsString>,
    hidden: &[PathBuf],
    writable: &[PathBuf],
) -> Vec<Mount> {
    let own = |path: &Path| writable.iter().any(|folder| path.starts_with(folder));
    let path = env.get(OsStr::new("PATH")).map(OsString::as_os_str);
    let mut folders: Vec<PathBuf> = std::env::split_paths(path.unwrap_or_default()).collect();
    let is_own = find::program(&spec.program, path, &spec.cwd).is_none_or(|file| own(&file));
    let needed = if is_own { Vec::new() } else { program_files(&spec.program, path, &spec.cwd) };
    // A folder of programs that holds what is hidden would show it.
    folders.retain(|folder| {
        folder.is_absolute() && folder.is_dir() && !hidden.iter().any(|path| path.starts_with(folder))
    });
    let files = needed.into_iter().chain(folders.iter().flat_map(|folder| with_beside(folder)));
    let files = files.filter(|file| !own(file) && !is_systems(file) && !hidden.contains(file));
    files.flat_map(shown_as_it_is).filter(|mount| !own(mount.path()) && !is_systems(mount.path())).collect()
}

/// What is listed; a file's link stays one, since a program looks for its own beside what it leads to.
fn shown_as_it_is(path: PathBuf) -> Vec<Mount> {
    match path.canonicalize() {
        Ok(real) if path.is_symlink() && real.is_file() => {
            vec![Mount::ReadOnly(real.clone()), Mount::Link { path, target: real }]
        }
        Ok(_) | Err(_) => vec![Mount::ReadOnly(path)],
    }
}

/// The file with the name servers, where `/etc` has a link to it.
fn name_servers() -> Option<Mount> {
    let file = Path::new("/etc/resolv.conf").canonicalize().ok()?;
    (!file.starts_with("/etc")).then_some(Mount::ReadOnly(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn spec(cwd: &Path, program: &str) -> CommandSpec {
        CommandSpec {
            program: program.into(),
            args: Vec::new(),
            cwd: cwd.to_owned(),
            env: BTreeMap::new(),
            stdin: Vec::new(),
            limits: Limits::default(),
            marker: "test".parse().unwrap(),
        }
    }

    fn shown(mounts: &[Mount], root: &Path) -> Vec<(char, String)> {
        let below = mounts.iter().filter_map(|mount| {
            let kind = match mount {
                Mount::ReadOnly(_) => 'r',
                Mount::Writable(_) => 'w',
                Mount::EmptyFolder(_) | Mount::ClosedFile(_) => '-',
                Mount::Link { .. } => 'l',
            };
            Some((kind, mount.path().strip_prefix(root).ok()?.display().to_string()))
        });
        below.collect()
    }

    #[test]
    fn the_inner_of_two_mounts_wins() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["home/data/task/tree", "home/data/task/control.git/objects", "home/data/other", "home/notes"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        let access = Access {
            readable: vec![at("home/data/task/control.git/objects"), at("nowhere")],
            writable: vec![at("home")],
            network: Network::Off,
        };
        let mounts = mounts(&spec(&at("home/data/task/tree"), "true"), &BTreeMap::new(), &access, &[at("home/data")]);
        let expected = [
            ('w', "home".to_owned()),
            ('-', "home/data".to_owned()),
            ('w', "home/data/task/tree".to_owned()),
            ('r', "home/data/task/control.git/objects".to_owned()),
        ];
        assert_eq!(shown(&mounts, root.path()), expected);
    }

    #[test]
    fn a_program_brings_what_it_needs_and_no_more() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["home/.node/bin", "home/.node/lib/node_modules/agent/bin", "home/.node/share", "tree/tools"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("home/.node/lib/node_modules/agent/bin/agent.js"), "").unwrap();
        fs::write(at("tree/tools/check"), "").unwrap();
        std::os::unix::fs::symlink("../lib/node_modules/agent/bin/agent.js", at("home/.node/bin/agent")).unwrap();
        let path = format!("/usr/bin:{}:{}:relative", at("home/.node/bin").display(), at("home").display());
        let env = BTreeMap::from([("PATH".into(), path.into())]);
        let access = Access { network: Network::Off, ..Access::default() };
        let view = |program: &str| {
            let mut shown = shown(&mounts(&spec(&at("tree"), program), &env, &access, &[at("home")]), root.path());
            shown.dedup();
            shown.into_iter().map(|(kind, path)| format!("{kind} {path}")).collect::<Vec<_>>()
        };
        let installed = view("agent");
        assert!(installed.contains(&"r home/.node/lib/node_modules".to_owned()), "{installed:?}");
        assert!(installed.contains(&"r home/.node/bin".to_owned()), "{installed:?}");
        assert!(!installed.iter().any(|mount| mount.ends_with(" home") || mount.contains("share")), "{installed:?}");
        assert!(!view("tools/check").iter().any(|mount| mount.contains("tools")));
    }

    #[test]
    fn a_link_that_a_command_made_opens_nothing() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["tree", "private", "data/bin", "data/lib"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("data/bin/tool"), "").unwrap();
        let link = |target: &str, path: &str| std::os::unix::fs::symlink(at(target), at(path)).unwrap();
        link("data/bin/tool", "tree/run");
        link("data", "tree/listed");
        link("data", "private/home");
        link("data", "private/between");
        let mut spec = spec(&at("tree"), "./run");
        spec.env.insert("HOME".into(), at("private/home").into());
        let access = Access {
            readable: vec![at("tree/listed/bin")],
            writable: vec![at("private"), at("private/between/bin")],
            network: Network::Off,
        };
        let mounts = mounts(&spec, &BTreeMap::new(), &access, &[]);
        let expected = [('w', "private".to_owned()), ('w', "tree".to_owned())];
        assert_eq!(shown(&mounts, root.path()), expected);
    }
}
