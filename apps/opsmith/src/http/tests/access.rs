//! Every route of the router × every sort of credentials.

use std::collections::BTreeSet;

use opsmith_guard::tokens::Role;
use opsmith_host::http::auth::{Access, GateOptions, Rule};
use opsmith_model::{Principal, PrincipalKind};
use reqwest::{Method, RequestBuilder};

use super::desk::{Desk, problem, usual};
use crate::http::access::RULES;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The templates of every route, as the router itself tells them.
fn paths(desk: &Desk) -> BTreeSet<String> {
    let routed = desk.router.split("RouteId(").filter_map(|rest| rest.split_once("): \"").map(|(_, path)| path));
    routed
        .filter_map(|path| path.split('"').next())
        .filter(|path| path.starts_with('/') && !path.contains("__private__"))
        .map(str::to_owned)
        .collect()
}

fn rule_of(method: &Method, path: &str) -> Option<&'static Rule> {
    let covers =
        |rule: &&Rule| rule.path == path || rule.path.strip_suffix('*').is_some_and(|begins| path.starts_with(begins));
    RULES.iter().filter(|rule| rule.method == method.as_str()).find(covers)
}

/// A request of a route that, where it is let through, changes nothing: there is nothing of that id, and no body.
fn request(desk: &Desk, method: &Method, path: &str) -> RequestBuilder {
    desk.request(method.clone(), &path.replace("{id}", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_has_a_rule_and_every_rule_a_path() {
    let desk = Desk::open().await;
    let paths = paths(&desk);
    assert!(paths.len() > 30 && paths.contains("/api/v1/tasks/{id}"), "{paths:?}");
    for path in &paths {
        assert!(METHODS.iter().any(|method| rule_of(method, path).is_some()), "{path} has no rule");
    }
    for rule in RULES.iter().filter(|rule| !rule.path.ends_with('*')) {
        assert!(paths.contains(rule.path), "{} is no route", rule.path);
        let method: Method = rule.method.parse().unwrap();
        // Let through: a rule for a method that the route does not take would be answered 405.
        let status = request(&desk, &method, rule.path).send().await.unwrap().status();
        assert_ne!(status, 405, "{} {}", rule.method, rule.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_its_role() {
    let desk = Desk::with(Principal::user("ada"), usual()).await;
    let user = PrincipalKind::User;
    let mut by_role = Vec::new();
    for role in Role::ALL {
        by_role.push((role, desk.token(role, user).await.1));
    }
    let bot = desk.token(Role::Admin, PrincipalKind::Agent).await.1;
    let (id, expired) = desk.token(Role::Admin, user).await;
    desk.expire(id).await;
    let (id, revoked) = desk.token(Role::Admin, user).await;
    desk.revoke(id).await;
    let foreign = format!("ops_01arz3ndektsv4rrffq69g5fav_{}", "0".repeat(64));
    let wrong = ["", "nonsense", &foreign, &expired, &revoked];

    let mut walked = 0;
    for path in paths(&desk) {
        for method in &METHODS {
            let sent = async |token: Option<&str>| {
                let request = request(&desk, method, &path);
                let request = token.iter().fold(request, |request, token| request.bearer_auth(token));
                request.send().await.unwrap()
            };
            let Some(rule) = rule_of(method, &path) else {
                for token in [None, Some(by_role[2].1.as_str())] {
                    let refused = problem(sent(token).await).await;
                    assert_eq!(refused.status, 405, "{method} {path}");
                }
                continue;
            };
            let Some(least) = rule.access.role() else {
                for token in [None, Some("nonsense")] {
                    let status = sent(token).await.status().as_u16();
                    assert!(![401, 403, 405].contains(&status), "{method} {path}: {status}");
                }
                continue;
            };
            for token in [None].into_iter().chain(wrong.map(Some)) {
                let refused = sent(token).await;
                assert_eq!(refused.headers()["www-authenticate"], "Bearer", "{method} {path}");
                let refused = problem(refused).await;
                assert_eq!((refused.status, refused.error.as_str()), (401, "unauthenticated"), "{method} {path}");
                assert!(refused.hint.is_some_and(|hint| hint.contains("opsmith token create")), "{method} {path}");
            }
            for (role, token) in &by_role {
                let answer = sent(Some(token)).await;
                let status = answer.status().as_u16();
                if *role < least {
                    let refused = problem(answer).await;
                    assert_eq!((refused.status, refused.error.as_str()), (403, "denied"), "{role}: {method} {path}");
                    assert!(refused.message.contains(&format!("role {least}")), "{}", refused.message);
                } else {
                    assert!(![401, 403, 405].contains(&status), "{role}: {method} {path}: {status}");
                }
            }
            let status = sent(Some(&bot)).await.status().as_u16();
            assert_eq!(status == 403, rule.access == Access::Person, "an agent: {method} {path}: {status}");
            walked += 1;
        }
    }
    assert!(walked > 40, "{walked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_not_there_tells_strangers_nothing() {
    let desk = Desk::open().await;
    let (_, token) = desk.token(Role::Viewer, PrincipalKind::User).await;
    assert_eq!(problem(desk.get("/nothing").await).await.status, 401);
    let known = desk.request(Method::GET, "/nothing").bearer_auth(token).send().await.unwrap();
    assert_eq!(problem(known).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_gets_the_login_for_every_page() {
    let desk = Desk::open().await;
    let (_, token) = desk.token(Role::Viewer, PrincipalKind::User).await;
    for path in paths(&desk) {
        let Some(rule) = rule_of(&Method::GET, &path).filter(|rule| rule.access != Access::Open) else { continue };
        let seen = request(&desk, &Method::GET, &path).header("accept", BROWSER).send().await.unwrap();
        assert_eq!((seen.status().as_u16(), &seen.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
        let page = seen.text().await.unwrap();
        let next = path.replace("{id}", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert!(page.contains("action=\"/login\"") && page.contains(&format!("value=\"{next}\"")), "{path}: {page}");
        assert!(!page.contains("action=\"/logout\""), "{path}");
        if rule.access.role() > Some(Role::Viewer) {
            let seen = request(&desk, &Method::GET, &path).header("accept", BROWSER).bearer_auth(&token);
            let seen = seen.send().await.unwrap();
            assert_eq!(seen.status(), 403, "{path}");
            let page = seen.text().await.unwrap();
            assert!(page.contains("it takes the role") && page.contains("action=\"/logout\""), "{path}: {page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_is_open_until_there_is_a_token_and_again_when_none_is_left() {
    let desk = Desk::open().await;
    let status = async || desk.get("/api/v1/tasks").await.status().as_u16();
    assert_eq!(status().await, 200);
    let (id, _) = desk.token(Role::Viewer, PrincipalKind::User).await;
    assert_eq!(status().await, 401);
    desk.expire(id).await;
    assert_eq!(status().await, 401, "time alone opens nothing");
    desk.revoke(id).await;
    assert_eq!(status().await, 200);
    let stale = desk.request(Method::GET, "/api/v1/tasks").bearer_auth("ops_old").send().await.unwrap();
    assert_eq!(stale.status(), 200, "a token that somebody still has does not shut them out");

    for options in [GateOptions { required: true, ..usual() }, GateOptions { beyond_loopback: true, ..usual() }] {
        let closed = Desk::with(Principal::user("ada"), options).await;
        assert_eq!(closed.get("/api/v1/tasks").await.status(), 401, "{options:?}");
        assert_eq!(closed.get("/health").await.status(), 200, "{options:?}");
    }
}
