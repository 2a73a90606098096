use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables that every git process may see.
const BASIC: [&str; 2] = ["PATH", "TMPDIR"];

/// Variables that a git process with a network sees: who the user is, where their configuration, credential
/// helpers and agents are found, proxies and certificate authorities.
const NETWORK: [&str; 28] = [
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GNUPGHOME",
    "PASSWORD_STORE_DIR",
    "KRB5CCNAME",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_ASKPASS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_COUNT",
];

/// Variables that lead `gpg` and `ssh-keygen` to the user's keys and agents.
const SIGNING: [&str; 6] = ["HOME", "USER", "LOGNAME", "GNUPGHOME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR"];

/// Configuration by variables, numbered up to `GIT_CONFIG_COUNT`.
const NUMBERED: [&str; 2] = ["GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"];

/// All variables of a process; nothing else is inherited.
#[derive(Clone)]
pub(super) struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    pub(super) fn work(host: &[(OsString, OsString)]) -> Self {
        let mut environment = Self::basic(host);
        environment.set_all([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ALLOW_PROTOCOL", "file"),
            ("GIT_NO_LAZY_FETCH", "1"),
        ]);
        environment.set("GIT_ASKPASS", refusing(host));
        environment
    }

    pub(super) fn network(host: &[(OsString, OsString)]) -> Self {
        let mut environment = Self::basic(host);
        // Never a prompt: a helper that would open a window must not wait for nobody.
        environment.set_all([("GIT_ALLOW_PROTOCOL", "https:http:ssh:file:git"), ("GCM_INTERACTIVE", "never")]);
        environment.set("GIT_ASKPASS", refusing(host));
        environment.copy(host, |name| {
            let name = name.to_str().unwrap_or_default();
            NETWORK.contains(&name) || NUMBERED.iter().any(|prefix| name.starts_with(prefix))
        });
        let mut ssh = value(host, "GIT_SSH_COMMAND").cloned().unwrap_or_else(|| "ssh".into());
        ssh.push(" -o BatchMode=yes -o ConnectTimeout=15");
        environment.set("GIT_SSH_COMMAND", &ssh);
        environment
    }

    /// That of a program that signs. It gets no answer where it would ask for a passphrase.
    pub(super) fn signing(host: &[(OsString, OsString)]) -> Self {
        let mut environment = Self(Vec::new());
        environment.copy(host, |name| BASIC.iter().chain(&SIGNING).any(|known| *known == name));
        environment.set_all([("LANG", "C.UTF-8"), ("LC_ALL", "C.UTF-8"), ("SSH_ASKPASS_REQUIRE", "force")]);
        environment.set("SSH_ASKPASS", refusing(host));
        environment
    }

    /// Sets one variable, in the place of an older value.
    pub(super) fn set(&mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&OsString, &OsString)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    fn basic(host: &[(OsString, OsString)]) -> Self {
        let mut environment = Self(Vec::new());
        environment.copy(host, |name| BASIC.iter().any(|known| *known == name));
        environment.set_all([
            ("LANG", "C.UTF-8"),
            ("LC_ALL", "C.UTF-8"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_OPTIONAL_LOCKS", "0"),
        ]);
        environment
    }

    fn copy(&mut self, host: &[(OsString, OsString)], wanted: impl Fn(&OsStr) -> bool) {
        for (name, value) in host.iter().filter(|(name, _)| wanted(name)) {
            self.set(name, value);
        }
    }

    fn set_all<const N: usize>(&mut self, variables: [(&str, &str); N]) {
        for (name, value) in variables {
            self.set(name, value);
        }
    }
}

impl std::fmt::Debug for Environment {
    /// Names only: configuration by variables may hold a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// The first file called `name` in the `PATH` of `environment`.
pub(super) fn find_program(name: &str, environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let path = value(environment, "PATH")?;
    std::env::split_paths(path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|file| {
        use std::os::unix::fs::PermissionsExt as _;
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// A program that answers every question for a password with a failure.
fn refusing(host: &[(OsString, OsString)]) -> PathBuf {
    find_program("false", host).unwrap_or_else(|| Path::new("/bin/false").to_owned())
}

fn value<'a>(environment: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsString> {
    environment.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Vec<(OsString, OsString)> {
        [
            ("PATH", "/usr/bin"),
            ("HOME", "/home/ada"),
            ("SSH_AUTH_SOCK", "/run/agent"),
            ("AWS_SECRET", "s"),
            ("GIT_DIR", "/x"),
            ("GIT_SSH_COMMAND", "ssh -i k"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec()
    }

    #[test]
    fn only_listed_variables_pass_and_home_only_with_a_network() {
        let names = |environment: &Environment| {
            environment.iter().map(|(name, _)| name.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (work, network) = (names(&Environment::work(&host())), names(&Environment::network(&host())));
        for stranger in ["AWS_SECRET", "GIT_DIR"] {
            assert!(!work.iter().chain(&network).any(|name| name == stranger), "{stranger}");
        }
        assert!(!work.contains(&"HOME".to_owned()) && network.contains(&"HOME".to_owned()));
    }

    #[test]
    fn what_signs_finds_keys_and_agents_and_nothing_else() {
        let signing = Environment::signing(&host());
        let mut names: Vec<_> = signing.iter().map(|(name, _)| name.to_str().unwrap()).collect();
        names.sort_unstable();
        let wanted = ["HOME", "LANG", "LC_ALL", "PATH", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "SSH_AUTH_SOCK"];
        assert_eq!(names, wanted);
        assert!(value(&Environment::work(&host()).0, "SSH_AUTH_SOCK").is_none());
    }

    #[test]
    fn the_users_own_ssh_command_never_asks() {
        let network = Environment::network(&host());
        assert_eq!(value(&network.0, "GIT_SSH_COMMAND").unwrap(), "ssh -i k -o BatchMode=yes -o ConnectTimeout=15");
    }
}
