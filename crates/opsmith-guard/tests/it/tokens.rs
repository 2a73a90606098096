use chrono::Duration;
use opsmith_guard::tokens::{NewToken, Role, Token, TokenError, TokenRefused, TokenState, Tokens};
use opsmith_model::{ManualClock, Principal, PrincipalKind, Secret};
use opsmith_store::Page;
use sea_orm::{ConnectionTrait as _, Statement};
use testkit::TestStore;

use crate::guard;

testkit::on_both_databases!(
    a_token_is_said_once_and_known_again,
    what_is_not_a_token_is_refused,
    an_end_is_an_end,
    making_and_revoking_are_in_the_chain,
    a_use_is_noted_once_a_minute,
    a_name_is_plain,
);

const ALL: Page = Page { limit: 100, offset: 0 };

async fn tokens(store: &TestStore) -> (Tokens, ManualClock) {
    let (guard, hand) = guard(store, &[]).await;
    (guard.tokens(), hand)
}

fn new(name: &str, role: Role) -> NewToken {
    NewToken { name: name.to_owned(), kind: PrincipalKind::User, role, expires_at: None }
}

async fn make(tokens: &Tokens, new: &NewToken) -> (Token, Secret) {
    tokens.create(new, &Principal::user("root")).await.unwrap()
}

async fn a_token_is_said_once_and_known_again(store: TestStore) {
    let (tokens, _) = tokens(&store).await;
    assert!(!tokens.any_standing().await.unwrap());
    let bot = NewToken { kind: PrincipalKind::Agent, ..new("bot", Role::Operator) };
    let (made, text) = make(&tokens, &bot).await;
    let known = tokens.check(text.expose()).await.unwrap();
    assert_eq!(known, made);
    assert_eq!((known.principal(), known.role), (Principal::agent("bot"), Role::Operator));
    assert_eq!(known.created_by, Principal::user("root"));
    assert!(tokens.holds(made.id).await.unwrap() && tokens.any_standing().await.unwrap());

    // Neither the text nor its secret is anywhere in the store.
    let secret = text.expose().rsplit('_').next().unwrap();
    for table in ["guard_tokens", "guard_audit"] {
        let sql = format!("SELECT * FROM {table}");
        let statement = Statement::from_string(store.read().get_database_backend(), sql);
        let rows = store.read().query_all_raw(statement).await.unwrap();
        assert!(!rows.is_empty());
        for row in rows {
            for column in row.column_names() {
                let value: Result<String, _> = row.try_get("", &column);
                assert!(!value.is_ok_and(|value| value.contains(secret)), "{table}.{column}");
            }
        }
    }
}

async fn what_is_not_a_token_is_refused(store: TestStore) {
    let (tokens, _) = tokens(&store).await;
    let (_, one) = make(&tokens, &new("ada", Role::Admin)).await;
    let (_, two) = make(&tokens, &new("bob", Role::Viewer)).await;
    let (one, two) = (one.expose(), two.expose());
    let crossed = format!("{}_{}", &one[..30], two.rsplit('_').next().unwrap());
    let mut flipped = one.to_owned();
    flipped.replace_range(94..95, if one.ends_with('0') { "1" } else { "0" });
    for wrong in ["", "ops_", "Bearer", &one[1..], &format!("{one}a"), &crossed, &flipped, &one.to_uppercase()] {
        let refused = tokens.check(wrong).await.unwrap_err();
        assert!(matches!(refused, TokenRefused::Unknown), "{wrong}: {refused}");
    }
    let foreign = "ops_01arz3ndektsv4rrffq69g5fav_".to_owned() + &"0".repeat(64);
    assert!(matches!(tokens.check(&foreign).await.unwrap_err(), TokenRefused::Unknown));
}

