use std::error::Error;

/// The causes of an error, outermost first.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    let mut all = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        all.push(cause.to_string());
        next = cause.source();
    }
    all
}
