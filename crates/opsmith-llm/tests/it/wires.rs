//! One request and one answer over both wires.

use futures::FutureExt as _;
use opsmith_llm::{
    AssistantPart, Client, Completion, Message, Origin, PromptCaching, Provider, Request, StopReason, StreamEvent,
    Tool, ToolCall, ToolChoice, Usage, Usd, UserPart,
};
use serde_json::{Value, json};

use crate::stub::{Act, Gateway, answer, chat, messages, send, stream, stream_begins};
use crate::{GPT, KEY, OPUS, anthropic, hello, openai, options};

fn weather() -> Tool {
    let parameters = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
    Tool { name: "weather".to_owned(), description: "The weather of a city.".to_owned(), parameters }
}

fn call() -> ToolCall {
    ToolCall { id: "call_1".to_owned(), name: "weather".to_owned(), arguments: "{\"city\":\"Rome\"}".to_owned() }
}

/// A conversation with everything in it.
fn long(model: &str) -> Request {
    let thinking = json!({ "type": "thinking", "thinking": "Rome?", "signature": "c2ln" });
    let said = vec![
        AssistantPart::Opaque(thinking),
        AssistantPart::Text("I look.".to_owned()),
        AssistantPart::ToolCall(call()),
    ];
    let result = UserPart::ToolResult { call_id: "call_1".to_owned(), content: "rain".to_owned(), is_error: false };
    Request {
        system: Some("Be brief.".to_owned()),
        messages: vec![Message::user("Rome?"), Message::Assistant(said), Message::User(vec![result])],
        tools: vec![weather()],
        tool_choice: ToolChoice::Named("weather".to_owned()),
        temperature: Some(0.5),
        stop: vec!["END".to_owned()],
        prompt_caching: PromptCaching::Conversation,
        ..hello(model)
    }
}

#[tokio::test]
async fn messages_has_everything_of_a_request() {
    let gateway = Gateway::start(vec![messages::say("Rain.")]).await;
    let client = Client::new(anthropic(&gateway), options()).unwrap();
    client.complete(&long(OPUS)).await.unwrap();
    let asked = &gateway.asked()[0];
    assert_eq!(asked.path(), "/v1/messages");
    assert_eq!(asked.header("x-api-key"), Some(KEY));
    assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(asked.header("authorization"), None);
    let kept = json!({ "type": "ephemeral" });
    let expected = json!({
        "model": OPUS, "max_tokens": 1000, "stream": true, "temperature": 0.5, "stop_sequences": ["END"],
        "system": [{ "type": "text", "text": "Be brief.", "cache_control": kept }],
        "tools": [{ "name": "weather", "description": "The weather of a city.",
            "input_schema": weather().parameters, "cache_control": kept }],
        "tool_choice": { "type": "tool", "name": "weather" },
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "Rome?" }] },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "Rome?", "signature": "c2ln" },
                { "type": "text", "text": "I look." },
                { "type": "tool_use", "id": "call_1", "name": "weather", "input": { "city": "Rome" } },
            ] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "call_1", "content": "rain",
                "is_error": false, "cache_control": kept }] },
        ],
    });
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn chat_has_everything_of_a_request() {
    let gateway = Gateway::start(vec![chat::say("Rain.")]).await;
    let client = Client::new(openai(&gateway), options()).unwrap();
    client.complete(&long(GPT)).await.unwrap();
    let asked = &gateway.asked()[0];
    assert_eq!(asked.path(), "/v1/chat/completions");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    let expected = json!({
        "model": GPT, "max_completion_tokens": 1000, "stream": true, "stream_options": { "include_usage": true },
        "temperature": 0.5, "stop": ["END"],
        "tools": [{ "type": "function", "function": { "name": "weather", "description": "The weather of a city.",
            "parameters": weather().parameters } }],
        "tool_choice": { "type": "function", "function": { "name": "weather" } },
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Rome?" },
            { "role": "assistant", "content": "I look.", "tool_calls": [{ "id": "call_1", "type": "function",
                "function": { "name": "weather", "arguments": "{\"city\":\"Rome\"}" } }] },
            { "role": "tool", "tool_call_id": "call_1", "content": "rain" },
        ],
    });
    assert_eq!(asked.body, expected);
}

