//! What walls have to leave open.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use ampx::task::TaskStatus;
use testkit::repo::TestRepo;

use super::super::{Setup, WRONG_SUM, World, folder};
use super::{backend, has_bubblewrap};

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_and_a_check_read_the_history_and_commit() {
    if !has_bubblewrap().await {
        return;
    }
    let history = "git log --format=%s && git diff --stat HEAD~1 HEAD && git status --short";
    let commit = "echo 'echo 4' > sum.sh; git commit -qam mine && git show --stat HEAD";
    let mut setup = Setup::shell(&format!("{history} && {commit}"));
    setup.ci = format!("{history} && git fsck --connectivity-only && sh test.sh");
    setup.more = backend("bubblewrap");
    let repo = TestRepo::new();
    repo.commit("main", &[("first", "1\n")], "The first of all");
    let world = World::with(folder(), repo, WRONG_SUM, setup).await;
    let detail = world.done("Look back").await;
    let log = world.log(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    assert_eq!(log.matches("The first of all").count(), 2, "{log}");
    assert!(log.contains("mine"), "{log}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_program_is_there_with_its_interpreter_and_its_own_and_no_more() {
    if !has_bubblewrap().await {
        return;
    }
    // An npm prefix and a virtual environment, as their installers make them.
    let folder = folder();
    let at = |path: &str| folder.path().join(path);
    for path in ["npm/bin", "npm/lib/node_modules/agent", "npm/lib/node_modules/other", "venv/bin", "notes"] {
        fs::create_dir_all(at(path)).unwrap();
    }
    fs::write(at("npm/lib/node_modules/other/words"), "from beside").unwrap();
    fs::write(at("notes/secret"), "secret").unwrap();
    fs::write(at("settings"), "from its settings").unwrap();
    symlink("/bin/sh", at("venv/bin/interpreter")).unwrap();
    let script = format!(
        "#!{}\ncat \"$(dirname \"$(readlink -f \"$0\")\")/../other/words\" \"$1\"; cat {} && echo leaked; echo 'echo 4' > sum.sh\n",
        at("venv/bin/interpreter").display(),
        at("notes/secret").display(),
    );
    let program = at("npm/lib/node_modules/agent/cli");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../lib/node_modules/agent/cli", at("npm/bin/agent")).unwrap();
    let command = [at("npm/bin/agent").display().to_string(), at("settings").display().to_string()];
    let setup = Setup {
        agent: format!("kind = \"command\"\ncommand = {command:?}\n"),
        ci: "sh test.sh".to_owned(),
        more: backend("bubblewrap"),
        ..Setup::default()
    };
    let world = World::with(folder, TestRepo::new(), WRONG_SUM, setup).await;
    let detail = world.done("Begin").await;
    let log = world.log(detail.task.id).await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}\n{log}", detail.task.summary);
    assert!(log.contains("from beside") && log.contains("from its settings") && !log.contains("leaked"), "{log}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_shares_is_shared() {
    if !has_bubblewrap().await {
        return;
    }
    let folder = folder();
    let (tools, store) = (folder.path().join("tools"), folder.path().join("store"));
    fs::create_dir_all(&tools).unwrap();
    fs::create_dir_all(&store).unwrap();
    fs::write(tools.join("answer"), "4\n").unwrap();
    let (read, kept) = (tools.join("answer").display().to_string(), store.join("kept").display().to_string());
    let spoil = format!("(echo 5 > {read}) 2>/dev/null; ");
    let mut setup = Setup::shell(&format!("{spoil} echo \"echo $(cat {read})\" > sum.sh; echo agent >> {kept}"));
    setup.ci = format!("sh test.sh && echo check >> {kept}");
    setup.more = format!("{}readable = [{:?}]\nwritable = [{:?}]\n", backend("bubblewrap"), tools, store);
    let world = World::with(folder, TestRepo::new(), WRONG_SUM, setup).await;
    let detail = world.done("Share").await;
    assert_eq!(detail.task.status, TaskStatus::Success, "{}", detail.task.summary);
    assert_eq!(fs::read_to_string(kept).unwrap(), "agent\ncheck\n");
    assert_eq!(fs::read_to_string(read).unwrap(), "4\n");
    world.stop().await;
}
