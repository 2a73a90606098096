use url::{Host, Url};

use super::GitHubError;
use crate::url::RepoUrl;

/// Where an API is, and which web host's repositories it speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiAddress {
    api: Url,
    graphql: Url,
    web_host: String,
}

impl ApiAddress {
    /// Reads a base address: `https://api.github.com`, or `https://HOST/api/v3` of an Enterprise server.
    ///
    /// Plain http is taken on this machine only, as each request carries the token.
    pub fn parse(text: &str) -> Result<Self, GitHubError> {
        let bad = |why: &'static str| GitHubError::BadAddress { address: text.to_owned(), why };
        let mut api = Url::parse(text.trim_end_matches('/')).map_err(|_| bad("it is not a URL"))?;
        if !api.username().is_empty() || api.password().is_some() || api.query().is_some() || api.fragment().is_some() {
            return Err(GitHubError::BadAddress { address: String::new(), why: "it has more than host and path" });
        }
        match api.scheme() {
            "https" => {}
            "http" if is_loopback(&api) => {}
            _ => return Err(bad("it is not https")),
        }
        let host = api.host_str().ok_or_else(|| bad("it has no host"))?.to_owned();
        if host == "github.com" {
            return Err(bad("that is the web page"));
        }
        let mut graphql = api.clone();
        let path = api.path().trim_end_matches('/').to_owned();
        // Enterprise servers have both below `/api`: https://docs.github.com/en/enterprise-server/graphql
        match path.strip_suffix("/api/v3") {
            Some(before) => graphql.set_path(&format!("{before}/api/graphql")),
            None => graphql.set_path(&format!("{path}/graphql")),
        }
        api.set_path(&path);
        let web_host = host.strip_prefix("api.").filter(|_| path.is_empty()).unwrap_or(&host).to_owned();
        Ok(Self { api, graphql, web_host })
    }

    /// The address of the resource at `segments`, each of them encoded.
    pub(super) fn join(&self, segments: &[&str]) -> Url {
        let mut url = self.api.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The address of a page for people.
    pub(super) fn page(&self, segments: &[&str]) -> String {
        let mut url = self.api.clone();
        url.set_path("");
        // The API's own host where it is the web's too, as on an Enterprise server; else a name that a host has.
        let _ = url.set_host(Some(&self.web_host));
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.into()
    }

    pub(super) fn graphql(&self) -> &Url {
        &self.graphql
    }

    /// Whether a request to `url` may carry the token.
    pub(super) fn is_ours(&self, url: &Url) -> bool {
        url.origin() == self.api.origin() && url.username().is_empty() && url.password().is_none()
    }

    /// Whether a file may be had from there without the token: over TLS, unless all of this is on one machine.
    pub(super) fn may_fetch(&self, url: &Url) -> bool {
        url.scheme() == "https" || (self.api.scheme() == "http" && url.scheme() == "http" && is_loopback(url))
    }

    /// Owner and name of a repository that this API speaks of.
    pub(super) fn repository(&self, url: &RepoUrl) -> Result<(String, String), GitHubError> {
        let target = url.target();
        let elsewhere = || GitHubError::Elsewhere { repository: target.clone(), host: self.web_host.clone() };
        let parts: Vec<&str> = target.as_str().split('/').collect();
        let [host, owner, name] = parts[..] else { return Err(elsewhere()) };
        let host = host.rsplit_once(':').map_or(host, |(host, _port)| host);
        let plain = |part: &str| {
            part != "." && part != ".." && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        if url.is_local() || host != self.web_host || !plain(owner) || !plain(name) {
            return Err(elsewhere());
        }
        Ok((owner.to_owned(), name.to_owned()))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphql_and_web_host_follow_from_the_base() {
        for (base, web, graphql, joined) in [
            (
                "https://api.github.com",
                "github.com",
                "https://api.github.com/graphql",
                "https://api.github.com/repos/a%2Fb",
            ),
            (
                "https://git.example.com/api/v3/",
                "git.example.com",
                "https://git.example.com/api/graphql",
                "https://git.example.com/api/v3/repos/a%2Fb",
            ),
            (
                "https://api.acme.ghe.com",
                "acme.ghe.com",
                "https://api.acme.ghe.com/graphql",
                "https://api.acme.ghe.com/repos/a%2Fb",
            ),
            (
                "http://127.0.0.1:9/api/v3",
                "127.0.0.1",
                "http://127.0.0.1:9/api/graphql",
                "http://127.0.0.1:9/api/v3/repos/a%2Fb",
            ),
        ] {
            let address = ApiAddress::parse(base).unwrap();
            assert_eq!((address.web_host.as_str(), address.graphql.as_str()), (web, graphql));
            assert_eq!(address.join(&["repos", "a/b"]).as_str(), joined);
        }
    }

    #[test]
    fn a_token_is_never_sent_in_the_clear_or_to_a_page() {
        for bad in
            ["http://api.github.com", "https://github.com", "ftp://x", "api.github.com", "https://x@h", "https://h?q"]
        {
            assert!(matches!(ApiAddress::parse(bad), Err(GitHubError::BadAddress { .. })), "{bad}");
        }
    }

    #[test]
    fn only_its_own_repositories_are_named() {
        let address = ApiAddress::parse("https://api.github.com").unwrap();
        let of = |url: &str| address.repository(&RepoUrl::parse(url).unwrap()).ok();
        let found = Some(("acme".to_owned(), "api".to_owned()));
        assert_eq!(of("https://github.com/Acme/API.git"), found);
        assert_eq!(of("git@github.com:acme/api.git"), found);
        for other in
            ["https://example.com/acme/api", "https://github.com/acme", "https://github.com/a/b/c", "/srv/acme/api"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
