use serde_json::{Value, json};

use super::answer::{Answer, Asked};
use super::state::{Pull, PullState, Repository, State};
use super::{events, shapes};

/// What somebody says of a pull request.
#[derive(Clone, Debug)]
pub struct Review {
    /// Its id.
    pub id: u64,
    /// Who says it.
    pub login: String,
    /// Whether it may be merged.
    pub verdict: Verdict,
    /// The commit that was looked at.
    pub sha: String,
    /// In words.
    pub body: String,
}

/// The kinds of a [`Review`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Approved,
    /// It may not, as it is.
    ChangesRequested,
    /// Neither.
    Commented,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::ChangesRequested => "CHANGES_REQUESTED",
            Self::Commented => "COMMENTED",
        }
    }
}

impl Pull {
    /// The last verdict of each person; a mere comment takes none back.
    pub(super) fn standing_reviews(&self) -> impl Iterator<Item = &Review> {
        let decides = |review: &&Review| review.verdict != Verdict::Commented;
        self.reviews.iter().enumerate().filter(move |(_, review)| decides(review)).filter_map(move |(at, review)| {
            let later = self.reviews[at + 1..].iter().filter(decides).any(|later| later.login == review.login);
            (!later).then_some(review)
        })
    }
}

pub(super) fn list(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let repository = asked.repository(state)?;
    let number = asked.number("pull_number");
    let pull = repository.pull(number).ok_or_else(Answer::not_found)?.clone();
    Ok(Answer::list(pull.reviews.iter().map(|review| shape(repository, &pull, review, &api, &now)).collect()))
}

pub(super) fn create(state: &mut State, asked: &Asked) -> Result<Answer, Answer> {
    let verdict = match asked.text("event") {
        "APPROVE" => Verdict::Approved,
        "REQUEST_CHANGES" => Verdict::ChangesRequested,
        "COMMENT" => Verdict::Commented,
        _ => return Err(Answer::refuse(422, "a review that is kept for later is not part of this fake")),
    };
    let name = format!("{}/{}", asked.param("owner"), asked.param("repo"));
    let number = asked.number("pull_number");
    let id = add(state, &name, number, &asked.login, verdict, asked.text("body"))?;
    let (api, now) = (state.api.clone(), shapes::time(state.now()));
    let repository = asked.repository(state)?;
    let pull = repository.pull(number).ok_or_else(Answer::not_found)?.clone();
    let review = pull.reviews.iter().find(|review| review.id == id).ok_or_else(Answer::not_found)?;
    Ok(Answer::ok(shape(repository, &pull, review, &api, &now)))
}

/// Adds a review and tells of it.
pub(super) fn add(
    state: &mut State,
    name: &str,
    number: u64,
    login: &str,
    verdict: Verdict,
    body: &str,
) -> Result<u64, Answer> {
    let id = state.next_id();
    let repository = state.repositories.get_mut(&name.to_lowercase()).ok_or_else(Answer::not_found)?;
    let pull = repository.pull(number).ok_or_else(Answer::not_found)?;
    if pull.author == login && verdict != Verdict::Commented {
        let what = if verdict == Verdict::Approved { "approve" } else { "request changes on" };
        return Err(Answer::refuse_in_words(422, &format!("Review Can not {what} your own pull request")));
    }
    if pull.state != PullState::Open && verdict == Verdict::Approved {
        return Err(Answer::refuse_in_words(422, "Can not approve a closed pull request"));
    }
    // Who has answered is asked no more.
    pull.requested.retain(|asked| asked != login);
    let sha = pull.head_sha.clone();
    pull.reviews.push(Review { id, login: login.to_owned(), verdict, sha, body: body.to_owned() });
    events::review(state, name, number, id);
    Ok(id)
}

pub(super) fn shape(repository: &Repository, pull: &Pull, review: &Review, api: &str, now: &str) -> Value {
    let page = format!("{}/pull/{}", repository.page, pull.number);
    let url = format!("{api}/repos/{}/pulls/{}", repository.full_name(), pull.number);
    let html_url = format!("{page}#pullrequestreview-{}", review.id);
    json!({
        "id": review.id, "node_id": format!("PRR_{}", review.id), "user": shapes::user_at(api, &review.login),
        "body": review.body, "state": review.verdict.word(), "commit_id": review.sha, "html_url": html_url,
        "pull_request_url": url, "author_association": "COLLABORATOR", "submitted_at": now,
        "_links": { "html": { "href": html_url }, "pull_request": { "href": url } },
    })
}
