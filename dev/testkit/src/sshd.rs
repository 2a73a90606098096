use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::keeper::{Keeper, free_port, run};

/// Debian's SSH server on a port of loopback with keys of its own, for the user of this process; gone when dropped.
#[derive(Debug)]
pub struct Sshd {
    user: String,
    port: u16,
    /// What the client needs: its key, the known hosts, its configuration.
    client: TempDir,
    _keeper: Keeper,
}

impl Sshd {
    /// Starts one; `None`, with the reason printed, where that cannot be.
    #[allow(clippy::print_stdout, reason = "a skipped test says why in its output")]
    pub fn start() -> Option<Self> {
        Self::begin().map_err(|reason| println!("skipped over ssh: {reason}")).ok()
    }

    fn begin() -> Result<Self, String> {
        let program = program().ok_or("no SSH server is installed (Debian: apt-get install openssh-server)")?;
        let user = User::from_uid(geteuid()).map_err(|e| e.to_string())?.ok_or("this process's user has no name")?.name;
        if geteuid().is_root() {
            // Debian's starts nothing as root without it, and its service makes it.
            fs::create_dir_all("/run/sshd").map_err(|e| format!("create `/run/sshd`: {e}"))?;
        }
        let client = tempfile::tempdir().map_err(|e| e.to_string())?;
        // Not a `TempDir`: the keeper removes it, also when this process is killed.
        let server = tempfile::tempdir().map_err(|e| e.to_string())?.keep();
        let port = free_port()?;
        new_key(&server.join("host"))?;
        new_key(&client.path().join("key"))?;
        write(&server.join("authorized_keys"), &read(&client.path().join("key.pub"))?)?;
        write(&server.join("sshd_config"), &settings(&server, port))?;
        let known = format!("[127.0.0.1]:{port} {}", read(&server.join("host.pub"))?);
        write(&client.path().join("known_hosts"), &known)?;
        write(&client.path().join("config"), &client_settings(client.path()))?;
        let config = server.join("sshd_config").display().to_string();
        // By its whole path, without which it does not start itself anew for each connection.
        let command = [program.display().to_string(), "-D".into(), "-e".into(), "-f".into(), config];
        let mut keeper = Keeper::start(&server, "TERM", &command)?;
        keeper.wait_until_it_says("Server listening on 127.0.0.1")?;
        Ok(Self { user, port, client, _keeper: keeper })
    }

    /// The address of a repository at `path` of this machine.
    pub fn url(&self, path: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, path.display())
    }

    /// The client with its key, for `GIT_SSH_COMMAND`; nothing of the user's own `~/.ssh` is read.
    pub fn client(&self) -> String {
        format!("ssh -F {}", self.client.path().join("config").display())
    }

    /// Lets the client no longer know the host's key.
    pub fn forget_host(&self) {
        fs::write(self.client.path().join("known_hosts"), "").expect("the known hosts are written");
    }

    /// Takes the client's key away, as if it never had one.
    pub fn take_key(&self) {
        fs::remove_file(self.client.path().join("key")).expect("there is a key");
    }
}

fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let path = std::env::var("PATH").unwrap_or_default();
    // StrictModes would refuse keys below a folder that everybody may write to, as /tmp is.
    format!(
        "ListenAddress 127.0.0.1\nPort {port}\nPidFile none\nHostKey {folder}/host\n\
         AuthorizedKeysFile {folder}/authorized_keys\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nSetEnv PATH=\"{path}\"\n"
    )
}

fn client_settings(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "IdentityFile {folder}/key\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {folder}/known_hosts\n\
         GlobalKnownHostsFile none\n"
    )
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"].into_iter().map(PathBuf::from).find(|at| at.exists())
}

fn new_key(at: &Path) -> Result<(), String> {
    let at = at.display().to_string();
    run(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", &at].map(String::from))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|e| format!("read `{}`: {e}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|e| format!("write `{}`: {e}", path.display()))
}