#[tokio::test]
async fn messages_brings_words_thinking_calls_usage_and_cost() {
    let thinking = json!({ "type": "thinking", "thinking": "", "signature": "" });
    let thoughts = [
        json!({ "type": "thinking_delta", "thinking": "Ro" }),
        json!({ "type": "thinking_delta", "thinking": "me" }),
        json!({ "type": "signature_delta", "signature": "c2ln" }),
    ];
    let tool = json!({ "type": "tool_use", "id": "call_1", "name": "weather", "input": {} });
    let arguments = [
        json!({ "type": "input_json_delta", "partial_json": "" }),
        json!({ "type": "input_json_delta", "partial_json": "{\"city\":" }),
        json!({ "type": "input_json_delta", "partial_json": "\"Rome\"}" }),
    ];
    let bare = json!({ "type": "tool_use", "id": "call_2", "name": "now", "input": {} });
    let events = messages::begin(1_000, 10_000, 2_000)
        + &messages::block(0, &thinking, &thoughts)
        + &messages::text(1, &["Caffè", " ☕"])
        + &messages::block(2, &tool, &arguments)
        + &messages::block(3, &bare, &[])
        + &messages::end("tool_use", 500);
    let gateway = Gateway::start(vec![stream(events)]).await;
    let client = Client::new(anthropic(&gateway), options()).unwrap();
    let mut stream = client.stream(&hello(OPUS)).await.unwrap();
    let mut words = Vec::new();
    let mut finished = None;
    while let Some(event) = stream.next().await {
        match event.unwrap() {
            StreamEvent::Text(piece) => words.push(piece),
            StreamEvent::Finished(completion) => finished = Some(completion),
        }
    }
    assert_eq!(words, ["Caffè", " ☕"]);
    let now = ToolCall { id: "call_2".to_owned(), name: "now".to_owned(), arguments: "{}".to_owned() };
    let expected = Completion {
        id: Some("msg_1".to_owned()),
        model: "claude-opus-5-5-20260922".to_owned(),
        parts: vec![
            AssistantPart::Opaque(json!({ "type": "thinking", "thinking": "Rome", "signature": "c2ln" })),
            AssistantPart::Text("Caffè ☕".to_owned()),
            AssistantPart::ToolCall(call()),
            AssistantPart::ToolCall(now),
        ],
        stop: Some(StopReason::ToolUse),
        logprobs: None,
        usage: Usage { input: Some(1_000), cache_read: Some(10_000), cache_write: Some(2_000), output: Some(500) },
        cost: Usd::from_f64(0.026),
        origin: Origin::Provider,
    };
    assert_eq!(finished, Some(expected));
}

#[tokio::test]
async fn chat_brings_words_calls_usage_and_cost() {
    let calls = |calls: Value| chat::delta(json!({ "tool_calls": calls }));
    let events = chat::delta(json!({ "role": "assistant", "content": null }))
        + &chat::delta(json!({ "content": "I look." }))
        + &calls(
            json!([{ "index": 0, "id": "call_1", "type": "function", "function": { "name": "weather", "arguments": "" } }]),
        )
        + &calls(json!([{ "index": 0, "function": { "arguments": "{\"city\":" } }]))
        + &calls(json!([{ "index": 1, "id": "call_2", "function": { "name": "now", "arguments": "" } },
            { "index": 0, "function": { "arguments": "\"Rome\"}" } }]))
        + &chat::end("tool_calls", chat::usage());
    let gateway = Gateway::start(vec![stream(events)]).await;
    let client = Client::new(openai(&gateway), options()).unwrap();
    let completion = client.complete(&hello(GPT)).await.unwrap();
    assert_eq!(completion.text(), "I look.");
    let calls: Vec<&ToolCall> = completion.tool_calls().collect();
    assert_eq!(calls[0], &call());
    assert_eq!((calls[1].name.as_str(), calls[1].arguments.as_str()), ("now", "{}"));
    assert_eq!(completion.stop, Some(StopReason::ToolUse));
    let usage = Usage { input: Some(60), cache_read: Some(40), cache_write: None, output: Some(20) };
    assert_eq!(completion.usage, usage);
    // 60 × 2 + 40 × 0.5 + 20 × 8 dollars per million.
    assert_eq!(completion.cost, Usd::from_f64(0.0003));
}

