use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};
use tokio::time::Instant;

use crate::environment::MARKER_ENV;
use crate::process::{self, Carries, Process};
use crate::{Marker, SandboxError};

/// How often the processes of a running command are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// When a look that found too much memory is repeated: while some processes end, what they shared with the others is
/// counted with both, so one look alone can be wrong.
const CONFIRM_AFTER: Duration = Duration::from_millis(20);

/// How long the killed may take to be gone; only those stuck in the kernel or out of our reach take longer.
const SWEEP_PATIENCE: Duration = Duration::from_secs(5);

/// How long processes in the middle of exec are waited for before they count as foreign.
const EXEC_PATIENCE: Duration = Duration::from_millis(500);

const SWEEP_PAUSE: Duration = Duration::from_millis(5);

/// Bounds one pass against processes that fork as fast as they are killed; the next pass goes on.
const ROUNDS_PER_PASS: usize = 50;

/// The processes of one command, or of several: those that carry a marker of these, the children of these, and all in sessions that these
/// lead. So one that drops its environment, or changes its group, is still known if it was seen in time.
///
/// Never in it: this process and pid 1.
#[derive(Debug)]
struct Family {
    /// Of all its commands the one that is named.
    marker: Marker,
    entries: Vec<Vec<u8>>,
    /// Processes that were there before the command; while watching they are not looked at again.
    older: HashSet<i32>,
    /// Start times by pid: a pid alone may meanwhile be another's.
    known: HashMap<i32, u64>,
    /// Kept only while somebody lives in them, since the number of an empty session is free for others.
    sessions: HashSet<i32>,
    killed: HashSet<(i32, u64)>,
    /// Whether the last look met a process that could not yet say whose it is.
    undecided: bool,
}

impl Family {
    fn of(marker: &Marker, more: &[Marker]) -> Self {
        let entry = |marker: &Marker| format!("{MARKER_ENV}={marker}").into_bytes();
        Self {
            marker: marker.clone(),
            entries: std::iter::once(marker).chain(more).map(entry).collect(),
            older: HashSet::new(),
            known: HashMap::new(),
            sessions: HashSet::new(),
            killed: HashSet::new(),
            undecided: false,
        }
    }

    /// The members among those that came after the command's start.
    fn look(&mut self) -> io::Result<Vec<Process>> {
        let pids = process::pids()?;
        let listed: HashSet<i32> = pids.iter().copied().collect();
        self.older.retain(|pid| listed.contains(pid));
        let newer = pids.into_iter().filter(|pid| !self.older.contains(pid)).collect();
        Ok(self.members(newer, |_| {}))
    }

    /// Kills all members that live, until none is new; those returned are killed and not gone yet.
    fn kill(&mut self) -> io::Result<Vec<Process>> {
        let mut living = Vec::new();
        for _ in 0..ROUNDS_PER_PASS {
            let pids = process::pids()?;
            let mut struck = Vec::new();
            let killed = std::mem::take(&mut self.killed);
            // Each is killed as soon as it is found: one that forks and exits in a loop is gone a moment later.
            living = self.members(pids, |member| {
                if !killed.contains(&(member.pid, member.started)) {
                    strike(member.pid);
                    struck.push((member.pid, member.started));
                }
            });
            self.killed = killed;
            if struck.is_empty() {
                break;
            }
            self.killed.extend(struck);
        }
        Ok(living)
    }

    fn members(&mut self, pids: Vec<i32>, mut on_found: impl FnMut(&Process)) -> Vec<Process> {
        self.undecided = false;
        let own = getpid().as_raw();
        let mut found: Vec<Process> = Vec::new();
        let mut others: Vec<Process> = Vec::new();
        for pid in pids.into_iter().filter(|pid| *pid > 1 && *pid != own) {
            let Some(process) = process::read(pid).filter(Process::is_alive) else { continue };
            let known = self.known.get(&pid) == Some(&process.started) || self.sessions.contains(&process.session);
            match if known { Carries::Yes } else { process.carries(&self.entries) } {
                Carries::Yes => {
                    on_found(&process);
                    found.push(process);
                    continue;
                }
                Carries::No => {}
                Carries::NotYet => self.undecided = true,
            }
            others.push(process);
        }
        loop {
            let pids: HashSet<i32> = found.iter().map(|member| member.pid).collect();
            self.sessions.extend(found.iter().filter(|member| member.session == member.pid).map(|member| member.pid));
            let (ours, rest): (Vec<Process>, Vec<Process>) = others
                .into_iter()
                .partition(|process| pids.contains(&process.parent) || self.sessions.contains(&process.session));
            if ours.is_empty() {
                break;
            }
            ours.iter().for_each(&mut on_found);
            found.extend(ours);
            others = rest;
        }
        self.known = found.iter().map(|member| (member.pid, member.started)).collect();
        self.sessions.retain(|session| found.iter().any(|member| member.session == *session));
        found
    }
}

