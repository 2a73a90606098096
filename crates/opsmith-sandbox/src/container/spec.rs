//! A command and its limits in the daemon's words.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits};
use nix::unistd::{Gid, Uid};

use super::{Container, MARKER_LABEL, OWNER_LABEL};
use crate::{Access, Backend, CommandSpec, Network, SandboxError, environment};

/// The first process of a container, which the daemon adds and which passes signals on.
const OWN_PROCESSES: u64 = 1;

/// Room for an image's own programs to write to, in memory that counts as the command's.
const EMPTY: [&str; 3] = ["/tmp", "/var/tmp", "/run"];

impl Container {
    /// What to create. Fails for a network by list, and for arguments that are not UTF-8.
    pub(super) fn body(&self, spec: &CommandSpec, access: &Access) -> Result<ContainerCreateBody, SandboxError> {
        let network = match access.network {
            Network::On => self.settings.network.clone(),
            Network::Off => "none".to_owned(),
            Network::Listed(_) => {
                let what = "hold a command to a list of destinations";
                return Err(SandboxError::Unsupported { backend: Backend::Container, what });
            }
        };
        let text = |value: &OsStr| {
            value.to_str().map(str::to_owned).ok_or_else(|| {
                let program = spec.program.clone();
                let source = std::io::Error::new(std::io::ErrorKind::InvalidData, "arguments have to be UTF-8 here");
                SandboxError::Start { program, source }
            })
        };
        let mut cmd = vec![text(&spec.program)?];
        for argument in &spec.args {
            cmd.push(text(argument)?);
        }
        let mut env = Vec::new();
        // Nothing of the host's, whose `PATH` says nothing of an image.
        for (name, value) in environment::of_command(&BTreeMap::new(), spec) {
            env.push(format!("{}={}", text(&name)?, text(&value)?));
        }
        Ok(ContainerCreateBody {
            image: Some(self.settings.image.clone()),
            cmd: Some(cmd),
            // The image's own would run the command as its argument.
            entrypoint: Some(Vec::new()),
            env: Some(env),
            user: Some(format!("{}:{}", Uid::effective(), Gid::effective())),
            working_dir: Some(text(spec.cwd.as_os_str())?),
            labels: Some(HashMap::from([
                (OWNER_LABEL.to_owned(), self.settings.owner.clone()),
                (MARKER_LABEL.to_owned(), spec.marker.to_string()),
            ])),
            attach_stdin: Some(!spec.stdin.is_empty()),
            open_stdin: Some(!spec.stdin.is_empty()),
            stdin_once: Some(!spec.stdin.is_empty()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(false),
            host_config: Some(HostConfig { network_mode: Some(network), ..self.host_config(spec, access) }),
            ..ContainerCreateBody::default()
        })
    }

    fn host_config(&self, spec: &CommandSpec, access: &Access) -> HostConfig {
        let limits = &spec.limits;
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let memory = limits.memory_mib.filter(|_| self.limits.memory).map(|mib| whole(mib.saturating_mul(1024 * 1024)));
        let processes = limits.processes.filter(|_| self.limits.processes);
        let cpu = limits.cpu_percent.filter(|_| self.limits.cpu);
        let ulimit = |name: &str, most: i64| ResourcesUlimits {
            name: Some(name.to_owned()),
            soft: Some(most),
            hard: Some(most),
        };
        let mut ulimits = vec![ulimit("core", 0)];
        ulimits.extend(limits.file_mib.map(|mib| ulimit("fsize", whole(mib.saturating_mul(1024 * 1024)))));
        let options = "rw,exec,nosuid,nodev,mode=1777";
        HostConfig {
            memory,
            // With swap; without it the daemon would give the same again.
            memory_swap: memory,
            pids_limit: processes.map(|count| whole(count.saturating_add(OWN_PROCESSES))),
            nano_cpus: cpu.map(|percent| i64::from(percent) * 10_000_000),
            ulimits: Some(ulimits),
            mounts: Some(mounts(spec, access)),
            tmpfs: Some(EMPTY.iter().map(|path| ((*path).to_owned(), options.to_owned())).collect()),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            init: Some(true),
            // What it prints comes to us; the daemon would keep all of it on disk.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        }
    }
}

fn mounts(spec: &CommandSpec, access: &Access) -> Vec<Mount> {
    let writable = access.writable_of(spec);
    let mut mounts: BTreeMap<PathBuf, bool> =
        access.readable_of(&writable).into_iter().map(|path| (path, true)).collect();
    let program = Path::new(&spec.program);
    // A file given by its whole path is meant as it is here; in a folder of the command's own, it is there with it.
    if program.is_absolute() && program.is_file() && !writable.iter().any(|folder| program.starts_with(folder)) {
        mounts.insert(program.to_owned(), true);
    }
    mounts.extend(writable.into_iter().map(|path| (path, false)));
    let mount = |(path, read_only): (PathBuf, bool)| {
        let path = path.into_os_string().into_string().ok()?;
        Some(Mount {
            target: Some(path.clone()),
            source: Some(path),
            typ: Some(MountType::BIND),
            read_only: Some(read_only),
            ..Mount::default()
        })
    };
    mounts.into_iter().filter_map(mount).collect()
}
