use super::GitError;

/// Whether `text` is a whole object id: 40 (SHA-1) or 64 (SHA-256) lower-case hex digits.
pub fn valid_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether git takes `name` as a branch's (the rules of git-check-ref-format, and no leading `-`).
pub fn valid_branch(name: &str) -> bool {
    let bad_char = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !name.is_empty()
        && name.len() <= 244
        && name != "@"
        && name != "HEAD"
        && !name.starts_with('-')
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(bad_char)
        && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

/// `refs/heads/NAME`, of a name that may come from anywhere.
pub(super) fn branch_ref(name: &str) -> Result<String, GitError> {
    if valid_branch(name) {
        Ok(format!("refs/heads/{name}"))
    } else {
        Err(GitError::NoSuchRef { name: name.to_owned() })
    }
}

/// The object id itself, of a text that may come from anywhere: never an option or an expression.
pub(super) fn object_id(text: &str) -> Result<&str, GitError> {
    if valid_sha(text) { Ok(text) } else { Err(GitError::NoSuchRef { name: text.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branch_names_follow_gits_rules() {
        for good in ["main", "ampx/fix-1a2b", "ü/ö", "a@b", "v1.0"] {
            assert!(valid_branch(good), "{good}");
        }
        for bad in [
            "", "-f", "a..b", "a b", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "@", "a@{1}", "a:b",
            "a\n", "HEAD", "a.", "a\\b",
        ] {
            assert!(!valid_branch(bad), "{bad}");
        }
    }

    #[test]
    fn an_object_id_is_whole() {
        assert!(valid_sha(&"a".repeat(40)) && valid_sha(&"0".repeat(64)));
        assert!(!valid_sha("abc") && !valid_sha(&"A".repeat(40)) && !valid_sha("--upload-pack=x"));
    }
}
