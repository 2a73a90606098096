use std::ffi::{OsStr, OsString};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use opsmith_model::Secret;
use url::Url;

use super::{GitHubError, GitHubRepo};

const COUNT: &str = "GIT_CONFIG_COUNT";

impl GitHubRepo {
    /// The environment for [`crate::git::Git::new`] with which git shows this repository's host our token: `host`, and
    /// one more setting in it. With an App it holds as long as its token: an hour at most, so make it for each use.
    ///
    /// The setting is a variable, and git hands the header to that host alone. An address that is not http is the
    /// user's own affair, with their keys.
    pub async fn git_environment(
        &self,
        host: Vec<(OsString, OsString)>,
    ) -> Result<Vec<(OsString, OsString)>, GitHubError> {
        let mut environment = host;
        let Some(origin) = http_origin(self.url.as_str()) else { return Ok(environment) };
        let token = self.github.token(&self.owner, &self.name).await?;
        let header = authorization(&token);
        // The empty value first drops headers that the user configured for the host: two would be refused.
        let name = format!("http.{origin}.extraHeader");
        add_setting(&mut environment, &name, "");
        add_setting(&mut environment, &name, header.expose());
        Ok(environment)
    }
}

impl GitHubRepo {
    /// A branch's page.
    pub fn branch_page(&self, branch: &str) -> String {
        self.github
            .address()
            .page(&[&[&*self.owner, &*self.name, "tree"], &*branch.split('/').collect::<Vec<_>>()].concat())
    }
}

/// `https://host[:port]/`, where the address is one of http.
fn http_origin(url: &str) -> Option<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    Some(format!("{}/", url.origin().ascii_serialization()))
}

/// Any user name does: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
fn authorization(token: &Secret) -> Secret {
    let login = BASE64_STANDARD.encode(format!("x-access-token:{}", token.expose()));
    Secret::new(format!("Authorization: Basic {login}"))
}

/// One more of git's numbered settings.
fn add_setting(environment: &mut Vec<(OsString, OsString)>, name: &str, value: &str) {
    let count = environment.iter().find(|(known, _)| known == COUNT).and_then(|(_, count)| count.to_str());
    let count: u32 = count.and_then(|count| count.parse().ok()).unwrap_or(0);
    let mut set = |name: String, value: &OsStr| {
        environment.retain(|(known, _)| known != name.as_str());
        environment.push((name.into(), value.to_owned()));
    };
    set(format!("GIT_CONFIG_KEY_{count}"), name.as_ref());
    set(format!("GIT_CONFIG_VALUE_{count}"), value.as_ref());
    set(COUNT.to_owned(), (count + 1).to_string().as_ref());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_user_stay() {
        let mut environment: Vec<(OsString, OsString)> =
            [(COUNT, "1"), ("GIT_CONFIG_KEY_0", "a.b"), ("GIT_CONFIG_VALUE_0", "c")]
                .map(|(name, value)| (name.into(), value.into()))
                .to_vec();
        add_setting(&mut environment, "x.y", "z");
        let value =
            |name: &str| environment.iter().find(|(known, _)| known == name).unwrap().1.to_str().unwrap().to_owned();
        assert_eq!(
            (value(COUNT), value("GIT_CONFIG_KEY_0"), value("GIT_CONFIG_KEY_1")),
            ("2".into(), "a.b".into(), "x.y".into())
        );
        assert_eq!(value("GIT_CONFIG_VALUE_1"), "z");
    }

    #[test]
    fn the_token_goes_to_one_origin() {
        assert_eq!(http_origin("https://github.com/a/b"), Some("https://github.com/".into()));
        assert_eq!(http_origin("http://127.0.0.1:9/a/b"), Some("http://127.0.0.1:9/".into()));
        for other in ["git@github.com:a/b", "ssh://git@github.com/a/b", "/srv/x"] {
            assert_eq!(http_origin(other), None);
        }
    }
}
