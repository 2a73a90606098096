use opsmith_guard::{EffectRule, Verdict};
use opsmith_model::EffectKind;

/// Pushing the task's branch.
pub(crate) const PUSH: EffectKind = EffectKind::new("ampx.push");
/// Opening or updating the task's pull request.
pub(crate) const OPEN_PULL_REQUEST: EffectKind = EffectKind::new("ampx.open_pull_request");
/// Asking those who own the changed code for a review.
pub(crate) const REQUEST_REVIEWERS: EffectKind = EffectKind::new("ampx.request_reviewers");
/// Giving the pull request the task's labels.
pub(crate) const ADD_LABELS: EffectKind = EffectKind::new("ampx.add_labels");
/// Having failed jobs of the forge's CI run again.
pub(crate) const RERUN_CI: EffectKind = EffectKind::new("ampx.rerun_ci");
/// Merging the pull request.
pub(crate) const MERGE: EffectKind = EffectKind::new("ampx.merge");
/// Deleting the task's branch.
pub(crate) const DELETE_BRANCH: EffectKind = EffectKind::new("ampx.delete_branch");
/// Letting a change pass that does something to tests, CI files or coverage settings.
pub(crate) const TEST_EDITS: EffectKind = EffectKind::new("ampx.test_edits");

/// What ampx changes outside, and what holds where the policy file is silent.
pub const EFFECTS: &[EffectRule] = &[
    EffectRule { kind: "ampx.push", default: Verdict::Allow },
    EffectRule { kind: "ampx.open_pull_request", default: Verdict::Allow },
    EffectRule { kind: "ampx.request_reviewers", default: Verdict::Allow },
    EffectRule { kind: "ampx.add_labels", default: Verdict::Allow },
    EffectRule { kind: "ampx.rerun_ci", default: Verdict::Allow },
    EffectRule { kind: "ampx.merge", default: Verdict::Confirm },
    EffectRule { kind: "ampx.delete_branch", default: Verdict::Confirm },
    EffectRule { kind: "ampx.test_edits", default: Verdict::Confirm },
];