#[tokio::test]
async fn answers_that_come_whole_are_the_same() {
    let tool = json!({ "type": "tool_use", "id": "call_1", "name": "weather", "input": { "city": "Rome" } });
    let whole = json!({ "id": "msg_1", "type": "message", "role": "assistant", "model": OPUS, "stop_reason": "tool_use",
        "content": [{ "type": "text", "text": "I look." }, tool], "usage": { "input_tokens": 7, "output_tokens": 3 } });
    let gateway = Gateway::start(vec![answer(200, "", &whole)]).await;
    let provider = Provider { streaming: false, ..anthropic(&gateway) };
    let completion = Client::new(provider, options()).unwrap().complete(&hello(OPUS)).await.unwrap();
    assert_eq!(gateway.bodies()[0]["stream"], false);
    assert_eq!(completion.text(), "I look.");
    assert_eq!(completion.tool_calls().collect::<Vec<_>>(), [&call()]);
    assert_eq!(completion.usage, Usage { input: Some(7), output: Some(3), ..Usage::default() });

    let function = json!({ "name": "weather", "arguments": "{\"city\":\"Rome\"}" });
    let message = json!({ "role": "assistant", "content": "I look.", "refusal": null,
        "tool_calls": [{ "id": "call_1", "type": "function", "function": function }] });
    let whole = json!({ "id": "chatcmpl-1", "model": "llama", "usage": { "prompt_tokens": 7, "completion_tokens": 3 },
        "choices": [{ "index": 0, "message": message, "finish_reason": "tool_calls" }] });
    // A server that was asked for a stream and sends none.
    let gateway = Gateway::start(vec![answer(200, "", &whole)]).await;
    let provider = Provider::compatible("local", format!("{}/v1", gateway.url()), None);
    let completion = Client::new(provider, options()).unwrap().complete(&hello("llama")).await.unwrap();
    let asked = &gateway.asked()[0];
    assert_eq!((asked.body["max_tokens"].as_u64(), asked.header("authorization")), (Some(1000), None));
    assert_eq!(completion.tool_calls().collect::<Vec<_>>(), [&call()]);
    assert_eq!(completion.usage, Usage { input: Some(7), output: Some(3), ..Usage::default() });
    assert_eq!(completion.cost, None, "the price is not known");
}

#[tokio::test]
async fn stop_reasons_are_told_apart_on_both_wires() {
    for (word, reason) in [
        ("end_turn", StopReason::EndTurn),
        ("max_tokens", StopReason::MaxTokens),
        ("stop_sequence", StopReason::StopSequence),
        ("refusal", StopReason::Refusal),
        ("pause_turn", StopReason::Paused),
        ("model_context_window_exceeded", StopReason::ContextFull),
        ("new_word", StopReason::Other("new_word".to_owned())),
    ] {
        let events = messages::begin(1, 0, 0) + &messages::text(0, &["x"]) + &messages::end(word, 1);
        let gateway = Gateway::start(vec![stream(events)]).await;
        let client = Client::new(anthropic(&gateway), options()).unwrap();
        assert_eq!(client.complete(&hello(OPUS)).await.unwrap().stop, Some(reason));
    }
    for (word, reason) in [
        ("stop", StopReason::EndTurn),
        ("length", StopReason::MaxTokens),
        ("content_filter", StopReason::Refusal),
        ("new_word", StopReason::Other("new_word".to_owned())),
    ] {
        let events = chat::delta(json!({ "content": "x" })) + &chat::end(word, Value::Null);
        let gateway = Gateway::start(vec![stream(events)]).await;
        let client = Client::new(openai(&gateway), options()).unwrap();
        let completion = client.complete(&hello(GPT)).await.unwrap();
        assert_eq!(completion.stop, Some(reason));
        assert_eq!((completion.usage, completion.cost), (Usage::default(), None), "untold is unknown");
    }
}

#[tokio::test]
async fn how_likely_each_token_was_is_told_where_it_is_asked_for() {
    let chunk = |token: &str, logprob: f64| {
        let logprobs =
            json!({ "content": [{ "token": token, "logprob": logprob, "bytes": null, "top_logprobs": [] }] });
        let choice = json!({ "index": 0, "delta": { "content": token }, "finish_reason": null, "logprobs": logprobs });
        chat::chunk(json!([choice]), Value::Null)
    };
    let events = chunk("Yes", -0.25) + &chunk(".", -1.5) + &chat::end("stop", chat::usage());
    let gateway = Gateway::start(vec![stream(events)]).await;
    let client = Client::new(openai(&gateway), options()).unwrap();
    let completion = client.complete(&Request { logprobs: true, ..hello(GPT) }).await.unwrap();
    assert_eq!(completion.logprobs, Some(vec![-0.25, -1.5]));
    assert_eq!(gateway.bodies()[0]["logprobs"], true);
}

#[tokio::test]
async fn a_character_cut_in_two_arrives_whole() {
    let event = chat::delta(json!({ "content": "漢" }));
    let cut = event.find('漢').unwrap() + 1;
    let (first, second) = event.as_bytes().split_at(cut);
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    let script = vec![
        stream_begins(),
        send(chat::delta(json!({ "content": "a" })) + "\n\n: wait\n\n"),
        send(first),
        Act::Until(std::sync::Arc::clone(&go_on)),
        send(second),
        send(chat::end("stop", chat::usage())),
    ];
    let gateway = Gateway::start(vec![script]).await;
    let client = Client::new(openai(&gateway), options()).unwrap();
    let mut stream = client.stream(&hello(GPT)).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), StreamEvent::Text("a".to_owned()));
    assert!(stream.next().now_or_never().is_none(), "given up while it waits");
    go_on.notify_one();
    assert_eq!(stream.next().await.unwrap().unwrap(), StreamEvent::Text("漢".to_owned()));
    assert_eq!(stream.finish().await.unwrap().text(), "a漢");
}
