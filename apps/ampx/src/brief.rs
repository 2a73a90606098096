//! What a task is called where there is little room.

use opsmith_model::TaskId;

/// The last 8 characters of an id, in lower case: as in the task's branch.
pub(crate) fn short(id: TaskId) -> String {
    let id = id.to_string().to_lowercase();
    id[id.len() - 8..].to_owned()
}

/// The first 12 characters of a commit's id.
pub(crate) fn short_sha(sha: &str) -> &str {
    sha.get(..12).unwrap_or(sha)
}

/// The last two parts of a repository's address.
pub(crate) fn repository(address: &str) -> String {
    let path = address.trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let mut parts: Vec<&str> = path.rsplit(['/', ':']).take(2).collect();
    parts.reverse();
    parts.join("/").trim_start_matches('/').to_owned()
}

/// The first line of a prompt, cut to that many characters.
pub(crate) fn first_line(prompt: &str, most_chars: usize) -> String {
    let line = prompt.trim().lines().next().unwrap_or_default().trim_end();
    if line.chars().count() <= most_chars {
        return line.to_owned();
    }
    line.chars().take(most_chars - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_by_its_last_two_parts() {
        for (address, shown) in [
            ("https://github.com/acme/api.git", "acme/api"),
            ("git@github.com:acme/api.git", "acme/api"),
            ("/srv/git/api.git/", "git/api"),
            ("/api", "api"),
        ] {
            assert_eq!(repository(address), shown);
        }
    }

    #[test]
    fn a_long_prompt_is_cut_between_characters() {
        assert_eq!(first_line("\n mend it \nnow", 40), "mend it");
        assert_eq!(first_line(&"é".repeat(41), 40).chars().count(), 40);
    }
}
