use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// The two interfaces of the kernel; they differ in file names and units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// A hierarchy for each controller.
    V1,
    /// One hierarchy for all.
    V2,
}

/// Where the groups of commands can be made, for each controller; tried out, not assumed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cgroups {
    pub memory: Option<(Version, PathBuf)>,
    pub pids: Option<(Version, PathBuf)>,
    pub cpu: Option<(Version, PathBuf)>,
}

/// A mounted hierarchy, and this process's own folder in it.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    /// Empty for version 2, whose controllers are asked for folder by folder.
    controllers: Vec<String>,
    mount: PathBuf,
    own: PathBuf,
}

impl Cgroups {
    /// Looks for a place for each controller.
    pub fn probe() -> Self {
        let read = |file| fs::read_to_string(file).unwrap_or_default();
        let hierarchies = hierarchies(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let unified = hierarchies.iter().find(|one| one.version == Version::V2).and_then(unified_place);
        let place = |controller: &str| {
            if let Some((folder, enabled)) = &unified
                && enabled.iter().any(|name| name == controller)
            {
                return Some((Version::V2, folder.clone()));
            }
            let own = hierarchies.iter().find(|one| one.controllers.iter().any(|name| name == controller))?;
            can_make(&own.own).then(|| (Version::V1, own.own.clone()))
        };
        Self { memory: place("memory"), pids: place("pids"), cpu: place("cpu") }
    }
}

/// The nearest folder at or over our own that hands `memory` and `pids` down to its children and lets us make one: a
/// folder that holds processes cannot do both, so our own seldom can.
fn unified_place(hierarchy: &Hierarchy) -> Option<(PathBuf, Vec<String>)> {
    let candidates = hierarchy.own.ancestors().take_while(|folder| folder.starts_with(&hierarchy.mount));
    candidates.into_iter().find_map(|folder| {
        let text = fs::read_to_string(folder.join("cgroup.subtree_control")).ok()?;
        let enabled: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
        let wanted = ["memory", "pids"].iter().all(|wanted| enabled.iter().any(|name| name == wanted));
        // Moving into a group needs leave to move at the folder above both the old and the new one.
        let may_move = access(&folder.join("cgroup.procs"), AccessFlags::W_OK).is_ok();
        (wanted && may_move && can_make(folder)).then(|| (folder.to_owned(), enabled))
    })
}

fn can_make(folder: &Path) -> bool {
    let trial = folder.join(format!("opsmith-trial-{}-{:?}", std::process::id(), std::thread::current().id()));
    let made = fs::create_dir(&trial).is_ok();
    let can = made && access(&trial.join("cgroup.procs"), AccessFlags::W_OK).is_ok();
    if made {
        let _ = fs::remove_dir(&trial);
    }
    can
}

/// Reads `proc_pid_mountinfo(5)` and `cgroups(7)`.
fn hierarchies(mounts: &str, own: &str) -> Vec<Hierarchy> {
    // The first mount of each; root and mount point are the fields 4 and 5, type and options follow the dash.
    let mounted = mounts.lines().filter_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let kind: Vec<&str> = kind.split(' ').collect();
        Some((*fields.get(3)?, *fields.get(4)?, *kind.first()?, kind.get(2).copied().unwrap_or_default()))
    });
    let mut found: Vec<Hierarchy> = Vec::new();
    for (root, mount, kind, options) in mounted {
        let (version, names) = match kind {
            "cgroup" => (Version::V1, options.split(',').map(str::to_owned).collect::<Vec<_>>()),
            "cgroup2" => (Version::V2, Vec::new()),
            _ => continue,
        };
        // A line is `number:controllers:path`; version 2 has the number 0 and no controllers.
        let path = own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            let ours = match version {
                Version::V1 => {
                    !controllers.is_empty() && controllers.split(',').all(|one| names.iter().any(|n| n == one))
                }
                Version::V2 => number == "0" && controllers.is_empty(),
            };
            ours.then_some(path)
        });
        let Some(inside) = path.and_then(|path| Path::new(path).strip_prefix(root).ok()) else { continue };
        let mount = PathBuf::from(mount);
        let own = if inside.as_os_str().is_empty() { mount.clone() } else { mount.join(inside) };
        let controllers = names;
        found.push(Hierarchy { version, controllers, mount, own });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_with_our_own_folder() {
        let mounts = "30 25 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                      31 25 0:27 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      32 25 0:28 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n\
                      33 25 0:29 /elsewhere /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                      34 25 0:30 / /proc rw - proc proc rw\n";
        let own = "9:memory:/docker/x/y\n8:cpu,cpuacct:/\n7:pids:/here\n0::/session\n";
        let found = hierarchies(mounts, own);
        let shown: Vec<_> = found.iter().map(|one| (one.version, one.own.to_str().unwrap())).collect();
        assert_eq!(
            shown,
            [
                (Version::V2, "/sys/fs/cgroup/unified/session"),
                (Version::V1, "/sys/fs/cgroup/memory/y"),
                (Version::V1, "/sys/fs/cgroup/cpu,cpuacct"),
            ]
        );
        assert!(found[1].controllers.iter().any(|name| name == "memory"));
    }

    #[test]
    fn what_is_not_understood_is_no_hierarchy() {
        assert_eq!(hierarchies("", ""), []);
        assert_eq!(hierarchies("30 - cgroup2", "0::/"), []);
        assert_eq!(hierarchies("30 25 0:26 / /c rw - cgroup2 cgroup2 rw", "half"), []);
    }
}
