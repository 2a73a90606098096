//! A machine in trouble: the disk is full, the database locked, the clock wrong.

use std::path::Path;
use std::process::Command;

use opsmith_store::{Store, StoreUrl};
use testkit::repo::TestRepo;

use crate::desk::Desk;

const AMPLE: &str = "[ampx]\nretry_delay_s = 0\n[ampx.ci]\ncommand = \"true\"\n[ampx.agents.it]\nkind = \"command\"\n";

/// A small disk of its own, gone when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, mib: u32) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={mib}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        match mount {
            Ok(done) if done.status.success() => Ok(Self(at)),
            Ok(done) => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn an_agent_that_fills_the_disk_ends_in_an_error_and_the_task_goes_on_later() {
    let agent = "test -e ../../../full && dd if=/dev/zero of=fill bs=1M count=200 2>/dev/null; echo x > x";
    let config = format!("{AMPLE}command = [\"sh\", \"-c\", {agent:?}]\n");
    let desk = Desk::with_config(&config);
    let data = desk.data_dir();
    desk.write("opsmith.toml", &format!("{config}[sandbox]\nreadable = [{:?}]\n", data.join("full")));
    let _disk = match SmallDisk::mount(&data, 64) {
        Ok(disk) => disk,
        Err(reason) => return println!("skipped: no small disk can be mounted here: {reason}"),
    };
    let repo = TestRepo::new();
    repo.commit("main", &[("a", "1\n")], "Begin");
    std::fs::write(data.join("full"), "").unwrap();
    let done = desk.run(&["ampx", "start", "--wait", "-o", "json", &repo.url(), "Fill it"]).expect(1);
    let task = done.json();
    assert_eq!(task["status"], "error", "{task:#}");
    assert!(task["summary"].as_str().unwrap().contains("no space left"), "{task:#}");
    std::fs::remove_file(data.join("full")).unwrap();
    let id = task["id"].as_str().unwrap();
    let done = desk.run(&["ampx", "continue", "--wait", "-o", "json", id]).expect(0);
    assert_eq!(done.json()["status"], "success");
    desk.run(&["audit", "verify"]).expect(0);
    desk.run(&["store", "check"]).expect(0);
}

#[test]
fn a_database_that_another_process_holds_is_told_and_nothing_is_lost() {
    let desk = Desk::with_config(&format!("{AMPLE}command = [\"true\"]\n"));
    desk.run(&["store", "migrate"]).expect(0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let url = StoreUrl::sqlite_file(&desk.data_dir().join("opsmith.db"));
    let _inside = runtime.enter();
    let held = runtime.block_on(async { Store::open(url).await.unwrap().write().await.unwrap() });
    let done = desk.run(&["runs", "list"]).expect(5);
    assert!(done.stderr.contains("locked by another process"), "{}", done.stderr);
    drop(held);
    desk.run(&["runs", "list"]).expect(0);
}
