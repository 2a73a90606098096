use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

/// Where GitHub looks for the file in the base branch; the first one found counts.
/// <https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners>
pub const CODEOWNERS_PATHS: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// GitHub loads no larger file.
const MAX_BYTES: usize = 3 * 1024 * 1024;
/// A pattern that is longer names no path that git has.
const MAX_PATTERN_BYTES: usize = 4_096;

/// Who owns code; names ignore case, and are kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// A login.
    User(String),
    /// A team of an organization.
    Team {
        /// The organization.
        organization: String,
        /// The team's name in addresses.
        slug: String,
    },
    /// An e-mail address, which only GitHub can match to a login.
    Email(String),
}

impl Owner {
    /// A person by their login.
    pub fn user(login: &str) -> Self {
        Self::User(login.to_lowercase())
    }

    /// A team.
    pub fn team(organization: &str, slug: &str) -> Self {
        Self::Team { organization: organization.to_lowercase(), slug: slug.to_lowercase() }
    }

    fn parse(word: &str) -> Option<Self> {
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.[]".contains(c));
        match word.strip_prefix('@') {
            Some(name) => match name.split_once('/') {
                Some((organization, slug)) if plain(organization) && plain(slug) => {
                    Some(Self::team(organization, slug))
                }
                None if plain(name) => Some(Self::user(name)),
                Some(_) | None => None,
            },
            None => {
                let (name, host) = word.split_once('@')?;
                (!name.is_empty() && host.contains('.') && !host.contains('@'))
                    .then(|| Self::Email(word.to_lowercase()))
            }
        }
    }
}

/// A repository's CODEOWNERS file.
#[derive(Debug)]
pub struct CodeOwners {
    patterns: GlobSet,
    /// Of each pattern; none where the line takes an owner away.
    owners: Vec<Vec<Owner>>,
}

impl CodeOwners {
    /// Reads a file as GitHub does: lines that do not hold are skipped, and a file that is too large counts as empty.
    pub fn parse(text: &str) -> Self {
        let mut builder = GlobSetBuilder::new();
        let mut owners = Vec::new();
        let text = if text.len() > MAX_BYTES { "" } else { text };
        for (globs, who) in text.lines().filter_map(rule) {
            for glob in globs {
                builder.add(glob);
                owners.push(who.clone());
            }
        }
        // Patterns that are too large together are too much for a matcher: no owners then, as with a file too large.
        match builder.build() {
            Ok(patterns) => Self { patterns, owners },
            Err(_) => Self { patterns: GlobSet::empty(), owners: Vec::new() },
        }
    }

    /// The owners of one path: those of the last line that matches it.
    pub fn of(&self, path: &str) -> &[Owner] {
        let last = self.patterns.matches(path).into_iter().max();
        last.and_then(|last| self.owners.get(last)).map_or(&[], Vec::as_slice)
    }

    /// Who to ask for reviews of a change of `paths` by `author`: each owner once, in the order of the paths.
    pub fn reviewers<'a>(&self, paths: impl IntoIterator<Item = &'a str>, author: Option<&str>) -> Vec<Owner> {
        let author = author.map(Owner::user);
        let mut reviewers: Vec<Owner> = Vec::new();
        for owner in paths.into_iter().flat_map(|path| self.of(path)) {
            if Some(owner) != author.as_ref() && !reviewers.contains(owner) {
                reviewers.push(owner.clone());
            }
        }
        reviewers
    }
}

/// One line: the patterns that it stands for, and the owners.
fn rule(line: &str) -> Option<(Vec<globset::Glob>, Vec<Owner>)> {
    let (pattern, rest) = first_word(line.trim());
    let rest = rest.find(" #").or_else(|| rest.find("\t#")).map_or(rest, |end| &rest[..end]);
    // What gitignore has and GitHub leaves out here: negation, ranges, and an escaped `#`.
    if pattern.is_empty()
        || pattern.len() > MAX_PATTERN_BYTES
        || pattern.starts_with(['#', '!'])
        || pattern.contains(['[', ']'])
        || pattern.starts_with("\\#")
    {
        return None;
    }
    let owners: Option<Vec<Owner>> =
        rest.split_whitespace().take_while(|word| !word.starts_with('#')).map(Owner::parse).collect();
    let owners = owners?;
    let globs: Option<Vec<globset::Glob>> = globs(&pattern).iter().map(|glob| compile(glob)).collect();
    Some((globs?, owners))
}

/// The text up to the first white space that no backslash makes part of it, and what follows.
fn first_word(line: &str) -> (String, &str) {
    let mut word = String::new();
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if c.is_whitespace() && !escaped {
            return (word, &line[at..]);
        }
        escaped = c == '\\' && !escaped;
        word.push(c);
    }
    (word, "")
}

