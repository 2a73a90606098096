/// A slice of a list, asked for by limit and offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many rows at the most.
    pub limit: u64,
    /// How many rows to pass over first.
    pub offset: u64,
}

impl Page {
    /// A page of at most `limit` rows, itself at most `most`.
    pub fn bounded(limit: Option<u64>, offset: Option<u64>, default: u64, most: u64) -> Self {
        Self { limit: limit.unwrap_or(default).min(most), offset: offset.unwrap_or(0) }
    }
}
