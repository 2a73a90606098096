//! What `/proc` says of a process: whose it is, and what it holds.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Far above what an environment can be (a quarter of the stack limit), against a process that forges its size.
const ENVIRON_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A process as the kernel lists it; `started` (clock ticks since boot) tells it from a later one of the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub pid: i32,
    pub parent: i32,
    pub session: i32,
    pub started: u64,
    zombie: bool,
    threads: u64,
    /// In the middle of exec: it has its new memory, and no environment in it yet.
    in_exec: bool,
}

/// What the environment of a process says about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// It is there.
    Yes,
    /// It is not there, or we may not see it.
    No,
    /// The process is in the middle of exec: ask again.
    NotYet,
}

/// The pids of all processes, the newest first as far as pids tell.
pub(crate) fn pids() -> io::Result<Vec<i32>> {
    let entries = fs::read_dir("/proc")?;
    let mut pids: Vec<i32> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(pids)
}

/// The process `pid`, unless it is gone.
pub(crate) fn read(pid: i32) -> Option<Process> {
    parse_stat(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// Reads `proc(5)` stat. The name in parentheses is the process's own choice, so fields count from its last one.
fn parse_stat(pid: i32, stat: &[u8]) -> Option<Process> {
    let name_end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(&stat[name_end + 1..]).ok()?.split_ascii_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let (memory, environ_end) = (number(20)?, number(48));
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: number(19)?,
        zombie: matches!(*fields.first()?, "Z" | "X"),
        threads: number(17)?,
        in_exec: memory > 0 && environ_end == Some(0),
    })
}

impl Process {
    /// Whether anything of it can still run: a zombie cannot, unless only its first thread has ended.
    pub fn is_alive(&self) -> bool {
        !self.zombie || self.threads > 1
    }

    /// Whether one of `entries` (`NAME=value`) is in the environment that it was started with.
    pub fn carries(&self, entries: &[Vec<u8>]) -> Carries {
        let mut environ = Vec::new();
        let Ok(file) = self.folder().and_then(|folder| File::open(folder.join("environ"))) else { return Carries::No };
        // A process that ends while it is read has no environment left to show; that is an answer too.
        let _ = file.take(ENVIRON_MAX_BYTES).read_to_end(&mut environ);
        if environ.split(|byte| *byte == 0).any(|shown| entries.iter().any(|entry| shown == entry)) {
            return Carries::Yes;
        }
        // The kernel hides the address from those who may not read the environment; they did not get here.
        if environ.is_empty() && self.in_exec { Carries::NotYet } else { Carries::No }
    }

    /// Its resident memory, pages it shares with others counted in full.
    pub fn resident_kib(&self) -> u64 {
        self.field_kib("status", "VmRSS:").unwrap_or(0)
    }

    /// Its share of the resident memory; slower to get, so for when [`Self::resident_kib`] looks too much.
    pub fn proportional_kib(&self) -> u64 {
        self.field_kib("smaps_rollup", "Pss:").unwrap_or_else(|| self.resident_kib())
    }

    fn field_kib(&self, file: &str, name: &str) -> Option<u64> {
        let text = fs::read(self.folder().ok()?.join(file)).ok()?;
        let text = String::from_utf8_lossy(&text);
        text.lines().find_map(|line| line.strip_prefix(name))?.split_ascii_whitespace().next()?.parse().ok()
    }

    /// Where its memory shows: once the first thread has ended, only at one of the others.
    fn folder(&self) -> io::Result<PathBuf> {
        let folder = Path::new("/proc").join(self.pid.to_string());
        if !self.zombie {
            return Ok(folder);
        }
        let mut tasks = fs::read_dir(folder.join("task"))?.flatten().map(|task| task.path());
        let first = self.pid.to_string();
        tasks.find(|task| !task.ends_with(&first)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_cannot_forge_its_fields_by_its_name() {
        let tail = "S 7 8 9 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 147621 3133440 410";
        let honest = parse_stat(5, format!("5 (cat) {tail}\n").as_bytes()).unwrap();
        assert_eq!((honest.parent, honest.session, honest.started), (7, 9, 147_621));
        let mut forged = b"5 (x) Z 1 1 1 (\xff\n".to_vec();
        forged.extend_from_slice(format!(") {tail}\n").as_bytes());
        assert_eq!(parse_stat(5, &forged), Some(honest));
    }

    #[test]
    fn a_zombie_with_threads_left_is_alive() {
        let stat = |state: &str, threads: u8| {
            parse_stat(5, format!("5 (x) {state} 7 8 9 0 -1 0 1 0 0 0 0 0 0 0 20 0 {threads} 0 1 4096 1").as_bytes())
                .unwrap()
        };
        assert!(stat("S", 1).is_alive());
        assert!(stat("Z", 2).is_alive());
        assert!(!stat("Z", 1).is_alive());
    }

    #[test]
    fn a_process_is_in_exec_while_it_has_memory_and_no_environment() {
        let in_exec = |memory: u64, environ_end: u64| {
            let between = "0 ".repeat(27);
            let stat = format!("5 (x) R 7 8 9 0 -1 0 1 0 0 0 0 0 0 0 20 0 1 0 1 {memory} {between}{environ_end} 0");
            parse_stat(5, stat.as_bytes()).unwrap().in_exec
        };
        assert!(in_exec(135_168, 0));
        assert!(!in_exec(135_168, 140_728_898_420_736));
        // A thread of the kernel's has no memory, and never an environment.
        assert!(!in_exec(0, 0));
    }

    #[test]
    fn half_a_line_is_no_process() {
        assert_eq!(parse_stat(5, b""), None);
        assert_eq!(parse_stat(5, b"5 (cat"), None);
        assert_eq!(parse_stat(5, b"5 (cat) S 7 8"), None);
    }
}
