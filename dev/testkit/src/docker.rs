//! Docker, for those who run containers.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The one image: a BusyBox and nothing else.
pub const IMAGE: &str = "opsmith-test:latest";

/// Where Debian has the static BusyBox.
const BUSYBOX: &[&str] = &["/bin/busybox", "/usr/bin/busybox"];

/// A Docker daemon of a test's own. Of its networks, one without bridges has `host` and `none` only.
#[derive(Debug)]
pub struct Daemon {
    child: Option<Child>,
    /// The kernel ends the daemon, too, when the thread that started it goes.
    starter: Option<(std::sync::mpsc::Sender<()>, JoinHandle<()>)>,
    folder: TempDir,
}

impl Daemon {
    /// Fails, with a reason, where there is no Docker or it cannot run.
    pub fn start() -> Result<Self, String> {
        let busybox = BUSYBOX.iter().map(Path::new).find(|path| path.is_file()).ok_or("no busybox")?;
        if !nix::unistd::Uid::effective().is_root() {
            return Err("a daemon needs root".to_owned());
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = fs::File::create(folder.path().join("log")).expect("a file in it");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut command = Command::new("setpriv");
        command.args([
            "--pdeathsig",
            "TERM",
            "dockerd",
            "--iptables=false",
            "--bridge=none",
            "--data-root",
            &at("data"),
        ]);
        command.args(["--cgroup-parent", &format!("/{}", cgroup_parent())]);
        command.args(["--exec-root", &at("exec"), "--pidfile", &at("pid"), "-H", &format!("unix://{}", at("socket"))]);
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("the same file again")).stderr(log);
        let (started, child) = std::sync::mpsc::channel();
        let (alive, ended) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let _ = started.send(command.spawn());
            let _ = ended.recv();
        });
        let child = child.recv().expect("the thread answers").map_err(|error| format!("no `setpriv`: {error}"))?;
        let mut daemon = Self { child: Some(child), starter: Some((alive, thread)), folder };
        daemon.wait()?;
        daemon.import(busybox)?;
        Ok(daemon)
    }

    /// Where it answers.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// How many containers there are, running or not.
    pub fn containers(&self) -> usize {
        self.docker(&["ps", "--all", "--quiet"]).expect("the daemon answers").lines().count()
    }

    fn wait(&mut self) -> Result<(), String> {
        let started = Instant::now();
        while UnixStream::connect(self.socket()).is_err() || self.docker(&["version"]).is_err() {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || started.elapsed() > Duration::from_secs(60) {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                return Err(format!("dockerd does not run: {}", log.lines().last().unwrap_or_default()));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn import(&self, busybox: &Path) -> Result<(), String> {
        let rootfs = self.folder.path().join("rootfs");
        for name in ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var/tmp"] {
            fs::create_dir_all(rootfs.join(name)).expect("a folder of the image");
        }
        fs::copy(busybox, rootfs.join("bin/busybox")).expect("the image's program");
        for name in [
            "cat", "dd", "dirname", "env", "grep", "head", "ln", "ls", "mkdir", "mount", "nc", "rm", "setsid", "sh",
            "sleep", "tr",
        ] {
            symlink("busybox", rootfs.join("bin").join(name)).expect("a name of it");
        }
        let archive = self.folder.path().join("rootfs.tar");
        let packed =
            Command::new("tar").arg("-C").arg(&rootfs).arg("-cf").arg(&archive).arg(".").status().expect("tar runs");
        assert!(packed.success());
        self.docker(&["import", &archive.display().to_string(), IMAGE]).map(drop)
    }

    fn docker(&self, args: &[&str]) -> Result<String, String> {
        let host = format!("unix://{}", self.socket().display());
        let output = Command::new("docker").args(["-H", &host]).args(args).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("no `docker`: {error}"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

fn cgroup_parent() -> String {
    format!("opsmith-test-{}", std::process::id())
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // On SIGTERM it ends what it started itself.
            let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
            let _ = child.wait();
        }
        // What it made outside its folder, and what it leaves mounted there.
        let _ =
            Command::new("umount").arg(self.folder.path().join("exec/netns/default")).stderr(Stdio::null()).status();
        for hierarchy in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
            let _ = fs::remove_dir(hierarchy.path().join(cgroup_parent()));
        }
        let _ = fs::remove_dir(Path::new("/sys/fs/cgroup").join(cgroup_parent()));
        if let Some((alive, thread)) = self.starter.take() {
            drop(alive);
            let _ = thread.join();
        }
    }
}
