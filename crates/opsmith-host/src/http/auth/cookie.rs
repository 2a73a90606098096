//! The cookie that holds a browser's token.

use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use chrono::{DateTime, Utc};

const NAME: &str = "opsmith_token";

/// The token that a request brings: the header's, else the cookie's. Of a header that is not `Bearer` nothing fits.
pub(super) fn presented(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let text = value.to_str().unwrap_or_default();
        let bearer = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        return Some(bearer.map_or_else(String::new, |(_, token)| token.trim().to_owned()));
    }
    let pairs = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == NAME && !value.is_empty()).then(|| value.to_owned()))
}

/// Keeps `token` until its end; of one without end, as long as the browser is open.
pub(super) fn keep(token: &str, end: Option<DateTime<Utc>>, now: DateTime<Utc>, secure: bool) -> Option<HeaderValue> {
    let age = end.map(|end| format!("; Max-Age={}", (end - now).num_seconds().max(0))).unwrap_or_default();
    set(token, &age, secure)
}

/// Has the browser forget it.
pub(super) fn forget(secure: bool) -> Option<HeaderValue> {
    set("", "; Max-Age=0", secure)
}

fn set(value: &str, age: &str, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{NAME}={value}; Path=/; HttpOnly; SameSite=Strict{age}{secure}")).ok()
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    fn read(lines: &[(&'static str, &str)]) -> Option<String> {
        let headers =
            lines.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_str(value).unwrap()));
        presented(&headers.collect())
    }

    #[test]
    fn the_header_goes_before_the_cookie() {
        for (lines, found) in [
            (&[][..], None),
            (&[("authorization", "Bearer abc")], Some("abc")),
            (&[("authorization", "bearer  abc ")], Some("abc")),
            (&[("authorization", "Basic abc")], Some("")),
            (&[("authorization", "Bearer")], Some("")),
            (&[("cookie", "opsmith_token=abc")], Some("abc")),
            (&[("cookie", "a=b; opsmith_token=abc;c=d")], Some("abc")),
            (&[("cookie", "a=b"), ("cookie", "opsmith_token=abc")], Some("abc")),
            (&[("cookie", "xopsmith_token=abc; opsmith_token=")], None),
            (&[("authorization", "Basic x"), ("cookie", "opsmith_token=abc")], Some("")),
        ] {
            assert_eq!(read(lines).as_deref(), found, "{lines:?}");
        }
    }

    #[test]
    fn a_cookie_ends_with_its_token_and_no_script_reads_it() {
        let now = DateTime::UNIX_EPOCH;
        let kept = keep("abc", Some(now + Duration::hours(1)), now, true).unwrap();
        assert_eq!(kept, "opsmith_token=abc; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600; Secure");
        assert_eq!(keep("abc", None, now, false).unwrap(), "opsmith_token=abc; Path=/; HttpOnly; SameSite=Strict");
        assert_eq!(forget(false).unwrap(), "opsmith_token=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
        assert!(keep("a\nb", None, now, false).is_none());
    }
}
