use std::time::Duration;

use futures::StreamExt as _;

use super::browser::see;
use crate::http::desk::Desk;

/// Reads a stream until it has the words.
async fn until(answer: reqwest::Response, words: &str) -> String {
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let (mut read, mut stream) = (String::new(), answer.bytes_stream());
    let told = async {
        while !read.contains(words) {
            read.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.unwrap();
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_followed_from_where_it_was_made_and_from_where_it_broke_off() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let other = desk.create("https://example.com/a/b", "Other").await;
    let elsewhere = desk.elsewhere().await;
    elsewhere.log(&id, "before\n").await;
    let list = see(&desk.server, "/tasks").await.values("[data-events]", "data-events").remove(0);
    let one = see(&desk.server, &format!("/tasks/{id}")).await.values("[data-events]", "data-events").remove(0);
    // Between the page and its stream.
    elsewhere.log(&id, "\u{1b}[31mafter\u{1b}[0m <b>\n").await;
    elsewhere.log(&other, "other\n").await;
    elsewhere.set_status(&id, "running").await;

    let read = until(desk.server.get(&one).send().await.unwrap(), "event: status").await;
    assert!(read.contains(r#""stream":"agent","text":"after <b>\n""#), "{read}");
    assert!(!read.contains("before") && !read.contains("other"), "{read}");
    let told = until(desk.server.get(&list).send().await.unwrap(), "event: status").await;
    assert!(told.contains("Running. elsewhere") && !told.contains("event: log"), "{told}");

    let last = read.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
    elsewhere.log(&id, "more\n").await;
    let resumed = until(desk.server.get(&one).header("last-event-id", last).send().await.unwrap(), "more").await;
    assert!(!resumed.contains("after <b>"), "{resumed}");
    let future = desk.server.get(&format!("/tasks/{id}/events?after=9000000000")).send().await.unwrap();
    elsewhere.log(&id, "now\n").await;
    until(future, "now").await;
    for (path, status) in [("/tasks/events", 400), ("/tasks/events?after=x", 400), ("/tasks/zzzz/events?after=0", 404)]
    {
        assert_eq!(desk.server.get(path).send().await.unwrap().status(), status, "{path}");
    }
}
