use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

/// A file of a page: its address has a hash of what is in it, so that it may be kept for good.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    content: &'static str,
    hash: u64,
}

impl Asset {
    /// A style sheet.
    pub const fn style(stem: &'static str, content: &'static str) -> Self {
        Self::new(stem, "css", content)
    }

    /// A script.
    pub const fn script(stem: &'static str, content: &'static str) -> Self {
        Self::new(stem, "js", content)
    }

    /// A drawing.
    pub const fn drawing(stem: &'static str, content: &'static str) -> Self {
        Self::new(stem, "svg", content)
    }

    const fn new(stem: &'static str, extension: &'static str, content: &'static str) -> Self {
        Self { stem, extension, content, hash: hash(content.as_bytes()) }
    }

    /// Where it is.
    pub fn path(&self) -> String {
        format!("/assets/{}-{:016x}.{}", self.stem, self.hash, self.extension)
    }

    pub(super) fn is_style(&self) -> bool {
        self.extension == "css"
    }

    fn media_type(&self) -> &'static str {
        match self.extension {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            _ => "image/svg+xml",
        }
    }
}

/// The routes of `assets`.
pub fn routes<S: Clone + Send + Sync + 'static>(assets: &[Asset]) -> Router<S> {
    assets.iter().fold(Router::new(), |router, asset| {
        let headers = [(CONTENT_TYPE, asset.media_type()), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
        let content = asset.content;
        router.route(&asset.path(), get(async move || (headers, content)))
    })
}

/// FNV-1a: it tells versions apart and guards nothing.
const fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}
