use ampx::task::TaskStatus;
use ampx::{AmpxError, MergeOptions};
use opsmith_forge::git::MergeMethod;
use opsmith_guard::{Answer, Refusal};
use opsmith_model::{ErrorKind, Hint, Principal, TaskId};

use super::{Setup, World, ada};

const ADD: &str = "echo 'echo $(($1 + $2))' > sum.sh";

fn by(method: MergeMethod) -> MergeOptions {
    MergeOptions { method, delete_branch: false }
}

/// Asks, says yes as ada, and asks again.
async fn merge_with_yes(world: &World, id: TaskId, options: &MergeOptions) -> String {
    let asked = match world.ampx.merge(id, options, false, &ada()).await.unwrap_err() {
        AmpxError::Refused(Refusal::ConfirmationRequired(asked)) => asked,
        other => panic!("{other}"),
    };
    world.process.guard.confirm(asked.id, Answer::Yes, &asked.digest, &ada()).await.unwrap();
    world.ampx.merge(id, options, false, &ada()).await.unwrap().sha.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_merges_after_a_yes_and_once() {
    for (method, commits) in [(MergeMethod::Squash, 2), (MergeMethod::Merge, 3), (MergeMethod::Rebase, 2)] {
        let world = World::new(Setup::shell(ADD)).await;
        let detail = world.done("Add").await;
        let sha = merge_with_yes(&world, detail.task.id, &by(method)).await;
        assert_eq!(world.repo.branch_sha("main").as_deref(), Some(sha.as_str()));
        assert_eq!(world.repo.log("main").len(), commits, "{method:?}");
        let again = world.ampx.merge(detail.task.id, &by(method), false, &ada()).await.unwrap();
        assert_eq!(again.sha.as_deref(), Some(sha.as_str()));
        let task = world.ampx.task(detail.task.id).await.unwrap();
        assert!(task.merged_at.is_some() && task.status == TaskStatus::Success);
        world.process.guard.verify().await.unwrap();
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_branch_goes_where_that_is_wanted() {
    let world = World::new(Setup::shell(ADD)).await;
    let detail = world.done("Add").await;
    merge_with_yes(&world, detail.task.id, &MergeOptions { method: MergeMethod::Squash, delete_branch: true }).await;
    assert_eq!(world.repo.branches(), ["main"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_cannot_say_yes_and_a_moved_base_asks_anew() {
    let world = World::new(Setup::shell(ADD)).await;
    let id = world.done("Add").await.task.id;
    let squash = by(MergeMethod::Squash);
    let ask = || async {
        match world.ampx.merge(id, &squash, false, &ada()).await.unwrap_err() {
            AmpxError::Refused(Refusal::ConfirmationRequired(asked)) => asked,
            other => panic!("{other}"),
        }
    };
    let first = ask().await;
    let bot = Principal::agent("bot");
    assert!(world.process.guard.confirm(first.id, Answer::Yes, &first.digest, &bot).await.is_err());
    world.process.guard.confirm(first.id, Answer::Yes, &first.digest, &ada()).await.unwrap();
    world.repo.commit("main", &[("other", "1\n")], "Meanwhile");
    let second = ask().await;
    assert_ne!(first.digest, second.digest);
    world.process.guard.confirm(second.id, Answer::Yes, &second.digest, &ada()).await.unwrap();
    world.ampx.merge(id, &squash, false, &ada()).await.unwrap();
    assert_eq!(world.repo.log("main").len(), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_and_a_moved_branch_are_told() {
    let world = World::new(Setup::shell(ADD)).await;
    let detail = world.done("Add").await;
    world.repo.commit("main", &[("sum.sh", "echo 'another way'\n")], "Another way");
    let error = world.ampx.merge(detail.task.id, &by(MergeMethod::Squash), false, &ada()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("sum.sh"), "{error}");
    world.repo.commit(&detail.task.branch, &[("x", "1\n")], "Not ours");
    let error = world.ampx.merge(detail.task.id, &by(MergeMethod::Squash), false, &ada()).await.unwrap_err();
    assert!(error.to_string().contains("no longer at the commit"), "{error}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_yes_merges_as_soon_as_it_may() {
    let folder = super::folder();
    let go = super::outside(&folder).join("go");
    let agent = format!("while ! test -e {}; do sleep 0.05; done; {ADD}", go.display());
    let world = World::with(folder, testkit::repo::TestRepo::new(), super::WRONG_SUM, Setup::shell(&agent)).await;
    let id = world.start("Add").await;
    let squash = by(MergeMethod::Squash);
    let asked = match world.ampx.merge(id, &squash, true, &ada()).await.unwrap_err() {
        AmpxError::Refused(Refusal::ConfirmationRequired(asked)) => asked,
        other => panic!("{other}"),
    };
    world.process.guard.confirm(asked.id, Answer::Yes, &asked.digest, &ada()).await.unwrap();
    assert_eq!(world.ampx.merge(id, &squash, true, &ada()).await.unwrap().sha, None);
    std::fs::write(go, "").unwrap();
    let mut appended = world.ampx.appended();
    while world.ampx.task(id).await.unwrap().merged_sha.is_none() {
        tokio::time::timeout(std::time::Duration::from_secs(30), appended.changed()).await.unwrap().unwrap();
    }
    assert_eq!(world.repo.log("main").len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_green_is_not_merged() {
    let world = World::new(Setup::shell("true")).await;
    let detail = world.done("Nothing").await;
    let error = world.ampx.merge(detail.task.id, &by(MergeMethod::Squash), false, &ada()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_checked_out_at_the_remote_says_what_to_do() {
    let world = World::new(Setup::shell(ADD)).await;
    let id = world.done("Add").await.task.id;
    world.repo.git(&["config", "core.bare", "false"]);
    let squash = by(MergeMethod::Squash);
    let asked = match world.ampx.merge(id, &squash, false, &ada()).await.unwrap_err() {
        AmpxError::Refused(Refusal::ConfirmationRequired(asked)) => asked,
        other => panic!("{other}"),
    };
    world.process.guard.confirm(asked.id, Answer::Yes, &asked.digest, &ada()).await.unwrap();
    let error = world.ampx.merge(id, &squash, false, &ada()).await.unwrap_err();
    let told = format!("the branch `main` is checked out in `{}`, so git refuses to move it there", world.repo.url());
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::Conflict, told));
    assert!(error.hint().unwrap().contains("receive.denyCurrentBranch"), "{:?}", error.hint());
    world.stop().await;
}
