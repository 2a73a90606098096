use super::GitError;
use super::refs::{valid_branch, valid_sha};
use crate::url::RepoUrl;

/// A branch to start from, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BaseRef {
    /// The name without `refs/heads/`.
    pub branch: String,
    /// Its commit.
    pub sha: String,
}

/// What a remote says it has: its HEAD and branches. Whatever in it is not well-formed is passed over.
#[derive(Debug, Default)]
pub(super) struct Listing {
    head_branch: Option<String>,
    head_sha: Option<String>,
    branches: Vec<BaseRef>,
}

impl Listing {
    /// Reads the output of `git ls-remote --symref`.
    pub(super) fn parse(text: &str) -> Self {
        let mut listing = Self::default();
        for (left, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            let branch = name.strip_prefix("refs/heads/").filter(|branch| valid_branch(branch));
            match (left.strip_prefix("ref: refs/heads/"), branch) {
                (Some(to), _) if name == "HEAD" => listing.head_branch = Some(to.to_owned()),
                (None, None) if name == "HEAD" && valid_sha(left) => listing.head_sha = Some(left.to_owned()),
                (None, Some(branch)) if valid_sha(left) => {
                    listing.branches.push(BaseRef { branch: branch.to_owned(), sha: left.to_owned() });
                }
                _ => {}
            }
        }
        listing
    }

    pub(super) fn branch(&self, name: &str) -> Option<&BaseRef> {
        self.branches.iter().find(|base| base.branch == name)
    }

    /// The branch that a clone would check out. Without one, the only branch at HEAD's commit, or the only branch.
    pub(super) fn default_branch(&self, url: &RepoUrl) -> Result<&BaseRef, GitError> {
        if self.branches.is_empty() {
            return Err(GitError::EmptyRepository { repository: url.to_string() });
        }
        if let Some(base) = self.head_branch.as_deref().and_then(|name| self.branch(name)) {
            return Ok(base);
        }
        let mut at_head = self.branches.iter().filter(|base| self.head_sha.as_ref().is_none_or(|sha| *sha == base.sha));
        match (at_head.next(), at_head.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(GitError::NoDefaultBranch { repository: url.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(lines: &[(&str, &str)]) -> Result<String, String> {
        let text: String = lines.iter().map(|(left, name)| format!("{left}\t{name}\n")).collect();
        let url = RepoUrl::parse("/srv/a").unwrap();
        Listing::parse(&text)
            .default_branch(&url)
            .map(|base| base.branch.clone())
            .map_err(|error| format!("{error:?}").split(' ').next().unwrap().to_owned())
    }

    #[test]
    fn the_default_branch_is_heads_or_the_only_one_it_can_be() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let (a, b) = (a.as_str(), b.as_str());
        type Row<'a> = (&'a [(&'a str, &'a str)], Result<&'a str, &'a str>);
        let table: [Row<'_>; 8] = [
            (&[], Err("EmptyRepository")),
            (&[("ref: refs/heads/x", "HEAD"), (a, "HEAD"), (a, "refs/heads/m"), (a, "refs/heads/x")], Ok("x")),
            (&[(a, "HEAD"), (a, "refs/heads/m"), (b, "refs/heads/x")], Ok("m")),
            (&[(a, "HEAD"), (a, "refs/heads/m"), (a, "refs/heads/x")], Err("NoDefaultBranch")),
            (&[(a, "HEAD"), (b, "refs/heads/m")], Err("NoDefaultBranch")),
            (&[(a, "refs/heads/m")], Ok("m")),
            (&[(a, "refs/heads/m"), (a, "refs/heads/x")], Err("NoDefaultBranch")),
            (&[("--upload-pack=x", "refs/heads/m"), (a, "refs/heads/-x"), ("junk", "HEAD")], Err("EmptyRepository")),
        ];
        for (lines, expected) in table {
            assert_eq!(chosen(lines).as_deref().map_err(String::as_str), expected, "{lines:?}");
        }
    }
}
