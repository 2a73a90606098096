use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::fd::AsRawFd as _;

use opsmith_sandbox::{ExitStatus, Sandbox};

use crate::fixture::{Place, Ran};

fn host() -> Vec<(OsString, OsString)> {
    let path = std::env::var_os("PATH").unwrap();
    let seeded = [
        ("GITHUB_TOKEN", "ghp_secret"),
        ("DATABASE_URL", "postgres://u:secret@h/d"),
        ("SSH_AUTH_SOCK", "/tmp/agent"),
        ("HOME", "/home/host"),
        ("TMPDIR", "/tmp/host"),
        ("OPSMITH_SANDBOX", "outer"),
        ("LD_PRELOAD", ""),
        ("LANGUAGE", "de"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C"),
        ("TZ", "UTC"),
    ];
    let mut host: Vec<(OsString, OsString)> =
        seeded.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    host.push(("PATH".into(), path));
    host
}

fn variables(ran: &Ran) -> BTreeMap<&str, &str> {
    ran.text().split_terminator('\0').map(|entry| entry.split_once('=').unwrap()).collect()
}

#[tokio::test]
async fn of_the_hosts_environment_only_the_list_passes() {
    let place = Place { sandbox: Sandbox::local(host()).unwrap(), ..Place::new() };
    let spec = place.spec("env", &["-0"]);
    let marker = spec.marker.to_string();
    let ran = place.run(spec).await;
    let path = std::env::var("PATH").unwrap();
    let expected = [("LANG", "C.UTF-8"), ("LC_ALL", "C"), ("OPSMITH_SANDBOX", &marker), ("PATH", &path), ("TZ", "UTC")];
    assert_eq!(variables(&ran), BTreeMap::from(expected));
    assert_eq!(ran.exit.status, ExitStatus::Code(0));
}

#[tokio::test]
async fn the_caller_adds_and_overrides_but_cannot_take_the_marker_off() {
    let place = Place { sandbox: Sandbox::local(host()).unwrap(), ..Place::new() };
    let mut spec = place.spec("/usr/bin/env", &["-0"]);
    let marker = spec.marker.to_string();
    let added = [("HOME", "/private"), ("TZ", "Asia/Tokyo"), ("OPSMITH_SANDBOX", "mine"), ("A", "x=y\nz")];
    spec.env = added.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let ran = place.run(spec).await;
    let seen = variables(&ran);
    assert_eq!((seen["HOME"], seen["TZ"], seen["A"]), ("/private", "Asia/Tokyo", "x=y\nz"));
    assert_eq!(seen["OPSMITH_SANDBOX"], marker);
}

#[tokio::test]
async fn a_command_leads_a_session_in_its_folder() {
    let place = Place::new();
    std::fs::write(place.path().join("here"), "found").unwrap();
    let ran = place.run(place.sh("cat here; echo; cut -d' ' -f 1,5,6 /proc/$$/stat")).await;
    let lines: Vec<&str> = ran.text().lines().collect();
    assert_eq!(lines[0], "found");
    let ids: Vec<&str> = lines[1].split(' ').collect();
    assert!(ids[0] == ids[1] && ids[0] == ids[2], "pid, group, session: {ids:?}");
}

#[tokio::test]
async fn what_we_inherited_open_ourselves_does_not_pass() {
    let place = Place::new();
    let secret = std::fs::File::create(place.path().join("secret")).unwrap();
    let inherited = nix::unistd::dup(&secret).unwrap();
    let flags = nix::fcntl::fcntl(&inherited, nix::fcntl::FcntlArg::F_GETFD).unwrap();
    assert_eq!(flags, 0, "without close-on-exec, as inherited ones are");
    let ran = place
        .run(place.spec("readlink", &["/proc/self/fd/0", &format!("/proc/self/fd/{}", inherited.as_raw_fd())]))
        .await;
    assert_eq!(ran.text(), "/dev/null\n");
}

#[tokio::test]
async fn arguments_pass_without_a_shell() {
    let place = Place::new();
    let ran = place.run(place.spec("printf", &["%s|", "a b", "$HOME", "; rm -rf x", "*", ""])).await;
    assert_eq!(ran.text(), "a b|$HOME|; rm -rf x|*||");
}
