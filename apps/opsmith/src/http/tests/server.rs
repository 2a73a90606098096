use opsmith_model::Principal;
use serde_json::json;

use super::desk::{Desk, merge, problem};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_database_is_gone_lives_and_is_not_ready() {
    let desk = Desk::open().await;
    for path in ["/health", "/health/live", "/health/ready"] {
        assert_eq!(desk.json(path).await["status"], "ok", "{path}");
    }
    desk.process.store.close().await.unwrap();
    assert_eq!(desk.json("/health/live").await["status"], "ok");
    for path in ["/health", "/health/ready", "/metrics"] {
        let silent = problem(desk.get(path).await).await;
        assert_eq!((silent.status, silent.error.as_str()), (503, "unavailable"), "{path}: {}", silent.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_are_those_of_the_store() {
    let desk = Desk::open().await;
    desk.create_task().await;
    desk.create_task().await;
    desk.process.guard.authorize(&merge(Principal::user("ada"))).await.unwrap_err();
    let answer = desk.get("/metrics").await;
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    for line in [
        "# TYPE opsmith_tasks gauge",
        "opsmith_tasks{status=\"queued\"} 2",
        "opsmith_tasks{status=\"success\"} 0",
        "opsmith_runs{state=\"queued\"} 2",
        "opsmith_runs{state=\"failed\"} 0",
        "opsmith_confirmations_pending 1",
        "opsmith_worker_leases 0",
        "# TYPE http_requests_total counter",
        "# TYPE http_request_duration_seconds histogram",
        "# TYPE process_cpu_seconds_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for begins in [
        "opsmith_build_info{version=\"",
        "http_requests_total{method=\"POST\",route=\"/api/v1/tasks\",status=\"201\"} ",
    ] {
        assert!(text.contains(begins), "{begins}\n{text}");
    }
    let resident = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes ")).unwrap();
    assert!(resident.parse::<u64>().unwrap() > 1 << 20, "{resident}");
    let mut samples = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with(|c: char| c.is_ascii_lowercase()) && value.parse::<f64>().is_ok(), "{line}");
        samples += 1;
    }
    assert!(samples >= 16, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_leads_on() {
    let desk = Desk::open().await;
    let root = desk.json("/").await;
    assert_eq!((&root["name"], root["version"].is_string()), (&json!("opsmith"), true));
    for (name, link) in root["links"].as_object().unwrap() {
        assert_eq!(desk.get(link.as_str().unwrap()).await.status(), 200, "{name}");
    }
    assert_eq!(problem(desk.get("/nothing").await).await.status, 404);
}
