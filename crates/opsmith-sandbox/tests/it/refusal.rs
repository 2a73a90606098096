use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use opsmith_model::{ErrorKind, Hint as _};
use opsmith_sandbox::SandboxError;

use crate::fixture::Place;

fn write_script(place: &Place, name: &str, text: &str, mode: u32) {
    let path = place.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn a_program_that_is_nowhere() {
    let place = Place::new();
    for program in ["no-such-agent", "./no-such-agent", "/nowhere/agent", ""] {
        let error = place.refusal(place.spec(program, &[])).await;
        assert_eq!(error.to_string(), format!("program `{program}` not found"));
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert_eq!(error.hint().unwrap(), "check PATH or give an absolute path");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_executed() {
    let place = Place::new();
    write_script(&place, "plain", "#!/bin/sh\n", 0o644);
    write_script(&place, "orphan", "#!/no/such/interpreter\n", 0o755);
    for program in ["./plain", "./orphan"] {
        let error = place.refusal(place.spec(program, &[])).await;
        assert_eq!(error.to_string(), format!("program `{program}` cannot be executed"));
        assert!(matches!(error, SandboxError::NotExecutable { .. }));
    }
    let mut by_name = place.spec("orphan", &[]);
    by_name.env.insert("PATH".into(), place.path().into());
    assert!(matches!(place.refusal(by_name).await, SandboxError::NotExecutable { .. }));
}

#[tokio::test]
async fn a_folder_that_cannot_be_entered() {
    let place = Place::new();
    fs::write(place.path().join("file"), "").unwrap();
    for name in ["missing", "file"] {
        let mut spec = place.sh("true");
        spec.cwd = place.path().join(name);
        let expected = format!("failed to enter the working folder `{}`", spec.cwd.display());
        let error = place.refusal(spec).await;
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn arguments_over_the_systems_limit() {
    let place = Place::new();
    let error = place.refusal(place.spec("echo", &[&"x".repeat(4_000_000)])).await;
    assert_eq!(error.to_string(), "the arguments of `echo` are too long");
    assert_eq!(error.hint().unwrap(), "pass long text on stdin or in a file");
}

#[tokio::test]
async fn a_nul_in_an_argument_is_an_error_and_not_a_shorter_argument() {
    let place = Place::new();
    let error = place.refusal(place.spec("echo", &["a\0b"])).await;
    assert!(matches!(error, SandboxError::Start { .. }), "{error:?}");
}
