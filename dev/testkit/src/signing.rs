//! Keys that sign commits, and git's own word on what they signed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A home with a GnuPG key ring of two keys, one of them locked; its agent ends when dropped.
#[derive(Debug)]
pub struct GpgHome(PathBuf);

impl GpgHome {
    /// The address of the key that anybody may use.
    pub const OPEN: &str = "ada@example.com";
    /// The address of the key with a passphrase.
    pub const LOCKED: &str = "locked@example.com";

    /// The key ring of the user whose home is `home`; `None`, with the reason printed, where GnuPG is not installed.
    #[allow(clippy::print_stdout, reason = "a skipped test says why in its output")]
    pub fn at(home: &Path) -> Option<Self> {
        let made = Self(home.join(".gnupg"));
        if Command::new("gpg").arg("--version").output().is_err() {
            println!("skipped with GnuPG: it is not installed (Debian: apt-get install gnupg)");
            return None;
        }
        fs::create_dir_all(&made.0).expect("a folder for the key ring");
        fs::set_permissions(&made.0, fs::Permissions::from_mode(0o700)).expect("a folder of one's own");
        for (address, passphrase) in [(Self::OPEN, ""), (Self::LOCKED, "secret")] {
            let mut command = Command::new("gpg");
            command.env("GNUPGHOME", &made.0).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
            command.args(["--passphrase", passphrase, "--quick-gen-key", address, "ed25519", "sign", "never"]);
            well(&command.output().expect("gpg runs"));
        }
        // It remembers passphrases.
        made.end_agent();
        Some(made)
    }

    /// Whether git finds a good signature on a commit.
    pub fn verifies(&self, git_dir: &Path, commit: &str) -> bool {
        verify(git_dir, commit, &[]).env("GNUPGHOME", &self.0).output().expect("git runs").status.success()
    }

    fn end_agent(&self) {
        let mut command = Command::new("gpgconf");
        command.env("GNUPGHOME", &self.0).args(["--kill", "gpg-agent"]).output().expect("gpgconf runs");
    }
}

impl Drop for GpgHome {
    fn drop(&mut self) {
        self.end_agent();
    }
}

/// An SSH key whose signatures of the same bytes differ each time; the file of its secret half.
pub fn ssh_key(folder: &Path, name: &str, passphrase: &str) -> PathBuf {
    let file = folder.join(name);
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ecdsa", "-C", name, "-N", passphrase, "-f"]).arg(&file);
    well(&command.output().expect("ssh-keygen runs"));
    file
}

/// Whether git finds a good signature by this SSH key on a commit.
pub fn ssh_verifies(git_dir: &Path, commit: &str, key: &Path) -> bool {
    let public = fs::read_to_string(key.with_extension("pub")).expect("the key's public half");
    let signers = key.with_extension("signers");
    fs::write(&signers, format!("* {public}")).expect("the list of who may sign");
    let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    verify(git_dir, commit, &["-c", &setting]).output().expect("git runs").status.success()
}

fn verify(git_dir: &Path, commit: &str, settings: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.args(settings).arg("--git-dir").arg(git_dir).args(["verify-commit", commit]);
    command
}

fn well(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
