use ampx::task::TaskStatus;
use opsmith_host::config::load;
use opsmith_model::Clock;
use testkit::github::FakeGitHub;

use super::{ADD, Hub, folder, github_alone};
use crate::CATALOGUE;

#[tokio::test(flavor = "multi_thread")]
async fn an_app_takes_the_whole_road_with_its_installations_token() {
    let (fake, keys) = (FakeGitHub::start(Clock::system()).await, folder());
    let identity = fake.add_app("12345");
    let key = keys.path().join("app.pem");
    std::fs::write(&key, &identity.private_key).unwrap();
    let settings = format!("app_id = \"12345\"\nprivate_key_path = \"{}\"\n", key.display());
    let hub = Hub::with(fake, &settings, github_alone(ADD), &[]).await;
    let task = hub.green().await.task;
    assert_eq!(task.status, TaskStatus::Success, "{}", task.summary);
    let tokens = hub.fake.tokens();
    assert_eq!(tokens.len(), 1, "one token for all of it");
    let (asked, log) = (hub.fake.asked(), hub.world.log(task.id).await);
    let by_token = asked.iter().filter(|request| request.token == tokens[0].0).count();
    assert_eq!(by_token + 2, asked.len(), "the other two had it by the App's own word");
    assert!(!log.contains(&tokens[0].0));
    hub.world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_a_key_that_works_is_told_by_its_setting() {
    let folder = folder();
    let wrong = folder.path().join("wrong.pem");
    std::fs::write(&wrong, "not a key").unwrap();
    let flag = |key: &'static str, value: &str| (key, value.to_owned());
    let missing = folder.path().join("missing.pem");
    for (flags, reason) in [
        (vec![], "the App has no key without it"),
        (vec![flag("github.private_key_path", missing.to_str().unwrap())], "cannot be read"),
        (vec![flag("github.private_key_path", wrong.to_str().unwrap())], "cannot be used"),
    ] {
        let flags = [flags, vec![flag("github.app_id", "1")]].concat();
        let config = load(CATALOGUE.settings, &flags, None, &|_| None).unwrap();
        let settings = ampx::github::GitHubSettings::resolve(&config).unwrap();
        let error = settings.client(&config, &Clock::system()).unwrap_err().to_string();
        assert!(error.contains("github.private_key_path") && error.contains(reason), "{error}");
    }
}