fn strike(pid: i32) {
    match kill(Pid::from_raw(pid), Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(process.pid = pid, error = %error, "failed to kill a process"),
    }
}

/// A hold on the processes of one command, from before its start to after its end.
///
/// Dropped before [`Leash::sweep`] has found nothing left, as when the future that runs the command is dropped, it
/// kills them on the spot.
#[derive(Debug)]
pub(crate) struct Leash {
    family: Arc<Mutex<Family>>,
    held: bool,
}

impl Leash {
    /// A hold on a command about to start.
    pub fn before_start(marker: &Marker) -> Result<Self, SandboxError> {
        let mut leash = Self::on_leftovers(marker, &[]);
        let older = process::pids().map_err(SandboxError::ProcessTable)?;
        leash.held = true;
        lock(&leash.family).older = older.into_iter().collect();
        Ok(leash)
    }

    /// A hold on whatever carries `marker` or one of `more`.
    pub fn on_leftovers(marker: &Marker, more: &[Marker]) -> Self {
        Self { family: Arc::new(Mutex::new(Family::of(marker, more))), held: false }
    }

    /// Takes in the session that the command's first process leads.
    pub fn adopt(&self, leader: i32) {
        lock(&self.family).sessions.insert(leader);
    }

    /// Looks once, so that who is a child now is known when its parent has gone; the members that live.
    pub async fn look(&self) -> Result<Vec<Process>, SandboxError> {
        self.off_thread(Family::look).await
    }

    /// Comes back when the processes together hold more memory than `limit_mib`; without a limit, never.
    pub async fn memory_exceeded(&self, limit_mib: Option<u64>) {
        let limit_kib = limit_mib.map(|mib| mib.saturating_mul(1024));
        let mut was_over = false;
        loop {
            let over = self.off_thread(move |family| {
                let members = family.look()?;
                Ok(limit_kib.is_some_and(|limit| hold_more(&members, limit)))
            });
            let is_over = over.await.unwrap_or_else(|error| {
                tracing::warn!(error = ?error, "failed to look at the processes of a command");
                false
            });
            if is_over && was_over {
                return;
            }
            was_over = is_over;
            tokio::time::sleep(if is_over { CONFIRM_AFTER } else { LOOK_EVERY }).await;
        }
    }

    /// Comes back when no member lives, or nothing can be known.
    pub async fn gone(&self) {
        while self.look().await.is_ok_and(|members| !members.is_empty()) {
            tokio::time::sleep(SWEEP_PAUSE).await;
        }
    }

    /// Kills every member and comes back when none is left, as two looks in a row must find; how many were killed.
    pub async fn sweep(&mut self) -> Result<usize, SandboxError> {
        let started = Instant::now();
        let mut clean = 0;
        while clean < 2 {
            let (living, undecided) = self.off_thread(|family| Ok((family.kill()?, family.undecided))).await?;
            if !living.is_empty() && started.elapsed() >= SWEEP_PATIENCE {
                let marker = lock(&self.family).marker.clone();
                return Err(SandboxError::Unkillable { marker, pids: living.iter().map(|one| one.pid).collect() });
            }
            let waiting = !living.is_empty() || (undecided && started.elapsed() < EXEC_PATIENCE);
            clean = if waiting { 0 } else { clean + 1 };
            if clean < 2 {
                tokio::time::sleep(SWEEP_PAUSE).await;
            }
        }
        self.held = false;
        Ok(lock(&self.family).killed.len())
    }

    /// Runs `work` where it may block: reading of a process waits while the kernel changes its memory.
    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Family) -> io::Result<T> + Send + 'static,
    ) -> Result<T, SandboxError> {
        let family = Arc::clone(&self.family);
        let done = tokio::task::spawn_blocking(move || work(&mut lock(&family))).await;
        done.unwrap_or_else(|lost| Err(io::Error::other(lost))).map_err(SandboxError::ProcessTable)
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        if self.held
            && let Err(error) = lock(&self.family).kill()
        {
            tracing::error!(error = %error, "failed to kill the processes of a dropped command");
        }
    }
}

/// Shared pages are counted once only when it matters, since that costs a walk through all mappings.
fn hold_more(members: &[Process], limit_kib: u64) -> bool {
    members.iter().map(Process::resident_kib).sum::<u64>() > limit_kib
        && members.iter().map(Process::proportional_kib).sum::<u64>() > limit_kib
}

fn lock(family: &Mutex<Family>) -> MutexGuard<'_, Family> {
    family.lock().unwrap_or_else(PoisonError::into_inner)
}
