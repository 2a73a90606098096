use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opsmith_sandbox::ContainerSettings;
use tempfile::TempDir;

const IMAGE: &str = "opsmith-test:latest";

/// Where Debian has the static BusyBox.
const BUSYBOX: &[&str] = &["/bin/busybox", "/usr/bin/busybox"];

/// A Docker daemon of this test's own, with one image: a BusyBox and nothing else.
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
        let folder = tempfile::tempdir().unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
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
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let (started, child) = std::sync::mpsc::channel();
        let (alive, ended) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            started.send(command.spawn()).unwrap();
            let _ = ended.recv();
        });
        let child = child.recv().unwrap().map_err(|error| format!("no `setpriv`: {error}"))?;
        let mut daemon = Self { child: Some(child), starter: Some((alive, thread)), folder };
        daemon.wait()?;
        daemon.import(busybox)?;
        Ok(daemon)
    }

    pub fn settings(&self, owner: &str) -> ContainerSettings {
        // Of the daemon's networks, one without bridges has this machine's only.
        ContainerSettings {
            socket: self.socket(),
            image: IMAGE.to_owned(),
            network: "host".to_owned(),
            owner: owner.to_owned(),
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// How many containers there are, running or not.
    pub fn containers(&self) -> usize {
        self.docker(&["ps", "--all", "--quiet"]).unwrap().lines().count()
    }

    fn wait(&mut self) -> Result<(), String> {
        let started = Instant::now();
        while UnixStream::connect(self.socket()).is_err() || self.docker(&["version"]).is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            if ended.is_some() || started.elapsed() > Duration::from_secs(60) {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
                return Err(format!("dockerd does not run: {}", log.lines().last().unwrap_or_default()));
            }
            std::thread::yield_now();
        }
        Ok(())
    }

    fn import(&self, busybox: &Path) -> Result<(), String> {
        let rootfs = self.folder.path().join("rootfs");
        for name in ["bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var/tmp"] {
            fs::create_dir_all(rootfs.join(name)).unwrap();
        }
        fs::copy(busybox, rootfs.join("bin/busybox")).unwrap();
        for name in
            ["cat", "dd", "dirname", "env", "grep", "head", "ln", "mkdir", "mount", "nc", "rm", "sh", "sleep", "tr"]
        {
            symlink("busybox", rootfs.join("bin").join(name)).unwrap();
        }
        symlink("busybox", rootfs.join("bin/setsid")).unwrap();
        let archive = self.folder.path().join("rootfs.tar");
        let packed = Command::new("tar").arg("-C").arg(&rootfs).arg("-cf").arg(&archive).arg(".").status().unwrap();
        assert!(packed.success());
        self.docker(&["import", archive.to_str().unwrap(), IMAGE]).map(drop)
    }

    fn docker(&self, args: &[&str]) -> Result<String, String> {
        let host = format!("unix://{}", self.socket().display());
        let output = Command::new("docker").args(["-H", &host]).args(args).stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("no `docker`: {error}"))?;
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
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
