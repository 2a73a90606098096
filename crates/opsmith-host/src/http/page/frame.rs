use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

use super::{Asset, Shell};

pub(in crate::http) const STYLE: Asset = Asset::style("opsmith", include_str!("opsmith.css"));
pub(in crate::http) const SCRIPT: Asset = Asset::script("opsmith", include_str!("opsmith.js"));
pub(in crate::http) const ICON: Asset = Asset::drawing("icon", include_str!("icon.svg"));

/// Nothing but our own files runs or is fetched, nobody may frame a page, and its forms come back here alone.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// On every page; the referrer stays within, where it lets a form be told from another site's.
const HEADERS: [(HeaderName, &str); 7] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "same-origin"),
    (CACHE_CONTROL, "private, no-cache"),
    (VARY, "Accept"),
];

/// One page in its frame.
#[derive(Clone, Debug)]
pub struct Page {
    shell: Shell,
    title: String,
    content: Markup,
    status: StatusCode,
    assets: &'static [Asset],
    keys: &'static [(&'static str, &'static str)],
    reload_s: Option<u32>,
}

impl Page {
    pub(super) fn new(shell: Shell, title: String, content: Markup) -> Self {
        Self { shell, title, content, status: StatusCode::OK, assets: &[], keys: &[], reload_s: None }
    }

    /// Answers with `status`.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// With style sheets and scripts of its own.
    #[must_use]
    pub fn assets(self, assets: &'static [Asset]) -> Self {
        Self { assets, ..self }
    }

    /// With keys of its own, for the list that `?` shows.
    #[must_use]
    pub fn keys(self, keys: &'static [(&'static str, &'static str)]) -> Self {
        Self { keys, ..self }
    }

    /// Where no script runs, the page is loaded anew after that time.
    #[must_use]
    pub fn reload_s(self, seconds: u32) -> Self {
        Self { reload_s: Some(seconds), ..self }
    }

    fn html(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · opsmith" }
                    link rel="icon" type="image/svg+xml" href=(ICON.path());
                    link rel="stylesheet" href=(STYLE.path());
                    @for style in self.assets.iter().filter(|asset| asset.is_style()) {
                        link rel="stylesheet" href=(style.path());
                    }
                    script defer src=(SCRIPT.path()) {}
                    @for script in self.assets.iter().filter(|asset| !asset.is_style()) {
                        script defer src=(script.path()) {}
                    }
                    @if let Some(seconds) = self.reload_s {
                        noscript { meta http-equiv="refresh" content=(seconds); }
                    }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    (self.top())
                    main #main tabindex="-1" { (self.content) }
                    p #said .unseen role="status" {}
                    (self.help())
                }
            }
        }
    }

    fn top(&self) -> Markup {
        html! {
            header.top {
                a.brand href="/" { "opsmith" }
                nav aria-label="Main" {
                    @for link in self.shell.nav {
                        @let current = self.shell.is_current(link).then_some("page");
                        a href=(link.path) data-key=(link.key) aria-current=[current] { (link.label) }
                    }
                }
                @if let Some(who) = &self.shell.who {
                    form.who method="post" action="/logout" {
                        span.dim title=(who) { (who.name) }
                        button.quiet { "Log out" }
                    }
                }
                button #keys .quiet type="button" hidden aria-haspopup="dialog" { "Keys " kbd { "?" } }
            }
        }
    }

    fn help(&self) -> Markup {
        html! {
            dialog #help aria-labelledby="help-title" {
                form method="dialog" {
                    h2 #help-title { "Keys" }
                    dl.keys {
                        @for (keys, does) in self.keys { (key(keys, does)) }
                        @for link in self.shell.nav {
                            (key(&format!("g {}", link.key), &format!("go to {}", link.label.to_lowercase())))
                        }
                        (key("?", "show these keys"))
                    }
                    button { "Close" }
                }
            }
        }
    }
}

fn key(keys: &str, does: &str) -> Markup {
    html! { dt { @for key in keys.split(' ') { kbd { (key) } " " } } dd { (does) } }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        (self.status, HEADERS, self.html().into_string()).into_response()
    }
}
