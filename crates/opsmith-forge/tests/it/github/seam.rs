use opsmith_forge::forge::{ForgeMerge, Forges, ForgesError};
use opsmith_forge::git::{MERGE, MergeMethod, PublishMerge, Pushed};
use opsmith_forge::github::{Credentials, GitHubError};
use opsmith_forge::local::{LocalForge, OPEN_PULL_REQUEST, OpenRequest, PullRequestState};
use opsmith_model::{Hint as _, Secret};
use opsmith_store::Store;
use testkit::TestStore;

use super::scene::{Scene, TOKEN, client, permit};
use crate::stage::Stage;

testkit::on_both_databases!(the_same_calls_serve_both_forges);

async fn the_same_calls_serve_both_forges(store: TestStore) {
    let scene = Scene::new().await;
    let github = client(&scene.fake.api(), Credentials::Token(Secret::new(TOKEN)), &scene.clock);
    let stage = Stage::new();
    let start = stage.remote.commit("main", &[("a", "1")], "start");
    let head_sha = stage.remote.commit_from(&start, "fix", &[("b", "1")], "fix b");
    let local = Store::clone(&store);
    local.migrate(&[opsmith_forge::local::migrations]).await.unwrap();
    let forges = Forges::new(LocalForge::new(local.clone(), scene.clock.clone()), vec![github]);
    assert!(forges.github(&scene.url()).is_some() && forges.github(&stage.url()).is_none());
    for (url, request) in
        [(scene.url(), scene.request()), (stage.url(), OpenRequest { head_sha: head_sha.clone(), ..scene.request() })]
    {
        let leave = permit(OPEN_PULL_REQUEST, &url, request.parameters());
        for _ in 0..2 {
            let opened = forges.open(&leave, &url, &request).await.unwrap();
            let write = local.write().await.unwrap();
            let pull = opened.record(&write).await.unwrap();
            write.commit().await.unwrap();
            assert_eq!((pull.number, pull.head_sha.as_str()), (1, request.head_sha.as_str()), "{url}");
            assert_eq!(forges.of_branch(&url, "fix").await.unwrap().unwrap(), pull);
        }
    }
    let repo = stage.fetched().await;
    let publish = PublishMerge {
        base_branch: "main".into(),
        base_sha: start,
        head_sha: head_sha.clone(),
        method: MergeMethod::Rebase,
        sha: head_sha.clone(),
    };
    let merge = ForgeMerge::Git(publish);
    let leave = permit(MERGE, &stage.url(), merge.parameters());
    assert_eq!(forges.merge(&leave, &repo, &merge).await.unwrap(), (head_sha.clone(), Pushed::Done));
    let write = local.write().await.unwrap();
    forges.record_merged(&write, &stage.url(), "fix", &head_sha).await.unwrap();
    write.commit().await.unwrap();
    let merged = forges.of_branch(&stage.url(), "fix").await.unwrap().unwrap();
    assert_eq!(merged.state, PullRequestState::Merged { sha: head_sha });

    let pull = scene.repo.pull_of_branch("fix").await.unwrap().unwrap();
    let merge = ForgeMerge::GitHub(scene.merge_of(&pull, MergeMethod::Squash));
    let text = serde_json::to_string(&merge).unwrap();
    assert_eq!(serde_json::from_str::<ForgeMerge>(&text).unwrap(), merge, "a run's input survives the journal");
    let elsewhere = permit(MERGE, &stage.url(), merge.parameters());
    let error = forges.merge(&elsewhere, &repo, &merge).await.unwrap_err();
    assert!(matches!(&error, ForgesError::GitHub(GitHubError::Elsewhere { .. })) && error.hint().is_some());
    let theirs = stage.cache.open(&scene.url()).await.unwrap();
    let leave = permit(MERGE, &scene.url(), merge.parameters());
    let (sha, pushed) = forges.merge(&leave, &theirs, &merge).await.unwrap();
    assert_eq!((Some(sha), pushed), (scene.git.branch_sha("main"), Pushed::Done));
}
