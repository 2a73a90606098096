use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use opsmith_sandbox::{
    Access, Backend, CommandSpec, ContainerSettings, Limits, Network, Preference, Sandbox, SandboxError, Setup,
};
use tempfile::TempDir;
use testkit::docker::{Daemon, IMAGE};

use crate::fixture::{HANGS, Ran, fresh_marker, start};

/// Containers of that daemon. Of its networks, one without bridges has this machine's only.
pub fn docker(daemon: &Daemon, owner: &str) -> ContainerSettings {
    let (image, network) = (IMAGE.to_owned(), "host".to_owned());
    ContainerSettings { socket: daemon.socket(), image, network, owner: owner.to_owned() }
}

/// A machine in small: a home with a token, opsmith's data, two tasks; and the sandbox of one backend over it.
///
/// The stories over it use what both a Debian and a BusyBox have.
pub struct World {
    root: TempDir,
    pub sandbox: Sandbox,
    pub setup: Setup,
}

impl World {
    pub async fn of(preference: Preference, container: Option<ContainerSettings>) -> Result<Self, SandboxError> {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["home", "data/work/a/tree", "data/work/a/control.git", "data/work/a/private/home"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for folder in ["data/work/a/private/tmp", "data/work/b/tree"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("home/.token"), "secret of the home\n").unwrap();
        fs::write(at("data/opsmith.db"), "secret of the database\n").unwrap();
        fs::write(at("data/work/a/control.git/HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(at("data/work/b/tree/other"), "secret of another task\n").unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let seeded = [("GITHUB_TOKEN", "ghp_secret"), ("SSH_AUTH_SOCK", "/tmp/agent"), ("LANG", "C.UTF-8")];
        let mut host_env: Vec<(OsString, OsString)> =
            seeded.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        host_env.push(("PATH".into(), path));
        let setup = Setup { host_env, hidden: vec![at("home"), at("data")], container };
        let sandbox = Sandbox::choose(preference, setup.clone()).await?;
        Ok(Self { root, sandbox, setup })
    }

    pub fn backend(&self) -> Backend {
        self.sandbox.backend()
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    pub fn tree(&self) -> PathBuf {
        self.at("data/work/a/tree")
    }

    pub fn spec(&self, program: impl Into<OsString>, args: &[&str]) -> CommandSpec {
        let own = [("HOME", "data/work/a/private/home"), ("TMPDIR", "data/work/a/private/tmp")];
        CommandSpec {
            program: program.into(),
            args: args.iter().map(OsString::from).collect(),
            cwd: self.tree(),
            env: own.into_iter().map(|(name, path)| (name.into(), self.at(path).into())).collect(),
            stdin: Vec::new(),
            limits: Limits { wall: HANGS, ..Limits::default() },
            marker: fresh_marker(),
        }
    }

    pub fn sh(&self, script: &str) -> CommandSpec {
        self.spec("sh", &["-c", script])
    }

    /// Runs to the end without a network.
    pub async fn run(&self, spec: CommandSpec) -> Ran {
        self.run_with(Access { network: Network::Off, ..Access::default() }, spec).await
    }

    pub async fn run_with(&self, access: Access, spec: CommandSpec) -> Ran {
        let mut running = start(&self.sandbox.with_access(access), spec);
        running.collect().await;
        running.end().await
    }

    /// What a command prints, which has to end well.
    pub async fn says(&self, script: &str) -> String {
        let ran = self.run(self.sh(script)).await;
        assert_eq!(ran.exit.status, opsmith_sandbox::ExitStatus::Code(0), "{script}: {}", ran.errors());
        ran.text().to_owned()
    }
}
