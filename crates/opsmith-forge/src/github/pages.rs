use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};
use serde::de::DeserializeOwned;

use super::call::{Answer, Call};
use super::{GitHub, GitHubError};

/// The most that GitHub puts on a page.
pub(super) const PER_PAGE: &str = "100";
/// More pages than anything has that is asked for.
const MAX_PAGES: usize = 30;

impl GitHub {
    /// All items of a list; `items` takes them out of one page.
    pub(super) async fn all<P: DeserializeOwned, T>(
        &self,
        call: Call,
        items: impl Fn(P) -> Vec<T>,
    ) -> Result<Vec<T>, GitHubError> {
        self.until(call, items, |_| false).await
    }

    /// The items of a list's pages up to the first page that has one which is `enough`.
    pub(super) async fn until<P: DeserializeOwned, T>(
        &self,
        call: Call,
        items: impl Fn(P) -> Vec<T>,
        enough: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, GitHubError> {
        let mut call = call.query("per_page", PER_PAGE);
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let answer = self.ask(&call).await?;
            let page = items(answer.json(&call.subject)?);
            let found = page.iter().any(&enough);
            all.extend(page);
            let Some(next) = self.next_page(&call, &answer)?.filter(|_| !found) else { return Ok(all) };
            call.url = next;
        }
        Err(GitHubError::TooLarge { subject: call.subject, limit: format!("{MAX_PAGES} pages") })
    }

    fn next_page(&self, call: &Call, answer: &Answer) -> Result<Option<Url>, GitHubError> {
        let Some(next) = next_link(&answer.headers) else { return Ok(None) };
        let url = call.url.join(&next).ok().filter(|url| self.address().is_ours(url));
        url.map(Some).ok_or_else(|| GitHubError::LedAstray { subject: call.subject.clone() })
    }
}

/// The target of `rel="next"` in the Link headers (RFC 8288).
pub(super) fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok()).flat_map(links).find_map(|(target, rest)| {
        let is_next = rest.split(';').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or_default();
            let words = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel") && words.split(' ').any(|word| word.eq_ignore_ascii_case("next"))
        });
        is_next.then(|| target.to_owned())
    })
}

/// The links of one header: target, and parameters.
fn links(header: &str) -> impl Iterator<Item = (&str, &str)> {
    header.split('<').skip(1).filter_map(|link| {
        let (target, rest) = link.split_once('>')?;
        Some((target, rest.trim().trim_end_matches(',')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_any_link_header() {
        for (header, next) in [
            (r#"<https://h/x?page=2>; rel="next", <https://h/x?page=9>; rel="last""#, Some("https://h/x?page=2")),
            (
                r#"<https://h/x?page=1>; rel="prev", <https://h/x?a=1,2&page=3>; title="a"; rel="next""#,
                Some("https://h/x?a=1,2&page=3"),
            ),
            (r#"</x?page=2>;REL=next"#, Some("/x?page=2")),
            (r#"<https://h/x?page=1>; rel="first""#, None),
            ("nonsense", None),
            ("<", None),
            ("<x", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(LINK, header.parse().unwrap())]);
            assert_eq!(next_link(&headers).as_deref(), next, "{header}");
        }
    }
}
