//! The machine and its processes, as the kernel describes them.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

/// Processor, cores, memory, kernel and present load on one line; what cannot be read is left out.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut line = format!("{cores} cores");
    if let Some(model) = value(&read("/proc/cpuinfo"), "model name") {
        let _ = write!(line, " of {model}");
    }
    if let Some(kib) = value(&read("/proc/meminfo"), "MemTotal").as_deref().and_then(kib) {
        let _ = write!(line, ", {:.0} GiB of memory", kib / 1024.0 / 1024.0);
    }
    let kernel = read("/proc/sys/kernel/osrelease");
    if !kernel.is_empty() {
        let _ = write!(line, ", Linux {}", kernel.trim());
    }
    if let Some(load) = read("/proc/loadavg").split_whitespace().next() {
        let _ = write!(line, ", load {load}");
    }
    line
}

/// A process's resident memory, in MB of a million bytes.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Now.
    pub resident_mb: f64,
    /// The most it ever was.
    pub peak_mb: f64,
}

impl Memory {
    /// This process's.
    pub fn own() -> Result<Self> {
        Self::read("self")
    }

    /// Another process's.
    pub fn of(pid: u32) -> Result<Self> {
        Self::read(&pid.to_string())
    }

    fn read(process: &str) -> Result<Self> {
        let path = format!("/proc/{process}/status");
        let status = fs::read_to_string(&path).with_context(|| format!("failed to read `{path}`"))?;
        let mb = |key: &str| {
            let kib = value(&status, key).as_deref().and_then(kib).with_context(|| format!("`{path}` has no `{key}`"));
            Ok::<_, anyhow::Error>(kib? * 1024.0 / 1e6)
        };
        Ok(Self { resident_mb: mb("VmRSS")?, peak_mb: mb("VmHWM")? })
    }
}

/// The value after `key:` on the first line that begins with it.
fn value(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim().to_owned())
    })
}

fn kib(text: &str) -> Option<f64> {
    text.strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let status = "Name:\tbench\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(value(status, "VmRSS").as_deref().and_then(kib), Some(1024.0));
        assert_eq!(value(status, "VmSwap"), None);
        let own = Memory::own().unwrap();
        assert!(own.resident_mb > 0.0 && own.peak_mb >= own.resident_mb, "{own:?}");
    }
}
