//! The commit of a merge that we make ourselves: kept with the task, so that the same question has the same commit.

use chrono::{DateTime, Utc};
use opsmith_forge::git::{
    CachedRepo, GitError, MergeMethod, MergeRequest, Signer, pack, plan_merge, sign_merge, unpack,
};
use opsmith_model::TaskId;
use serde::{Deserialize, Serialize};

use crate::{Ampx, AmpxError, db};

/// The largest merge that is kept in the store for a worker on another machine.
const MOST_KEPT_BYTES: usize = 32 * 1024 * 1024;

/// What fixes a merge commit beside its parents; kept for each method, as one may be looked at between two questions
/// about another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fixed {
    base_sha: String,
    head_sha: String,
    method: MergeMethod,
    date: DateTime<Utc>,
    #[serde(default)]
    signed: Option<SignedMerge>,
}

/// Another signature of the same would be another commit, so the one there is is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SignedMerge {
    /// The same commit without signatures: it changes with whatever the commit says.
    unsigned: String,
    /// The key.
    key: String,
    sha: String,
}

impl Fixed {
    fn is_of(&self, base_sha: &str, head_sha: &str, method: MergeMethod) -> bool {
        self.base_sha == base_sha && self.head_sha == head_sha && self.method == method
    }
}

impl Ampx {
    /// The date of a merge commit: that of the first time somebody asked for this merge.
    pub(crate) async fn merge_date(
        &self,
        id: TaskId,
        base_sha: &str,
        head_sha: &str,
        method: MergeMethod,
    ) -> Result<DateTime<Utc>, AmpxError> {
        let of_this = |all: &[Fixed]| all.iter().find(|one| one.is_of(base_sha, head_sha, method)).map(|one| one.date);
        if let Some(date) = of_this(&db::tasks::merge_plans::<_, Fixed>(self.store.read(), id).await?) {
            return Ok(date);
        }
        let write = self.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        let mut all: Vec<Fixed> = db::tasks::merge_plans(&*write, id).await?;
        if let Some(date) = of_this(&all) {
            return Ok(date);
        }
        // What was for another commit or base is of no more use.
        all.retain(|one| one.base_sha == base_sha && one.head_sha == head_sha);
        let date = self.now();
        let (base_sha, head_sha) = (base_sha.to_owned(), head_sha.to_owned());
        all.push(Fixed { base_sha, head_sha, method, date, signed: None });
        db::tasks::set_merge_plans(&write, id, &all).await?;
        write.commit().await?;
        Ok(date)
    }

    /// The commit that merges as asked, signed where commits are; the base where there is nothing to merge. It is in the
    /// cache, and in the store for a worker on another machine.
    pub(crate) async fn merge_commit(
        &self,
        id: TaskId,
        repo: &CachedRepo,
        request: &MergeRequest,
    ) -> Result<String, AmpxError> {
        let unsigned = plan_merge(repo, request).await?;
        if unsigned == request.base_sha {
            return Ok(unsigned);
        }
        let sha = match &self.signer {
            Some(signer) => self.signed_merge(id, repo, request, unsigned, signer).await?,
            None => unsigned,
        };
        match pack(&self.git, repo.git_dir(), &request.base_sha, &sha, MOST_KEPT_BYTES).await {
            Ok(packed) => {
                let write = self.store.write().await?;
                db::commits::insert(&write, id, &sha, packed).await?;
                write.commit().await?;
            }
            Err(GitError::TooLarge { .. }) => {
                tracing::info!(task.id = %id, "the merge is too large to be kept in the store");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(sha)
    }

    async fn signed_merge(
        &self,
        id: TaskId,
        repo: &CachedRepo,
        request: &MergeRequest,
        unsigned: String,
        signer: &Signer,
    ) -> Result<String, AmpxError> {
        let key = signer.key().to_string();
        let is_this = |one: &Fixed| one.is_of(&request.base_sha, &request.head_sha, request.method);
        let signed_before = |all: &[Fixed]| {
            let signed = all.iter().find(|one| is_this(one)).and_then(|one| one.signed.clone());
            signed.filter(|signed| signed.unsigned == unsigned && signed.key == key).map(|signed| signed.sha)
        };
        if let Some(sha) = signed_before(&db::tasks::merge_plans::<_, Fixed>(self.store.read(), id).await?)
            && self.has_merge(repo, &sha).await?
        {
            return Ok(sha);
        }
        let sha = sign_merge(repo, &request.base_sha, &unsigned, signer).await?;
        let write = self.store.write().await?;
        write.take_turns("ampx.tasks").await?;
        let mut all: Vec<Fixed> = db::tasks::merge_plans(&*write, id).await?;
        // Somebody who asked in the same moment was sooner.
        if let Some(first) = signed_before(&all)
            && repo.contains(&first).await?
        {
            return Ok(first);
        }
        if let Some(one) = all.iter_mut().find(|one| is_this(one)) {
            one.signed = Some(SignedMerge { unsigned, key, sha: sha.clone() });
            db::tasks::set_merge_plans(&write, id, &all).await?;
        }
        write.commit().await?;
        Ok(sha)
    }

    /// Whether the cache has a merge that was computed here or elsewhere, if need be now from the store.
    pub(crate) async fn has_merge(&self, repo: &CachedRepo, sha: &str) -> Result<bool, AmpxError> {
        if repo.contains(sha).await? {
            return Ok(true);
        }
        let Some(packed) = db::commits::find(self.store.read(), sha).await? else { return Ok(false) };
        unpack(&self.git, repo.git_dir(), packed).await?;
        Ok(repo.contains(sha).await?)
    }
}
