use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Method, RequestBuilder, Response};
use scraper::{Html, Selector};
use testkit::http::Server;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A page that was answered, with its status.
pub(super) struct Seen {
    pub(super) status: u16,
    pub(super) text: String,
    html: Html,
}

impl Seen {
    pub(super) async fn of(answer: Response) -> Self {
        let status = answer.status().as_u16();
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let text = answer.text().await.unwrap();
        Self { status, html: Html::parse_document(&text), text }
    }

    /// The texts of all elements that `selector` fits, each with its white space as one blank.
    pub(super) fn all(&self, selector: &str) -> Vec<String> {
        let selector = Selector::parse(selector).unwrap();
        let text = |element: scraper::ElementRef<'_>| {
            element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        self.html.select(&selector).map(text).collect()
    }

    /// The one text that `selector` fits.
    pub(super) fn one(&self, selector: &str) -> String {
        let all = self.all(selector);
        assert_eq!(all.len(), 1, "{selector}: {all:?} in {}", self.text);
        all.into_iter().next().unwrap()
    }

    /// An attribute of each element that `selector` fits.
    pub(super) fn values(&self, selector: &str, attribute: &str) -> Vec<String> {
        let selector = Selector::parse(selector).unwrap();
        self.html.select(&selector).filter_map(|element| element.attr(attribute)).map(str::to_owned).collect()
    }

    /// What a text area holds, without the line's end that a parser takes off.
    pub(super) fn typed(&self, selector: &str) -> String {
        let selector = Selector::parse(selector).unwrap();
        self.html.select(&selector).next().unwrap().text().collect()
    }
}

/// A request for a page, as a browser makes it.
pub(super) fn page(server: &Server, path: &str) -> RequestBuilder {
    server.get(path).header(ACCEPT, BROWSER)
}

/// The page at `path`.
pub(super) async fn see(server: &Server, path: &str) -> Seen {
    Seen::of(page(server, path).send().await.unwrap()).await
}

/// A form as a browser sends it from our own page.
pub(super) fn form(server: &Server, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    sent(server, path, fields).header("sec-fetch-site", "same-origin")
}

/// The same, from nobody knows where.
pub(super) fn sent(server: &Server, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    server
        .request(Method::POST, path)
        .header(ACCEPT, BROWSER)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body)
}

/// Where a form that was done leads.
pub(super) fn leads_to(answer: &Response) -> String {
    assert_eq!(answer.status(), 303);
    answer.headers()[LOCATION].to_str().unwrap().to_owned()
}
