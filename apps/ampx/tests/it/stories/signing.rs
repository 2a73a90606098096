//! Signed commits and merges, checked by git on the remote.

use ampx::task::TaskStatus;
use ampx::{AmpxError, MergeOptions};
use opsmith_forge::git::MergeMethod;
use opsmith_guard::{Answer, Confirmation, Refusal};
use testkit::repo::TestRepo;
use testkit::signing::{ssh_key, ssh_verifies};

use super::{Setup, WRONG_SUM, World, ada, folder};

const ADD: &str = "echo 'echo $(($1 + $2))' > sum.sh";

fn signing(key: &str) -> Setup {
    let git = format!("[git]\nsign = \"ssh\"\nsigning_key = {key:?}\ncommitter_name = \"Bot\"\n");
    Setup { more: git, ..Setup::shell(ADD) }
}

async fn asked(world: &World, id: opsmith_model::TaskId, options: &MergeOptions) -> Confirmation {
    match world.ampx.merge(id, options, false, &ada()).await.unwrap_err() {
        AmpxError::Refused(Refusal::ConfirmationRequired(asked)) => *asked,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn branch_and_merge_are_signed_and_a_plan_stays_the_same() {
    let folder = folder();
    let key = ssh_key(folder.path(), "key", "");
    let setup = signing(&key.display().to_string());
    let world = World::with(folder, TestRepo::new(), WRONG_SUM, setup).await;
    let detail = world.done("Add").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    let head = world.repo.branch_sha(&detail.task.branch).unwrap();
    assert!(ssh_verifies(world.repo.path(), &head, &key));
    assert_eq!(world.repo.git(&["log", "-1", "--format=%an|%cn|%ce", &head]), "Opsmith|Bot|opsmith@example.com");
    let by = |method, delete_branch| MergeOptions { method, delete_branch };
    let (rebase, squash) = (by(MergeMethod::Rebase, false), by(MergeMethod::Squash, true));
    let first = (asked(&world, detail.task.id, &rebase).await, asked(&world, detail.task.id, &squash).await);
    let again = (asked(&world, detail.task.id, &rebase).await, asked(&world, detail.task.id, &squash).await);
    assert_eq!((first.0.id, &first.0.digest), (again.0.id, &again.0.digest), "a plan is not signed anew");
    assert_eq!((first.1.id, &first.1.digest), (again.1.id, &again.1.digest), "also not after another question");
    world.process.guard.confirm(first.1.id, Answer::Yes, &first.1.digest, &ada()).await.unwrap();
    world.ampx.merge(detail.task.id, &squash, false, &ada()).await.unwrap();
    let main = world.repo.branch_sha("main").unwrap();
    assert!(ssh_verifies(world.repo.path(), &main, &key));
    assert_eq!(world.repo.log("main").len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_sign_ends_the_task_before_an_agent_works() {
    let folder = folder();
    let locked = ssh_key(folder.path(), "locked", "secret").display().to_string();
    for (key, told, hint) in [
        ("/nowhere/key", "no usable secret key `/nowhere/key`", "git.signing_key"),
        (&locked, "wants a passphrase", "ssh-add"),
    ] {
        let world = World::new(signing(key)).await;
        let detail = world.done("Add").await;
        assert_eq!(detail.task.status, TaskStatus::Error);
        assert!(detail.task.summary.contains(told) && detail.task.summary.contains(hint), "{}", detail.task.summary);
        assert!(detail.attempts.is_empty(), "nothing was paid for");
        assert_eq!(world.repo.branches(), ["main"]);
        world.stop().await;
    }
}
