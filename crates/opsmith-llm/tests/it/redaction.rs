//! A secret in any place of a request stays here.

use std::borrow::Cow;

use opsmith_llm::{
    AssistantPart, Cassette, Client, ClientOptions, Message, OutputSchema, Provider, Redactor, Request, Tool, ToolCall,
    UserPart,
};
use serde_json::json;

use crate::stub::{Gateway, answer, chat, messages};
use crate::{GPT, OPUS, anthropic, openai, options};

const SECRET: &str = "ghp_hunter2hunter2";

fn redactor() -> Redactor {
    Redactor::new(|text| {
        if text.contains(SECRET) { Cow::Owned(text.replace(SECRET, "<SECRET_HASH_1>")) } else { Cow::Borrowed(text) }
    })
}

/// A secret wherever one fits.
fn leaky(model: &str) -> Request {
    let arguments = json!({ (SECRET): [SECRET] }).to_string();
    let call = ToolCall { id: "c".to_owned(), name: "t".to_owned(), arguments };
    let said = vec![
        AssistantPart::Opaque(json!({ "type": "thinking", "thinking": SECRET, "signature": "s" })),
        AssistantPart::Text(format!("It is {SECRET}.")),
        AssistantPart::ToolCall(call),
    ];
    let result = UserPart::ToolResult { call_id: "c".to_owned(), content: format!("KEY={SECRET}"), is_error: true };
    let parameters = json!({ "type": "object", "properties": { "x": { "default": SECRET } } });
    Request {
        system: Some(format!("Use {SECRET}.")),
        messages: vec![Message::user(SECRET), Message::Assistant(said), Message::User(vec![result])],
        tools: vec![Tool { name: "t".to_owned(), description: format!("With {SECRET}."), parameters }],
        stop: vec![SECRET.to_owned()],
        output: Some(OutputSchema { name: "o".to_owned(), schema: json!({ "const": SECRET }) }),
        ..Request::new(model, "", 100)
    }
}

#[tokio::test]
async fn no_byte_of_a_secret_leaves_on_either_wire() {
    let messages = Gateway::start(vec![messages::say("Hello.")]).await;
    let chat = Gateway::start(vec![chat::say("Hello.")]).await;
    let folder = tempfile::tempdir().unwrap();
    for (number, (gateway, provider, model)) in
        [(&messages, anthropic(&messages), OPUS), (&chat, openai(&chat), GPT)].into_iter().enumerate()
    {
        let told = Provider { schemas: false, ..provider.clone() };
        for provider in [provider, told] {
            let path = folder.path().join(format!("{number}.json"));
            let options = ClientOptions { redactor: redactor(), cassette: Some(Cassette::record(&path)), ..options() };
            Client::new(provider, options).unwrap().complete(&leaky(model)).await.unwrap();
            assert!(!std::fs::read_to_string(&path).unwrap().contains(SECRET));
        }
        for asked in gateway.asked() {
            assert!(!format!("{} {}", asked.head, asked.body).contains("hunter2"), "{}", asked.body);
            assert!(asked.body.to_string().matches("<SECRET_HASH_1>").count() >= 8, "{}", asked.body);
        }
    }
}

#[tokio::test]
async fn a_provider_that_repeats_a_secret_is_redacted_too() {
    let error = json!({ "error": { "type": "invalid_request_error", "message": format!("bad text {SECRET}") } });
    let gateway = Gateway::start(vec![answer(400, "", &error)]).await;
    let options = ClientOptions { redactor: redactor(), ..options() };
    let error = Client::new(anthropic(&gateway), options).unwrap().complete(&leaky(OPUS)).await.unwrap_err();
    assert!(error.to_string().ends_with("bad text <SECRET_HASH_1>"), "{error}");
}