async fn an_end_is_an_end(store: TestStore) {
    let (tokens, hand) = tokens(&store).await;
    let (first, _) = make(&tokens, &new("ada", Role::Viewer)).await;
    let soon = NewToken { expires_at: Some(first.created_at + Duration::days(1)), ..new("ada", Role::Viewer) };
    let (brief, text) = make(&tokens, &soon).await;
    hand.advance(Duration::days(1) - Duration::microseconds(1));
    tokens.check(text.expose()).await.unwrap();
    assert_eq!(tokens.count_active().await.unwrap(), 2);
    hand.advance(Duration::microseconds(1));
    assert!(matches!(tokens.check(text.expose()).await.unwrap_err(), TokenRefused::Expired(_)));
    assert!(!tokens.holds(brief.id).await.unwrap());
    assert_eq!(tokens.count_active().await.unwrap(), 1);

    let root = Principal::user("root");
    assert_eq!(tokens.revoke(first.id, &root).await.unwrap().state(first.created_at), TokenState::Revoked);
    assert!(!tokens.holds(first.id).await.unwrap());
    assert_eq!(tokens.count_active().await.unwrap(), 0);
    assert!(tokens.any_standing().await.unwrap(), "the other one only expired");
    assert!(matches!(tokens.revoke(first.id, &root).await.unwrap_err(), TokenError::AlreadyRevoked(_)));
    tokens.revoke(brief.id, &root).await.unwrap();
    assert!(matches!(tokens.check(text.expose()).await.unwrap_err(), TokenRefused::Revoked));
    assert!(!tokens.any_standing().await.unwrap());
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
    assert!(matches!(tokens.revoke(unknown, &root).await.unwrap_err(), TokenError::NoSuchToken(_)));
    let past = NewToken { expires_at: Some(first.created_at), ..new("ada", Role::Viewer) };
    assert!(matches!(tokens.create(&past, &root).await.unwrap_err(), TokenError::Past));
}

async fn making_and_revoking_are_in_the_chain(store: TestStore) {
    let (guard, _) = guard(&store, &[]).await;
    let (made, _) = make(&guard.tokens(), &new("ada", Role::Admin)).await;
    guard.tokens().revoke(made.id, &Principal::user("eve")).await.unwrap();
    let entries = guard.audit(ALL).await.unwrap();
    let told: Vec<_> = entries.iter().map(|e| (e.principal.as_str(), e.action.as_str(), e.target.clone())).collect();
    let target = format!("tokens/{}", made.id);
    assert_eq!(told, [("user:eve", "token.revoked", target.clone()), ("user:root", "token.created", target)]);
    assert_eq!(entries[1].detail["role"], "admin");
    assert_eq!(guard.verify().await.unwrap().entries, 2);
    let (listed, total) = guard.tokens().list(ALL).await.unwrap();
    assert_eq!((listed.len(), total, listed[0].id), (1, 1, made.id));
}

async fn last_use(tokens: &Tokens) -> Option<chrono::DateTime<chrono::Utc>> {
    tokens.list(ALL).await.unwrap().0[0].last_used_at
}

async fn a_use_is_noted_once_a_minute(store: TestStore) {
    let (tokens, hand) = tokens(&store).await;
    let (made, text) = make(&tokens, &new("ada", Role::Viewer)).await;
    tokens.check(text.expose()).await.unwrap();
    while last_use(&tokens).await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(last_use(&tokens).await, Some(made.created_at));
    hand.advance(Duration::seconds(59));
    for _ in 0..10 {
        tokens.check(text.expose()).await.unwrap();
    }
    hand.advance(Duration::seconds(1));
    tokens.check(text.expose()).await.unwrap();
    while last_use(&tokens).await == Some(made.created_at) {
        tokio::task::yield_now().await;
    }
    // Had one of the ten been written, this use would not have been due.
    assert_eq!(last_use(&tokens).await, Some(made.created_at + Duration::minutes(1)));
}

async fn a_name_is_plain(store: TestStore) {
    let (tokens, _) = tokens(&store).await;
    for good in ["a", "ada@example.com", "ci-2.x_y", "0", &"x".repeat(64)] {
        make(&tokens, &new(good, Role::Viewer)).await;
    }
    for bad in ["", "-a", " ", "a b", "a:b", "a\nb", "é", "a/b", &"x".repeat(65)] {
        let refused = tokens.create(&new(bad, Role::Viewer), &Principal::user("root")).await.unwrap_err();
        assert!(matches!(refused, TokenError::Name), "{bad}: {refused}");
    }
}
