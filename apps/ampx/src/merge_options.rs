use opsmith_forge::git::MergeMethod;
use opsmith_model::Principal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a task is to be merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MergeOptions {
    /// `squash`, `merge` or `rebase`.
    #[schema(value_type = String)]
    pub method: MergeMethod,
    /// Whether the task's branch goes afterwards.
    pub delete_branch: bool,
}

/// A standing yes: merge as soon as the task succeeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AutoMerge {
    /// How.
    pub options: MergeOptions,
    /// Whose yes it is.
    #[schema(value_type = Object)]
    pub requested_by: Principal,
}

/// What came of asking for a merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Merged {
    /// The commit that the base has now; absent where the merge waits for the task's success.
    pub sha: Option<String>,
}
