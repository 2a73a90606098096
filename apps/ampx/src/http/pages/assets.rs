use opsmith_host::http::page::Asset;

const ASSETS: [Asset; 2] =
    [Asset::style("ampx", include_str!("ampx.css")), Asset::script("ampx", include_str!("ampx.js"))];

/// What ampx's pages have beside the frame.
pub(super) const OWN: &[Asset] = &ASSETS;
