use std::sync::Arc;

use opsmith_forge::git::{BaseRef, CachedRepo, Git, GitError, RepoCache};
use opsmith_forge::url::RepoUrl;
use opsmith_model::{ErrorKind, Hint as _};
use testkit::repo::TestRepo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::stage::{Stage, git, names};

async fn tracked(repo: &CachedRepo) -> String {
    git().work(repo.git_dir()).args(["for-each-ref", "--format=%(refname) %(objectname)"]).text().await.unwrap()
}

#[tokio::test]
async fn a_fetch_follows_the_remote_in_all_it_does() {
    let stage = Stage::new();
    let one = stage.remote.commit("main", &[("a", "1")], "one");
    stage.remote.set_branch("old", &one);
    stage.remote.git(&["tag", "v1", &one]);
    let repo = stage.fetched().await;
    assert_eq!(tracked(&repo).await, format!("refs/remotes/origin/main {one}\nrefs/remotes/origin/old {one}"));
    stage.remote.delete_branch("old");
    stage.remote.commit_from(&one, "old/deeper", &[("b", "1")], "two");
    let forced = stage.remote.commit("other", &[("a", "3")], "anew");
    stage.remote.set_branch("main", &forced);
    stage.remote.delete_branch("other");
    repo.fetch().await.unwrap();
    let deeper = stage.remote.branch_sha("old/deeper").unwrap();
    let now = format!("refs/remotes/origin/main {forced}\nrefs/remotes/origin/old/deeper {deeper}");
    assert_eq!(tracked(&repo).await, now);
    assert!(repo.contains(&one).await.unwrap(), "what a work folder may borrow stays");
    assert_eq!(names(stage.folder.path()).len(), 2, "the repository and its lock");
}

#[tokio::test]
async fn the_same_address_written_otherwise_has_the_same_copy() {
    let stage = Stage::new();
    let file = RepoUrl::parse(&format!("file://{}/", stage.remote.url())).unwrap();
    let copy = stage.cache.open(&file).await.unwrap();
    assert_eq!(copy.git_dir(), stage.open().await.git_dir());
    let other = TestRepo::new();
    let other = stage.cache.open(&RepoUrl::parse(&other.url()).unwrap()).await.unwrap();
    assert_ne!(copy.git_dir(), other.git_dir());
}

