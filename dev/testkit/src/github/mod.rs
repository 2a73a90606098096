//! A GitHub on loopback: its REST API over real repositories, workflows run by act, webhooks, and the faults that a
//! network, limits, owners and other people bring.
//!
//! Whatever it is asked, answers and tells by webhooks is held against GitHub's own description of the API, where
//! `dev/octokit.sh` has fetched it; what does not fit fails the test. Start at [`FakeGitHub`].
//!
//! Where it differs from GitHub:
//!
//! - It knows the routes that are asked for here, and answers 404 for all others. Objects have all fields that the
//!   description requires; those that nobody here reads are constants, as are avatars, counts and addresses.
//! - Words of refusals are those that were seen of GitHub in public, but for three that were not: several required
//!   checks that failed in different ways, requested changes, and the reason that git is refused with.
//! - Times are the test's clock, whole seconds, and `created_at` is now where nobody wrote another time. A merge check
//!   is there at once unless a test says so.
//! - A rerun shows what has not passed in the new attempt alone; act runs all jobs again behind it. Jobs that passed
//!   keep their ids. Steps show once they have ended; `Set up job` and `Complete job` are act's.
//! - Workflows start on `push` and `pull_request` with filters on branches; filters on paths, tags, `concurrency`,
//!   permissions, secrets, services, containers and other events are not looked at. Two runs go at once, for 5 minutes
//!   at most.
//! - Webhooks: no `X-Hub-Signature` of SHA-1, no `workflow_job`, `installation` nor `ping`; who acts is `ada`.
//! - Of protected branches the numbers of approvals, stale approvals and required checks; no code owners, no rulesets.
//! - Limits: the hour's requests by token; secondary limits come by [`Storm`] alone. A revoked token's answers end at
//!   once, where GitHub may take moments. Pages are by number; `per_page` beyond 100 is cut.

mod actions;
mod answer;
mod app;
mod checks;
mod description;
mod events;
mod fake;
mod fault;
mod faulty;
mod git;
mod graphql;
mod hooks;
mod issues;
mod job_log;
mod limits;
mod merging;
mod people;
mod progress;
mod protection;
mod pulls;
mod repos;
mod reviewers;
mod reviews;
mod routes;
mod runner;
mod runs;
mod serve;
mod shapes;
mod state;
mod watch;
mod whoami;
mod wire;
mod workflow;

pub use app::AppIdentity;
pub use description::Description;
pub use fake::{FakeGitHub, sign};
pub use fault::{Fault, Storm};
pub use hooks::Delivery;
pub use protection::Protection;
pub use reviews::{Review, Verdict};
pub use serve::Request;
pub use state::{CheckRun, Issue, Job, Pull, PullState, Repository, Run, Status, Step};