/// The globs over whole paths that a pattern stands for.
fn globs(pattern: &str) -> Vec<String> {
    let anchored = pattern.trim_end_matches('/').contains('/');
    let body = pattern.trim_start_matches('/');
    let everywhere = if anchored || body.starts_with("**") { "" } else { "**/" };
    match body.strip_suffix('/') {
        Some(folder) => vec![format!("{everywhere}{folder}/**")],
        // `docs/*` owns the files of that folder, and not those of folders in it.
        None if body.ends_with("/*") || body.ends_with("**") => vec![format!("{everywhere}{body}")],
        None if body == "*" => vec!["**".to_owned()],
        None => vec![format!("{everywhere}{body}"), format!("{everywhere}{body}/**")],
    }
}

fn compile(glob: &str) -> Option<globset::Glob> {
    // Braces are no alternatives here.
    let glob = glob.replace('{', "\\{").replace('}', "\\}");
    GlobBuilder::new(&glob).literal_separator(true).backslash_escape(true).build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
# The last line that matches counts.
*                     @Global-Owner1 @global-owner2
*.js                  @js-owner #an inline comment
*.go                  docs@example.com
*.txt                 @octo-org/octocats
/build/logs/          @doctocat
docs/*                docs@example.org
apps/                 @octocat
/scripts/             @doctocat @octocat
**/logs               @octolog
/apps/github
/apps/github/doctors  @doctor
dir\\ with\\ blank/   @spacer
/data/{a,b}.json      @brace
!nothing              @nobody
[ab].txt              @nobody
\\#x                  @nobody
*.bad                 not-an-owner
*.a?c                 @q
";

    fn shown(owners: &[Owner]) -> String {
        let name = |owner: &Owner| match owner {
            Owner::User(login) => format!("@{login}"),
            Owner::Team { organization, slug } => format!("@{organization}/{slug}"),
            Owner::Email(address) => address.clone(),
        };
        owners.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_documented_patterns_match_what_they_are_documented_to() {
        let file = CodeOwners::parse(FILE);
        for (path, owners) in [
            ("README", "@global-owner1 @global-owner2"),
            ("a/b/c.rs", "@global-owner1 @global-owner2"),
            ("src/x.js", "@js-owner"),
            ("x.go", "docs@example.com"),
            ("a/x.txt", "@octo-org/octocats"),
            ("build/logs/a/b", "@octolog"),
            ("x/build/log", "@global-owner1 @global-owner2"),
            ("docs/getting-started.md", "docs@example.org"),
            ("docs/build-app/troubleshooting.md", "@global-owner1 @global-owner2"),
            ("x/docs/y.md", "@global-owner1 @global-owner2"),
            ("apps/x", "@octocat"),
            ("deep/apps/x/y", "@octocat"),
            ("scripts/x", "@doctocat @octocat"),
            ("deep/scripts/x", "@global-owner1 @global-owner2"),
            ("deeply/nested/logs/x", "@octolog"),
            ("apps/github", ""),
            ("apps/github/x.js", ""),
            ("apps/github/doctors", "@doctor"),
            ("dir with blank/x", "@spacer"),
            ("data/{a,b}.json", "@brace"),
            ("data/a.json", "@global-owner1 @global-owner2"),
            ("nothing", "@global-owner1 @global-owner2"),
            ("x.bad", "@global-owner1 @global-owner2"),
            ("x.abc", "@q"),
            ("x.a/c", "@global-owner1 @global-owner2"),
        ] {
            assert_eq!(shown(file.of(path)), owners, "{path}");
        }
    }

    #[test]
    fn the_author_is_not_asked_and_nobody_is_asked_twice() {
        let file = CodeOwners::parse("* @a @B\n*.js @b @org/team\n");
        assert_eq!(shown(&file.reviewers(["x", "y.js", "z"], Some("A"))), "@b @org/team");
        assert_eq!(file.reviewers(["x"], None).len(), 2);
        assert!(CodeOwners::parse("").reviewers(["x"], None).is_empty());
    }

    #[test]
    fn any_text_is_read_without_end_or_fault() {
        for hostile in ["\\", "a\\ ", "*", "**", "/", "//", "***/***", "@", "{", "a{b @c", "\u{0}", "\u{2028} @a"] {
            CodeOwners::parse(hostile).of("a/b");
            CodeOwners::parse(&format!("{hostile} @a")).of("a/b");
        }
        assert!(CodeOwners::parse(&"x @a\n".repeat(1_000_000)).of("x").is_empty(), "too large for GitHub");
        let many = CodeOwners::parse(&"*a*b*c*d* @a\n".repeat(1_000));
        assert!(many.of(&"abcd".repeat(500)).len() <= 1);
    }
}
