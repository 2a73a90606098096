//! JSON that was asked for, checked here and mended once.

use opsmith_llm::{Client, LlmError, OutputSchema, Structured, Usd};
use opsmith_model::{ErrorKind, Hint};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::stub::{Gateway, Script, chat, messages, stream};
use crate::{GPT, OPUS, anthropic, hello, openai, options};

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct Item {
    path: String,
    confidence: f64,
}

fn schema() -> OutputSchema {
    let properties = json!({ "path": { "type": "string" }, "confidence": { "type": "number", "maximum": 1 } });
    let schema = json!({ "type": "object", "additionalProperties": false, "required": ["path", "confidence"],
        "properties": properties });
    OutputSchema { name: "item".to_owned(), schema }
}

const GOOD: &str = "{\"path\":\"src/lib.rs\",\"confidence\":0.9}";
const BAD: &str = "{\"path\":7,\"confidence\":0.9}";

async fn item(scripts: Vec<Script>) -> (Result<Structured<Item>, LlmError>, Vec<Value>) {
    let gateway = Gateway::start(scripts).await;
    let client = Client::new(anthropic(&gateway), options()).unwrap();
    (client.complete_as(&hello(OPUS), schema()).await, gateway.bodies())
}

#[tokio::test]
async fn a_closed_schema_goes_by_the_wire_and_an_open_one_in_words() {
    let (answer, bodies) = item(vec![messages::say(GOOD)]).await;
    let answer = answer.unwrap();
    assert_eq!(answer.value, Item { path: "src/lib.rs".to_owned(), confidence: 0.9 });
    assert!(!answer.repaired);
    assert_eq!(bodies[0]["output_config"]["format"], json!({ "type": "json_schema", "schema": schema().schema }));
    assert_eq!(bodies[0]["system"], Value::Null);

    let gateway = Gateway::start(vec![chat::say(GOOD)]).await;
    let client = Client::new(openai(&gateway), options()).unwrap();
    client.complete_as::<Item>(&hello(GPT), schema()).await.unwrap();
    let mut open = schema();
    open.schema["additionalProperties"] = json!(true);
    client.complete_as::<Item>(&hello(GPT), open.clone()).await.unwrap();
    let bodies = gateway.bodies();
    let field = json!({ "name": "item", "schema": schema().schema, "strict": true });
    assert_eq!(bodies[0]["response_format"], json!({ "type": "json_schema", "json_schema": field }));
    assert_eq!(bodies[1]["response_format"], Value::Null);
    assert!(bodies[1]["messages"][0]["content"].as_str().unwrap().contains(&open.schema.to_string()));
}

#[tokio::test]
async fn a_wrong_answer_is_mended_once() {
    let (answer, bodies) = item(vec![messages::say(BAD), messages::say(GOOD)]).await;
    let answer = answer.unwrap();
    assert!(answer.repaired);
    assert_eq!((answer.usage.total(), answer.cost), (Some(240), Usd::from_f64(0.0016)));
    let talk = bodies[1]["messages"].as_array().unwrap();
    assert_eq!(talk[1]["content"][0]["text"], BAD);
    assert!(talk[2]["content"][0]["text"].as_str().unwrap().contains("/path: 7 is not of type"), "{talk:?}");

    let (answer, bodies) = item(vec![messages::say(BAD), messages::say("Sorry."), messages::say(GOOD)]).await;
    let Err(LlmError::NotAsAsked { faults, completion }) = answer else { panic!("{answer:?}") };
    assert_eq!((completion.text().as_str(), bodies.len()), ("Sorry.", 2));
    assert!(faults[0].starts_with("not JSON: "));
}

#[tokio::test]
async fn half_an_answer_is_not_mended_and_a_wrong_schema_is_not_sent() {
    let half = messages::begin(1, 0, 0) + &messages::text(0, &["{\"pa"]) + &messages::end("max_tokens", 1);
    let (answer, bodies) = item(vec![stream(half)]).await;
    assert_eq!((answer.unwrap_err().kind(), bodies.len()), (ErrorKind::Failed, 1));

    let gateway = Gateway::start(vec![messages::say(GOOD)]).await;
    let client = Client::new(anthropic(&gateway), options()).unwrap();
    let wrong = OutputSchema { name: "item".to_owned(), schema: json!({ "type": "objekt" }) };
    let error = client.complete_as::<Item>(&hello(OPUS), wrong).await.unwrap_err();
    assert_eq!((error.kind(), gateway.asked().len()), (ErrorKind::Invalid, 0), "{error}");
}
