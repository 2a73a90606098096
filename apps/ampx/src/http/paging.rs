use opsmith_host::http::Problem;
use opsmith_store::Page;
use serde::Deserialize;
use utoipa::IntoParams;

const DEFAULT_ROWS: u32 = 50;
const MOST_ROWS: u32 = 100;

/// The query of a list that has no other parameters.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// How many at the most: 50, and never more than 100.
    #[param(maximum = 100)]
    limit: Option<u32>,
    /// How many to pass over first.
    offset: Option<u32>,
}

impl Paging {
    /// The page that is asked for.
    pub fn page(self) -> Result<Page, Problem> {
        paging(self.limit, self.offset)
    }
}

/// The page of a list's `limit` and `offset`; a larger limit is refused, not cut, so that nobody misses rows unawares.
pub fn paging(limit: Option<u32>, offset: Option<u32>) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(DEFAULT_ROWS);
    if limit > MOST_ROWS {
        return Err(Problem::invalid_field("limit", format!("must be at most {MOST_ROWS}, is {limit}")));
    }
    Ok(Page { limit: limit.into(), offset: offset.unwrap_or(0).into() })
}