#[tokio::test]
async fn the_base_is_the_remotes_default_branch_or_the_one_asked_for() {
    let stage = Stage::new();
    let main = stage.remote.commit("main", &[("a", "1")], "one");
    let dev = stage.remote.commit("dev/x", &[("a", "2")], "two");
    let repo = stage.open().await;
    let base = |branch: &str, sha: &str| BaseRef { branch: branch.into(), sha: sha.into() };
    assert_eq!(repo.resolve(None).await.unwrap(), base("main", &main));
    assert_eq!(repo.resolve(Some("dev/x")).await.unwrap(), base("dev/x", &dev));
    for name in ["x", "dev", "--upload-pack=x", "main^", ""] {
        let error = repo.resolve(Some(name)).await.unwrap_err();
        assert!(matches!(&error, GitError::NoSuchRef { name: said } if said == name), "{error:?}");
    }
    assert_eq!(repo.remote_branch("main").await.unwrap(), Some(main.clone()));
    assert_eq!(repo.remote_branch("x").await.unwrap(), None);
    stage.remote.set_head("dev/x");
    assert_eq!(repo.resolve(None).await.unwrap().branch, "dev/x");
    stage.remote.detach_head(&main);
    assert_eq!(repo.resolve(None).await.unwrap(), base("main", &main));
    stage.remote.set_branch("also", &main);
    let error = repo.resolve(None).await.unwrap_err();
    assert!(matches!(error, GitError::NoDefaultBranch { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("--base"));
    assert_eq!(repo.resolve(Some("also")).await.unwrap(), base("also", &main));
}

#[tokio::test]
async fn an_empty_remote_is_told_from_one_that_is_not_there() {
    let stage = Stage::new();
    let repo = stage.open().await;
    let empty = repo.resolve(None).await.unwrap_err();
    assert!(matches!(&empty, GitError::EmptyRepository { repository } if *repository == stage.remote.url()));
    repo.fetch().await.unwrap();
    for address in ["/nowhere/at/all", "file:///nowhere/at/all.git"] {
        let missing = stage.cache.open(&RepoUrl::parse(address).unwrap()).await.unwrap();
        for error in [missing.resolve(None).await.unwrap_err(), missing.fetch().await.unwrap_err()] {
            assert!(matches!(&error, GitError::NotFound { repository } if repository == address), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_remote_with_other_object_ids_fails_and_says_so() {
    let stage = Stage::with(TestRepo::with_init(&["--object-format=sha256"]));
    stage.remote.commit("main", &[("a", "1")], "one");
    let error = stage.open().await.fetch().await.unwrap_err();
    assert!(matches!(&error, GitError::Failed { stderr, .. } if stderr.contains("sha256")), "{error:?}");
}

/// A web server that gives every request the same answer.
async fn answering(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/acme/api", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = format!(
                "HTTP/1.1 {status}\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// Git as a user without configuration has it, whatever the machine's own is.
fn plain_git(home: &std::path::Path) -> Git {
    let path = std::env::var_os("PATH").unwrap();
    Git::new([("PATH".into(), path), ("HOME".into(), home.into()), ("no_proxy".into(), "127.0.0.1".into())]).unwrap()
}

#[tokio::test]
async fn a_web_remote_that_refuses_is_an_error_at_once_and_never_a_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let cache = RepoCache::new(folder.path().join("cache"), plain_git(folder.path()));
    for (status, kind) in [
        ("401 Unauthorized", ErrorKind::Unauthenticated),
        ("403 Forbidden", ErrorKind::Unauthenticated),
        ("404 Not Found", ErrorKind::NotFound),
        ("503 Service Unavailable", ErrorKind::Unavailable),
        ("200 OK", ErrorKind::NotFound),
    ] {
        let address = answering(status).await;
        let repo = cache.open(&RepoUrl::parse(&address).unwrap()).await.unwrap();
        for error in [repo.resolve(None).await.unwrap_err(), repo.fetch().await.unwrap_err()] {
            assert_eq!(error.kind(), kind, "{status}: {error:?}");
            assert!(error.hint().is_some() && error.to_string().contains(&address), "{error}");
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/a/b", listener.local_addr().unwrap());
    drop(listener);
    let repo = cache.open(&RepoUrl::parse(&closed).unwrap()).await.unwrap();
    let error = repo.fetch().await.unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn the_users_credential_helper_is_asked_and_refused_credentials_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let helper = format!(
        "[credential]\n helper = \"!f() {{ echo $1 >> {}; echo username=ada; echo password=s3cr3t; }}; f\"\n",
        asked.display()
    );
    std::fs::write(folder.path().join(".gitconfig"), helper).unwrap();
    let cache = RepoCache::new(folder.path().join("cache"), plain_git(folder.path()));
    let repo = cache.open(&RepoUrl::parse(&answering("401 Unauthorized").await).unwrap()).await.unwrap();
    let error = repo.fetch().await.unwrap_err();
    assert!(matches!(error, GitError::AuthenticationFailed { .. }), "{error:?}");
    assert!(std::fs::read_to_string(&asked).unwrap().starts_with("get"));
    assert!(!format!("{error:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn what_a_killed_process_left_behind_does_not_matter() {
    let stage = Stage::new();
    let sha = stage.remote.commit("main", &[("a", "1")], "one");
    let half_made = stage.open().await.git_dir().with_extension("new");
    std::fs::remove_dir_all(half_made.with_extension("git")).unwrap();
    std::fs::create_dir_all(half_made.join("refs")).unwrap();
    std::fs::write(half_made.join("HEAD"), "half").unwrap();
    let repo = stage.fetched().await;
    assert!(!half_made.exists());
    stage.remote.commit("main", &[("a", "2")], "two");
    for left_over in ["packed-refs.lock", "refs/remotes/origin/main.lock", "objects/pack/tmp_pack_x"] {
        std::fs::write(repo.git_dir().join(left_over), "").unwrap();
    }
    repo.fetch().await.unwrap();
    assert_ne!(tracked(&repo).await, format!("refs/remotes/origin/main {sha}"));
    assert!(!repo.git_dir().join("objects/pack/tmp_pack_x").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_wait_share_one_fetch_that_began_after_they_asked() {
    let stage = Stage::new();
    stage.remote.commit("main", &[("a", "1")], "one");
    let repo = stage.open().await;
    // Another process at work on the same repository: nobody's fetch can end before it lets go.
    let lock = std::fs::File::options().write(true).open(repo.git_dir().with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let first = tokio::spawn({
        let repo = repo.clone();
        async move { repo.fetch().await }
    });
    while repo.fetches() == 0 {
        tokio::task::yield_now().await;
    }
    let sha = stage.remote.commit("main", &[("a", "2")], "two");
    let asked = Arc::new(tokio::sync::Barrier::new(9));
    let others: Vec<_> = (0..8)
        .map(|_| {
            let (repo, asked) = (stage.cache.clone(), asked.clone());
            let url = stage.url();
            tokio::spawn(async move {
                let repo = repo.open(&url).await.unwrap();
                let mut fetch = Box::pin(repo.fetch());
                assert!(futures::poll!(&mut fetch).is_pending());
                asked.wait().await;
                fetch.await
            })
        })
        .collect();
    asked.wait().await;
    lock.unlock().unwrap();
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(repo.fetches(), 2, "the one that ran, and one for all who asked while it did");
    assert_eq!(tracked(&repo).await, format!("refs/remotes/origin/main {sha}"));
    repo.fetch().await.unwrap();
    assert_eq!(repo.fetches(), 3, "a later caller wants news");
}

#[tokio::test]
async fn a_failure_is_shared_too_and_a_cancelled_fetch_is_done_by_the_next() {
    let stage = Stage::new();
    let missing = stage.cache.open(&RepoUrl::parse("/nowhere/at/all").unwrap()).await.unwrap();
    let (first, second, third) = tokio::join!(missing.fetch(), missing.fetch(), missing.fetch());
    for error in [first, second, third] {
        assert!(matches!(error, Err(GitError::NotFound { .. })), "{error:?}");
    }
    assert!(missing.fetches() <= 2, "{}", missing.fetches());
    let repo = stage.open().await;
    {
        let mut cancelled = Box::pin(repo.fetch());
        assert!(futures::poll!(&mut cancelled).is_pending());
    }
    repo.fetch().await.unwrap();
    assert_eq!(repo.fetches(), 2);
}

#[tokio::test]
async fn a_commit_made_elsewhere_is_imported_whole() {
    let stage = Stage::new();
    stage.remote.commit("main", &[("a", "1")], "one");
    let repo = stage.fetched().await;
    let elsewhere = TestRepo::new();
    elsewhere.commit("main", &[("a", "1")], "one");
    let tip = elsewhere.commit("main", &[("b", "2")], "two");
    elsewhere.commit("main", &[("c", "3")], "three");
    assert!(!repo.contains(&tip).await.unwrap());
    repo.import(elsewhere.path(), &tip).await.unwrap();
    repo.import(elsewhere.path(), &tip).await.unwrap();
    assert!(repo.contains(&tip).await.unwrap());
    // The commit alone, as a killed import may leave it.
    let half = elsewhere.commit("main", &[("d", "4")], "four");
    let object = format!("objects/{}/{}", &half[..2], &half[2..]);
    std::fs::create_dir_all(repo.git_dir().join(&object).parent().unwrap()).unwrap();
    std::fs::copy(elsewhere.path().join(&object), repo.git_dir().join(&object)).unwrap();
    assert!(!repo.contains(&half).await.unwrap());
    repo.import(elsewhere.path(), &half).await.unwrap();
    assert!(repo.contains(&half).await.unwrap());
    let absent = "0123456789".repeat(4);
    assert!(!repo.contains(&absent).await.unwrap());
    assert!(repo.import(elsewhere.path(), &absent).await.is_err());
    assert!(matches!(repo.contains("HEAD").await, Err(GitError::NoSuchRef { .. })));
}
