//! Recorded once, played for ever, and clear about what was not recorded.

use opsmith_llm::{Cassette, CassetteError, Client, ClientOptions, LlmError, Origin, Provider, Request};
use opsmith_model::{ErrorKind, Hint};

use crate::stub::{Gateway, messages};
use crate::{KEY, OPUS, anthropic, hello, options};

fn with(provider: Provider, cassette: Cassette) -> Client {
    Client::new(provider, ClientOptions { cassette: Some(cassette), ..options() }).unwrap()
}

#[tokio::test]
async fn what_was_recorded_plays_without_a_provider() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hello.json");
    let gateway = Gateway::start(vec![
        messages::refuse(529, "overloaded_error", ""),
        messages::say("One."),
        messages::say("Two."),
    ])
    .await;
    let provider = anthropic(&gateway);
    let recording = with(provider.clone(), Cassette::record(&path));
    for words in ["One.", "Two."] {
        assert_eq!(recording.complete(&hello(OPUS)).await.unwrap().text(), words);
    }
    drop(gateway);

    let written = std::fs::read_to_string(&path).unwrap();
    assert!(!written.contains(KEY) && !written.contains("overloaded"), "{written}");
    let replaying = with(provider, Cassette::replay(&path).unwrap());
    for words in ["One.", "Two.", "Two."] {
        let completion = replaying.complete(&hello(OPUS)).await.unwrap();
        assert_eq!((completion.text().as_str(), completion.origin), (words, Origin::Cassette));
        assert_eq!(completion.usage.total(), Some(120));
    }
}

#[tokio::test]
async fn a_miss_names_the_nearest_difference() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hello.json");
    let gateway = Gateway::start(vec![messages::say("One.")]).await;
    let recording = with(anthropic(&gateway), Cassette::record(&path));
    recording.complete(&hello(OPUS)).await.unwrap();
    recording.complete(&Request { system: Some("Be brief.".to_owned()), ..hello("other") }).await.unwrap();

    let replaying = with(anthropic(&gateway), Cassette::replay(&path).unwrap());
    let error = replaying.complete(&Request { max_tokens: 7, ..hello(OPUS) }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let told = error.to_string();
    assert!(told.starts_with("none of the 2 requests in cassette `"), "{told}");
    assert!(told.ends_with("the nearest differs at `/max_tokens`: recorded 1000, asked 7"), "{told}");
    assert_eq!(gateway.asked().len(), 2, "nothing was sent");
}

#[tokio::test]
async fn a_cassette_that_is_none_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    assert!(matches!(Cassette::replay(&path), Err(CassetteError::Missing { .. })));
    std::fs::write(&path, "{\"version\":1}").unwrap();
    assert!(matches!(Cassette::replay(&path), Err(CassetteError::Unreadable { .. })));
    std::fs::write(&path, "{\"version\":2,\"exchanges\":[]}").unwrap();
    assert!(matches!(Cassette::replay(&path), Err(CassetteError::OtherVersion { .. })));
    std::fs::write(&path, "{\"version\":1,\"exchanges\":[]}").unwrap();
    let gateway = Gateway::start(vec![messages::say("One.")]).await;
    let client = with(anthropic(&gateway), Cassette::replay(&path).unwrap());
    let error = client.complete(&hello(OPUS)).await.unwrap_err();
    assert!(matches!(error, LlmError::Cassette(CassetteError::Empty { .. })), "{error:?}");
}
