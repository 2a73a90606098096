//! From what git says (in the C locale, whose words its own tests fix) to a [`GitError`].

use super::GitError;

const NO_ACCESS: [&str; 7] = [
    "Authentication failed for",
    "could not read Username",
    "could not read Password",
    "unable to read askpass response",
    "The requested URL returned error: 401",
    "The requested URL returned error: 403",
    "Permission denied (",
];

const NOT_THERE: [&str; 6] = [
    "does not appear to be a git repository",
    "Repository not found",
    "The requested URL returned error: 404",
    "remote: Not Found",
    "access denied or repository not exported",
    "not valid: is this a git repository?",
];

const NO_ANSWER: [&str; 12] = [
    "Could not resolve host",
    "Could not resolve proxy",
    "Failed to connect to",
    "Connection refused",
    "Connection timed out",
    "Operation timed out",
    "Connection reset by peer",
    "Connection closed by",
    "Network is unreachable",
    "No route to host",
    "Empty reply from server",
    "The requested URL returned error: 5",
];

const NO_SPACE: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// Texts that a missing name follows, and what follows the name.
const NO_REF: [(&str, &str); 5] = [
    ("couldn't find remote ref ", "\n"),
    ("ambiguous argument '", "': unknown revision"),
    ("bad revision '", "'"),
    ("Not a valid object name ", "\n"),
    ("bad object ", "\n"),
];

/// Texts that the name of the remote's checked out branch follows.
const CHECKED_OUT: [&str; 2] =
    ["refusing to update checked out branch: refs/heads/", "refusing to delete the current branch: refs/heads/"];

/// The error that `stderr` of `git command` on `repository` tells of.
pub(super) fn failure(command: String, repository: String, stderr: &str) -> GitError {
    let says = |texts: &[&str]| texts.iter().any(|text| stderr.contains(text));
    if says(&NO_SPACE) {
        return GitError::NoSpace;
    }
    if let Some(branch) = checked_out(stderr) {
        return GitError::CheckedOut { repository, branch };
    }
    if let Some(name) = missing_name(stderr) {
        return GitError::NoSuchRef { name };
    }
    if says(&["Host key verification failed"]) {
        return GitError::UnknownHost { repository };
    }
    if says(&NO_ACCESS) {
        return GitError::AuthenticationFailed { repository };
    }
    if says(&NOT_THERE) || repository_line(stderr) {
        return GitError::NotFound { repository };
    }
    if says(&NO_ANSWER) {
        return GitError::Unreachable { repository };
    }
    GitError::Failed { command, stderr: stderr.trim().to_owned() }
}

/// `fatal: repository 'x' not found` (http) and `fatal: repository 'x' does not exist` (clone).
fn repository_line(stderr: &str) -> bool {
    stderr.lines().any(|line| {
        line.starts_with("fatal: repository '") && (line.ends_with("' not found") || line.ends_with("' does not exist"))
    })
}

/// `remote: error: refusing to update checked out branch: refs/heads/main`, padded by the remote's progress display.
fn checked_out(stderr: &str) -> Option<String> {
    let rest = CHECKED_OUT.iter().find_map(|before| Some(&stderr[stderr.find(before)? + before.len()..]))?;
    Some(rest.split_whitespace().next()?.to_owned())
}

fn missing_name(stderr: &str) -> Option<String> {
    NO_REF.iter().find_map(|(before, after)| {
        let rest = &stderr[stderr.find(before)? + before.len()..];
        let end = rest.find(after).or_else(|| (*after == "\n").then_some(rest.len()))?;
        Some(rest[..end].trim().to_owned())
    })
}

/// Puts `***` in the place of what stands between `scheme://` and `@`, except a plain user name of ssh.
pub(super) fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        rest = after;
        let end = after.find(|c: char| c.is_whitespace() || "/'\"".contains(c)).unwrap_or(after.len());
        if let Some(user) = after[..end].rfind('@') {
            let plain = before.ends_with("ssh://") && !after[..user].contains(':');
            out.push_str(if plain { &after[..user] } else { "***" });
            rest = &after[user..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_addresses_are_never_repeated() {
        for (said, shown) in [
            ("fatal: unable to access 'https://ada:pw@h/x/': no", "fatal: unable to access 'https://***@h/x/': no"),
            ("https://ghp_token@h/x and http://a:b@c@d:1/e", "https://***@h/x and http://***@d:1/e"),
            ("ssh://git@h/x", "ssh://git@h/x"),
            ("ssh://git:pw@h/x", "ssh://***@h/x"),
            ("see https://h/a@b", "see https://h/a@b"),
            ("://", "://"),
        ] {
            assert_eq!(redact(said), shown);
        }
    }

    #[test]
    fn each_known_text_has_its_error() {
        let name = |stderr: &str| format!("{:?}", failure("fetch".into(), "r".into(), stderr));
        for (stderr, error) in [
            ("fatal: repository 'http://127.0.0.1:1/x/' not found\n", "NotFound"),
            ("ERROR: Repository not found.\nfatal: Could not read from remote repository.\n", "NotFound"),
            ("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n", "Authentic"),
            ("Host key verification failed.\nfatal: Could not read from remote repository.\n", "UnknownHost"),
            ("fatal: could not read Username for 'https://h': terminal prompts disabled\n", "Authentic"),
            ("ssh: connect to host h port 22: Connection refused\n", "Unreachable"),
            ("fatal: unable to access 'https://h/': Could not resolve host: h\n", "Unreachable"),
            ("fatal: write error: No space left on device\n", "NoSpace"),
            ("fatal: couldn't find remote ref refs/heads/x\n", "NoSuchRef { name: \"refs/heads/x\" }"),
            ("fatal: ambiguous argument 'x': unknown revision or path\n", "NoSuchRef { name: \"x\" }"),
            (
                "remote: error: refusing to update checked out branch: refs/heads/main        \nremote: error: By default\n",
                "CheckedOut { repository: \"r\", branch: \"main\" }",
            ),
            ("remote: error: refusing to delete the current branch: refs/heads/a/b\n", "CheckedOut"),
            ("fatal: something else\n", "Failed"),
        ] {
            assert!(name(stderr).starts_with(error), "{stderr} -> {}", name(stderr));
        }
    }
}
