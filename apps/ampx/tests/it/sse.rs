//! Events over the wire: each once, in order, whoever wrote them and however often the reader comes back.

use std::pin::Pin;
use std::time::Duration;

use ampx::Event;
use eventsource_stream::{Event as WireEvent, Eventsource as _};
use futures::{Stream, StreamExt as _};
use serde_json::{Value, json};

use crate::http::desk::{Desk, problem};

const LONG: Duration = Duration::from_secs(20);

struct Reader(Pin<Box<dyn Stream<Item = WireEvent> + Send>>);

impl Reader {
    async fn open(desk: &Desk, path: &str, last: Option<&str>) -> Self {
        let request = last.iter().fold(desk.server.get(path), |request, id| request.header("last-event-id", *id));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self(Box::pin(answer.bytes_stream().eventsource().map(|event| event.unwrap())))
    }

    /// The next event, whose name and id must be those of its data; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        let wire = tokio::time::timeout(LONG, self.0.next()).await.expect("an event comes")?;
        let data: Value = serde_json::from_str(&wire.data).unwrap();
        assert_eq!((&data["event"], &data["seq"].to_string()), (&json!(wire.event), &wire.id));
        Some(serde_json::from_value(data).unwrap())
    }

    async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await.unwrap());
        }
        events
    }

    async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn texts(events: &[Event]) -> Vec<&str> {
    events.iter().filter_map(Event::log_text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_comes_back_gets_each_event_once_and_in_order() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(desk.create("https://example.com/a/b", &format!("task {n}")).await);
    }
    let write = async {
        for n in 0..60 {
            elsewhere.log(&ids[n % 3], &format!("line {n}\r\nwith\rends\n\n")).await;
            if n % 20 == 0 {
                desk.create("https://example.com/a/b", "one more").await;
            }
        }
    };
    let read = async {
        let (mut read, mut last) = (Vec::new(), "0".to_owned());
        // Comes back after every few events, while others are written; more than one batch in the end.
        for count in [1, 5, 1, 20, 39] {
            let mut reader = Reader::open(&desk, "/api/v1/events", Some(&last)).await;
            read.extend(reader.take(count).await);
            last = read.last().map(|event: &Event| event.seq.to_string()).unwrap();
        }
        read
    };
    let (_, read) = futures::join!(write, read);
    let all = desk.ampx.events_after(0, None, 1_000).await.unwrap();
    assert_eq!(all.len(), 66);
    assert!(read.iter().map(|event| event.seq).eq(all.iter().map(|event| event.seq)));
    let mended: Vec<String> = texts(&all).iter().map(|text| (*text).to_owned()).collect();
    assert_eq!(texts(&read), mended, "a text comes as it was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_last_event_only_new_ones_come() {
    let desk = Desk::open().await;
    desk.create("https://example.com/a/b", "before").await;
    let mut new = Reader::open(&desk, "/api/v1/events", None).await;
    let mut ahead = Reader::open(&desk, "/api/v1/events", Some("999999")).await;
    let id = desk.create("https://example.com/a/b", "after").await;
    for reader in [&mut new, &mut ahead] {
        assert_eq!(reader.next().await.unwrap().task_id.to_string(), id);
    }
    for wrong in ["-1", "1.5", "abc", "99999999999999999999"] {
        let answer = desk.server.get("/api/v1/events").header("last-event-id", wrong).send().await.unwrap();
        assert!(problem(answer).await.fields.contains_key("Last-Event-ID"), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_one_task_gets_its_events_alone() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let (one, two) =
        (desk.create("https://example.com/a/b", "1").await, desk.create("https://example.com/a/b", "2").await);
    let path = format!("/api/v1/events?task={}", &one[18..]);
    let mut reader = Reader::open(&desk, &path, Some("0")).await;
    elsewhere.log(&two, "of two\n").await;
    elsewhere.log(&one, "of one\n").await;
    let abort = desk.server.patch(&format!("/api/v1/tasks/{one}"), &json!({ "action": "abort" }));
    assert_eq!(abort.send().await.unwrap().status(), 204);
    let events = reader.take(3).await;
    assert!(events.iter().all(|event| event.task_id.to_string() == one));
    assert_eq!(texts(&events), ["of one\n"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_begins_at_its_last_lines_and_ends_with_the_task() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    for n in 0..40 {
        elsewhere.log(&id, &format!("{n} a\n{n} b\n")).await;
    }
    let path = format!("/api/v1/tasks/{id}/logs?follow=true");
    let mut open = Reader::open(&desk, &format!("{path}&tail=3"), None).await;
    assert_eq!(texts(&open.take(2).await), ["38 b\n", "39 a\n39 b\n"]);
    elsewhere.log(&id, "40\n").await;
    assert_eq!(texts(&open.take(1).await), ["40\n"]);
    elsewhere.log(&id, "41\n").await;
    elsewhere.set_status(&id, "needs_review").await;
    assert_eq!(texts(&open.rest().await), ["41\n"], "what was written before the end is sent before the end");

    for (tail, events, begins) in
        [(0, 0, ""), (1, 1, "41\n"), (2, 2, "40\n"), (79, 41, "1 b\n"), (1_000, 42, "0 a\n0 b\n")]
    {
        let read = Reader::open(&desk, &format!("{path}&tail={tail}"), None).await.rest().await;
        assert_eq!((read.len(), texts(&read).first().copied().unwrap_or("")), (events, begins), "{tail}");
    }
    let whole = Reader::open(&desk, &format!("{path}&tail=1000"), None).await.rest().await;
    let last = whole[38].seq.to_string();
    let rest = Reader::open(&desk, &path, Some(&last)).await.rest().await;
    assert_eq!(texts(&rest), ["39 a\n39 b\n", "40\n", "41\n"], "after the last one seen, whatever the tail");
}
