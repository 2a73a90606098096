use super::desk::{Desk, problem};

#[tokio::test(flavor = "multi_thread")]
async fn the_last_lines_are_text_and_say_from_where_to_follow() {
    let desk = Desk::open().await;
    let elsewhere = desk.elsewhere().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    for n in 0..150 {
        elsewhere.log(&id, &format!("line {n}\nand {n}\n")).await;
    }
    let path = format!("/api/v1/tasks/{id}/logs");
    let answer = desk.server.get(&path).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    let newest = desk.ampx.last_event().await.unwrap();
    assert_eq!(answer.headers()["last-event-id"].to_str().unwrap(), newest.to_string());
    let text = answer.text().await.unwrap();
    assert_eq!(text.lines().count(), 100);
    assert!(text.starts_with("line 100\nand 100\n") && text.ends_with("line 149\nand 149\n"));
    for (tail, lines, begins) in [("0", 0, ""), ("3", 3, "and 148\n"), ("10000", 300, "line 0\n")] {
        let text = desk.server.get(&format!("{path}?tail={tail}")).send().await.unwrap().text().await.unwrap();
        assert_eq!(text.lines().count(), lines);
        assert!(text.starts_with(begins), "{tail}");
    }
    for query in ["tail=10001", "tail=-1", "follow=perhaps", "lines=3"] {
        let problem = problem(desk.server.get(&format!("{path}?{query}")).send().await.unwrap()).await;
        let field = query.split('=').next().unwrap();
        assert!(problem.status == 400 && problem.fields.contains_key(field), "{query}: {}", problem.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_a_commit_has_an_empty_diff() {
    let desk = Desk::open().await;
    let id = desk.create("https://example.com/a/b", "Do it").await;
    let answer = desk.server.get(&format!("/api/v1/tasks/{id}/diff")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (200, "text/x-diff"));
    assert_eq!(answer.text().await.unwrap(), "");
}
