use opsmith_model::{ErrorKind, Hint as _};
use opsmith_sandbox::{Backend, ContainerSettings, Enforcement, Preference, Sandbox, Setup, Walls};

fn setup() -> Setup {
    Setup { host_env: std::env::vars_os().collect(), ..Setup::default() }
}

/// A host with nothing installed.
fn bare() -> Setup {
    Setup { host_env: vec![("PATH".into(), "/nowhere".into())], ..Setup::default() }
}

#[tokio::test]
async fn what_is_missing_is_refused_with_the_reason() {
    let error = Sandbox::choose(Preference::Bubblewrap, bare()).await.unwrap_err();
    assert_eq!(error.to_string(), "sandbox `bubblewrap` is not to be had: `bwrap` is not in PATH");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error = Sandbox::choose(Preference::Container, bare()).await.unwrap_err();
    assert_eq!(error.to_string(), "sandbox `container` is not to be had: no image is configured");
    let settings = ContainerSettings {
        socket: "/nowhere/docker.sock".into(),
        image: "any".to_owned(),
        network: "bridge".to_owned(),
        owner: "me".to_owned(),
    };
    let nobody = Setup { container: Some(settings), ..setup() };
    let error = Sandbox::choose(Preference::Container, nobody).await.unwrap_err();
    assert!(error.to_string().contains("no daemon answers at `/nowhere/docker.sock`"), "{error}");
}

#[tokio::test]
async fn auto_takes_the_best_that_works() {
    let last = Sandbox::choose(Preference::Auto, bare()).await.unwrap();
    assert_eq!(last.backend(), Backend::Local);
    assert!(last.passed_over()[0].contains("`bwrap` is not in PATH"), "{:?}", last.passed_over());
    assert_eq!(Sandbox::choose(Preference::Local, bare()).await.unwrap().passed_over(), [""; 0]);
    let works = Sandbox::choose(Preference::Bubblewrap, setup()).await.is_ok();
    let expected = if works { Backend::Bubblewrap } else { Backend::Local };
    assert_eq!(Sandbox::choose(Preference::Auto, setup()).await.unwrap().backend(), expected);
}

#[tokio::test]
async fn walls_are_recorded_and_told_alike() {
    let sandbox = Sandbox::choose(Preference::Local, setup()).await.unwrap();
    let walls = sandbox.walls();
    let json = serde_json::to_value(walls).unwrap();
    assert_eq!(serde_json::from_value::<Walls>(json.clone()).unwrap(), walls);
    assert_eq!((&json["backend"], &json["network_off"]), (&"local".into(), &"none".into()));
    let rows = sandbox.capabilities();
    for (name, held) in json.as_object().unwrap().iter().filter(|(name, _)| *name != "backend") {
        let row = rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("`{name}` is not told"));
        assert_eq!(&serde_json::to_value(row.enforcement).unwrap(), held, "{name}");
        assert!(!row.detail.is_empty());
    }
    assert_eq!(rows.iter().find(|row| row.name == "environment").unwrap().enforcement, Enforcement::Full);
}
