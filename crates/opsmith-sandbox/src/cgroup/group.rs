use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

use super::place::{Cgroups, Version};
use crate::{Limits, Marker, SandboxError};

/// The kernel's own default, in which a share of the processors is given out.
const CPU_PERIOD_US: u64 = 100_000;

/// How often the kernel is asked whether it has killed for memory.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long the killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(5);

/// The groups of one command, one folder for each hierarchy; removed when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    folders: Vec<PathBuf>,
    memory: Option<(Version, PathBuf)>,
    pids: Option<PathBuf>,
}

impl Cgroups {
    /// Makes the groups for a command's limits. `own_processes` of the sandbox's are let in beside the command's.
    pub fn group(&self, marker: &Marker, limits: &Limits, own_processes: u64) -> Result<Group, SandboxError> {
        let failed = |source| SandboxError::Cgroup { marker: marker.clone(), source };
        let mut group = Group { folders: Vec::new(), memory: None, pids: None };
        let wanted = [
            self.memory.as_ref().filter(|_| limits.memory_mib.is_some()),
            // Also without a limit: the list of its processes is what no process gets off.
            self.pids.as_ref(),
            self.cpu.as_ref().filter(|_| limits.cpu_percent.is_some()),
        ];
        for (_, place) in wanted.into_iter().flatten() {
            let folder = place.join(name(marker));
            if !group.folders.contains(&folder) {
                make(&folder).map_err(failed)?;
                group.folders.push(folder);
            }
        }
        if let (Some((version, place)), Some(mib)) = (&self.memory, limits.memory_mib) {
            let folder = place.join(name(marker));
            limit_memory(*version, &folder, mib.saturating_mul(1024 * 1024)).map_err(failed)?;
            group.memory = Some((*version, folder));
        }
        if let Some((_, place)) = &self.pids {
            let folder = place.join(name(marker));
            if let Some(count) = limits.processes {
                fs::write(folder.join("pids.max"), count.saturating_add(own_processes).to_string()).map_err(failed)?;
            }
            group.pids = Some(folder);
        }
        if let (Some((version, place)), Some(percent)) = (&self.cpu, limits.cpu_percent) {
            limit_cpu(*version, &place.join(name(marker)), percent).map_err(failed)?;
        }
        Ok(group)
    }

    /// Kills what lives in the groups that a killed opsmith left for `marker`, and removes them; how many it were.
    pub async fn reap(&self, marker: &Marker) -> Result<usize, SandboxError> {
        let places = [&self.memory, &self.pids, &self.cpu].into_iter().flatten();
        let mut folders: Vec<PathBuf> = places.map(|(_, place)| place.join(name(marker))).collect();
        folders.retain(|folder| folder.is_dir());
        folders.dedup();
        let pids = folders.iter().find(|folder| folder.join("pids.max").exists()).cloned();
        Group { folders, memory: None, pids }.end(marker).await
    }
}

impl Group {
    /// Files to which the child writes `0`, between fork and exec, to be in the groups with all that comes of it.
    pub fn entries(&self) -> io::Result<Vec<File>> {
        self.folders.iter().map(|folder| entry(folder)).collect()
    }

    /// Comes back when the kernel has killed a process over the memory limit; without a limit, never.
    pub async fn memory_exceeded(&self) {
        if self.memory.is_none() {
            std::future::pending::<()>().await;
        }
        while !self.has_exceeded_memory() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the kernel has killed a process over the memory limit.
    pub fn has_exceeded_memory(&self) -> bool {
        let Some((version, folder)) = &self.memory else { return false };
        let file = match version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok());
        count.is_some_and(|count| count > 0)
    }

    /// Kills whatever still lives in the groups and removes them; how many were killed.
    pub async fn end(mut self, marker: &Marker) -> Result<usize, SandboxError> {
        let started = Instant::now();
        let mut killed = Vec::new();
        while !self.is_removed() {
            let living = self.strike();
            if started.elapsed() >= PATIENCE {
                if living.is_empty() {
                    tracing::warn!(sandbox.marker = %marker, "failed to remove the control groups of a command");
                    break;
                }
                return Err(SandboxError::Unkillable { marker: marker.clone(), pids: living });
            }
            killed.extend(living);
            tokio::time::sleep(PAUSE).await;
        }
        killed.sort_unstable();
        killed.dedup();
        Ok(killed.len())
    }

    /// Kills each process in the groups; those that were there. None can fork any more.
    fn strike(&self) -> Vec<i32> {
        if let Some(folder) = &self.pids {
            let _ = fs::write(folder.join("pids.max"), "0");
        }
        let mut living = Vec::new();
        for folder in &self.folders {
            let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
            living.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 1));
        }
        for pid in &living {
            // It may be gone by now.
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        living
    }

    fn is_removed(&mut self) -> bool {
        self.folders.retain(|folder| match fs::remove_dir(folder) {
            Ok(()) => false,
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        });
        self.folders.is_empty()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.is_removed() {
            return;
        }
        self.strike();
        let rest = Self { folders: std::mem::take(&mut self.folders), memory: None, pids: self.pids.take() };
        // A runtime that closes drops the task at once: with this `drop` it would then spawn the next one, without end.
        let mut rest = ManuallyDrop::new(rest);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    let started = Instant::now();
                    while !rest.is_removed() && started.elapsed() < PATIENCE {
                        rest.strike();
                        tokio::time::sleep(PAUSE).await;
                    }
                    // What is still there is for `reap`.
                    rest.folders.clear();
                });
            }
            Err(_) => rest.folders.clear(),
        }
    }
}

fn name(marker: &Marker) -> String {
    format!("opsmith-{marker}")
}

/// The file that lets a process of one thread in, as the child is between fork and exec. In version 1 that is `tasks`:
/// writing to `cgroup.procs` waits there until nothing on the machine forks, which takes 10 ms for each hierarchy.
fn entry(folder: &Path) -> io::Result<File> {
    let open = |name: &str| OpenOptions::new().write(true).open(folder.join(name));
    match open("tasks") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => open("cgroup.procs"),
        opened => opened,
    }
}

/// A folder of that name may be left from a kill; the caller has ended what was in it.
fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_dir(folder)?;
            fs::create_dir(folder)
        }
        done => done,
    }
}

fn limit_memory(version: Version, folder: &Path, bytes: u64) -> io::Result<()> {
    match version {
        Version::V1 => {
            fs::write(folder.join("memory.limit_in_bytes"), bytes.to_string())?;
            // Memory and swap together; the file is missing where swap is not counted.
            let with_swap = folder.join("memory.memsw.limit_in_bytes");
            if with_swap.exists() { fs::write(with_swap, bytes.to_string()) } else { Ok(()) }
        }
        Version::V2 => {
            fs::write(folder.join("memory.max"), bytes.to_string())?;
            let swap = folder.join("memory.swap.max");
            if swap.exists() { fs::write(swap, "0") } else { Ok(()) }
        }
    }
}

fn limit_cpu(version: Version, folder: &Path, percent: u32) -> io::Result<()> {
    let quota_us = (u64::from(percent) * CPU_PERIOD_US / 100).max(1000);
    match version {
        Version::V1 => {
            fs::write(folder.join("cpu.cfs_period_us"), CPU_PERIOD_US.to_string())?;
            fs::write(folder.join("cpu.cfs_quota_us"), quota_us.to_string())
        }
        Version::V2 => fs::write(folder.join("cpu.max"), format!("{quota_us} {CPU_PERIOD_US}")),
    }
}
