use opsmith_model::{Principal, RunId};
use opsmith_runs::{Identity, NewRun, Registry, RunContext, Timing, Worker, WorkerOptions};
use serde_json::{Value, json};

use super::desk::{Desk, problem};

async fn start(desk: &Desk, kind: &str) -> RunId {
    let new = NewRun::new(kind, format!("a {kind}"), json!({ "n": 1 }), Principal::user("ada"));
    desk.process.runs.start(&new).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_shown_cancelled_and_tried_again() {
    let desk = Desk::open().await;
    let (one, two) = (start(&desk, "test.one").await, start(&desk, "test.two").await);
    let shown = desk.json(&format!("/api/v1/runs/{one}")).await;
    assert_eq!(
        (&shown["run"]["id"], &shown["run"]["input"], &shown["steps"]),
        (&json!(one), &json!({"n": 1}), &json!([]))
    );
    assert_eq!(shown["run"]["state"], json!({ "state": "queued" }));

    let path = format!("/api/v1/runs/{one}");
    let retry = desk.post(&format!("{path}/retry"), &json!({})).await;
    assert_eq!(problem(retry).await.error, "conflict", "it has not ended");
    assert_eq!(desk.post(&format!("{path}/cancel"), &json!({})).await.status(), 202);
    assert_eq!(problem(desk.post(&format!("{path}/cancel"), &json!({})).await).await.error, "conflict");
    let retried = desk.post(&format!("{path}/retry"), &json!({})).await;
    assert_eq!(retried.status(), 201);
    let location = retried.headers()["location"].to_str().unwrap().to_owned();
    let again: Value = retried.json().await.unwrap();
    assert_eq!(location, format!("/api/v1/runs/{}", again["id"].as_str().unwrap()));
    assert_eq!(desk.json(&location).await["run"]["retry_of"], json!(one));

    for (query, expected) in [
        ("", vec![json!(one), json!(two), again["id"].clone()]),
        ("?kind=test.two", vec![json!(two)]),
        ("?state=cancelled", vec![json!(one)]),
        ("?state=queued&kind=test.one", vec![again["id"].clone()]),
        ("?state=failed", vec![]),
    ] {
        let page = desk.json(&format!("/api/v1/runs{query}")).await;
        let mut found: Vec<Value> = page["runs"].as_array().unwrap().iter().map(|run| run["id"].clone()).collect();
        found.sort_by_key(Value::to_string);
        let mut expected = expected;
        expected.sort_by_key(Value::to_string);
        assert_eq!((&page["total"], &found), (&json!(expected.len()), &expected), "{query}");
    }
    assert_eq!(desk.json("/api/v1/runs?limit=1&offset=1").await["runs"].as_array().unwrap().len(), 1);
    for (query, field) in [("state=done", "state"), ("limit=101", "limit"), ("sort=id", "sort")] {
        let refused = problem(desk.get(&format!("/api/v1/runs?{query}")).await).await;
        assert_eq!((refused.status, refused.fields.keys().next().map(String::as_str)), (400, Some(field)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_shows_its_steps_and_its_worker() {
    let desk = Desk::open().await;
    assert_eq!(desk.json("/api/v1/workers").await, json!({ "workers": [] }));
    let mut registry = Registry::new();
    registry.register("test.steps", |run: RunContext, _: Value| async move {
        run.step("first", async |_| Ok(1)).await?;
        run.step("second", async |_| Ok(2)).await
    });
    let identity = Identity::lock(desk.folder.path(), Some("w"), &desk.process.clock).unwrap();
    let options = WorkerOptions { concurrency: 2, timing: Timing::default() };
    let worker = Worker::start(desk.process.runs.clone(), registry, identity, options).await.unwrap();
    let id = start(&desk, "test.steps").await;
    desk.process.runs.wait(id).await.unwrap();

    let shown = desk.json(&format!("/api/v1/runs/{id}")).await;
    let outcome = json!({ "outcome": "succeeded", "output": 2 });
    assert_eq!(shown["run"]["state"], json!({ "state": "finished", "outcome": outcome }));
    let names: Vec<&Value> = shown["steps"].as_array().unwrap().iter().map(|step| &step["name"]).collect();
    assert_eq!(names, ["first", "second"]);
    let workers = desk.json("/api/v1/workers").await;
    assert_eq!((&workers["workers"][0]["concurrency"], &workers["workers"][0]["stopped"]), (&json!(2), &json!(false)));
    worker.shutdown(std::time::Duration::from_secs(5)).await;
    assert_eq!(desk.json("/api/v1/workers").await["workers"][0]["stopped"], true);
}
