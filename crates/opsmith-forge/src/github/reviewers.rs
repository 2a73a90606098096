use opsmith_guard::Permit;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pull_request::UserWire;
use super::{GitHubError, GitHubRepo, Owner};

/// The verb of [`GitHubRepo::request_reviewers`].
pub const REQUEST_REVIEWERS: &str = "request_reviewers";

/// Reviewers to be asked for a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewersRequest {
    /// The pull request's number.
    pub number: u64,
    /// Who shall be asked; those asked already are left as they are.
    pub owners: Vec<Owner>,
}

impl ReviewersRequest {
    /// The parameters of the effect.
    pub fn parameters(&self) -> Value {
        json!({ "number": self.number, "owners": self.owners })
    }
}

/// Who was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewersAsked {
    /// Asked now or before.
    pub asked: Vec<Owner>,
    /// Not to be asked, and why: no collaborator, or known by an e-mail address alone.
    pub refused: Vec<(Owner, String)>,
}

#[derive(Deserialize)]
struct RequestedWire {
    users: Vec<UserWire>,
    teams: Vec<TeamWire>,
}

#[derive(Deserialize)]
struct TeamWire {
    slug: String,
}

impl GitHubRepo {
    /// Asks for reviews; one owner who cannot be asked does not keep the others from it.
    pub async fn request_reviewers(
        &self,
        permit: &Permit,
        request: &ReviewersRequest,
    ) -> Result<ReviewersAsked, GitHubError> {
        permit.check(REQUEST_REVIEWERS, &self.target(), &request.parameters())?;
        let known = self.requested(request.number).await?;
        let mut done = ReviewersAsked::default();
        let mut missing = Vec::new();
        for owner in &request.owners {
            match owner {
                Owner::Email(_) => {
                    done.refused.push((owner.clone(), "GitHub cannot ask an e-mail address".to_owned()));
                }
                Owner::User(_) | Owner::Team { .. } if known.contains(owner) => done.asked.push(owner.clone()),
                Owner::User(_) | Owner::Team { .. } => missing.push(owner),
            }
        }
        if missing.is_empty() {
            return Ok(done);
        }
        match self.ask_for_reviews(request.number, &missing).await {
            Ok(()) => done.asked.extend(missing.into_iter().cloned()),
            // One that is no collaborator spoils it for all.
            Err(GitHubError::Rejected { .. }) => {
                for owner in missing {
                    match self.ask_for_reviews(request.number, &[owner]).await {
                        Ok(()) => done.asked.push(owner.clone()),
                        Err(GitHubError::Rejected { message, .. }) => done.refused.push((owner.clone(), message)),
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        Ok(done)
    }

    async fn requested(&self, number: u64) -> Result<Vec<Owner>, GitHubError> {
        let subject = format!("the reviewers of pull request {number} of {}", self.shown());
        let call = self.get(&["pulls", &number.to_string(), "requested_reviewers"], subject);
        let wire: RequestedWire = self.github.ask(&call).await?.json(&call.subject)?;
        let users = wire.users.into_iter().map(|user| Owner::user(&user.login));
        // A team of another organization cannot be asked, so the slug is enough.
        let teams = wire.teams.into_iter().map(|team| Owner::team(&self.owner, &team.slug));
        Ok(users.chain(teams).collect())
    }

    async fn ask_for_reviews(&self, number: u64, owners: &[&Owner]) -> Result<(), GitHubError> {
        let subject = format!("reviews of pull request {number} of {}", self.shown());
        let mut body = json!({});
        for owner in owners {
            let (field, name) = match owner {
                Owner::User(login) => ("reviewers", login),
                Owner::Team { slug, .. } => ("team_reviewers", slug),
                Owner::Email(_) => continue,
            };
            match body[field].as_array_mut() {
                Some(names) => names.push(json!(name)),
                None => body[field] = json!([name]),
            }
        }
        let path = ["pulls", &number.to_string(), "requested_reviewers"];
        // Asking for the same review twice is one request for it.
        self.github.ask(&self.post(&path, subject).body(body).repeatable()).await.map(|_| ())
    }
}
