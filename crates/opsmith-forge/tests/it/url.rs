use std::collections::HashSet;

use opsmith_forge::url::{RepoUrl, RepoUrlError};
use opsmith_model::Hint as _;

#[test]
fn every_way_to_write_an_address_has_its_target() {
    for (text, target) in [
        ("https://github.com/acme/api", "github.com/acme/api"),
        ("https://github.com/acme/api.git", "github.com/acme/api"),
        ("HTTPS://GitHub.com//ACME/./Api.git/", "github.com/acme/api"),
        ("https://github.com./acme/%61pi", "github.com/acme/api"),
        ("http://git.example:8080/Acme/API", "git.example:8080/Acme/API"),
        ("https://git.example:443/a/b", "git.example/a/b"),
        ("https://ada@dev.example/org/My%20Project/_git/x", "dev.example/org/My Project/_git/x"),
        ("https://[::1]:3000/a/b", "[::1]:3000/a/b"),
        ("ssh://git@github.com/acme/api.git", "github.com/acme/api"),
        ("ssh://git@git.example:22/a/b", "git.example/a/b"),
        ("ssh://git.example:2222/a/b", "git.example:2222/a/b"),
        ("git@github.com:acme/api.git", "github.com/acme/api"),
        ("git.example:/srv/api.git", "git.example/srv/api"),
        ("https://github.com/acme/...git", "github.com/acme/...git"),
        ("git.example:..git", "git.example/..git"),
        ("file:///srv/git/a%20b.git", "local/srv/git/a b.git"),
        ("/srv//git/./api.git/", "local/srv/git/api.git"),
        ("  /srv/api ", "local/srv/api"),
    ] {
        let url = RepoUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(url.target().as_str(), target, "{text}");
        assert_eq!(url.to_string(), text.trim());
    }
}

#[test]
fn what_is_no_address_is_refused_with_its_reason() {
    let long = format!("https://h/{}", "a".repeat(2_000));
    for (text, error) in [
        ("", RepoUrlError::Empty),
        ("  ", RepoUrlError::Empty),
        (long.as_str(), RepoUrlError::TooLong),
        ("https://h/a\nb", RepoUrlError::ControlCharacter),
        ("/srv/a\0b", RepoUrlError::ControlCharacter),
        ("--upload-pack=touch /x", RepoUrlError::LeadingDash),
        ("-oProxyCommand=x:y", RepoUrlError::LeadingDash),
        ("ssh://-oProxyCommand=x/y", RepoUrlError::LeadingDash),
        ("git@-oProxyCommand=x:y", RepoUrlError::LeadingDash),
        ("api", RepoUrlError::Relative),
        ("./api", RepoUrlError::Relative),
        ("../api", RepoUrlError::Relative),
        ("acme/api:x", RepoUrlError::Relative),
        ("ext::sh -c id", RepoUrlError::RemoteHelper),
        ("fd::17", RepoUrlError::RemoteHelper),
        ("https::https://h/a", RepoUrlError::RemoteHelper),
        ("ftp://h/a/b", RepoUrlError::Scheme("ftp".into())),
        ("git://h/a/b", RepoUrlError::Scheme("git".into())),
        ("/srv/allowed/../other", RepoUrlError::ParentFolder),
        ("https://local/srv/a", RepoUrlError::Malformed("host: `local` stands for this machine's disk")),
        ("git@local:srv/a", RepoUrlError::Malformed("host: `local` stands for this machine's disk")),
        ("https://h/allowed/../other", RepoUrlError::ParentFolder),
        ("https://h/allowed/%2e%2e/other", RepoUrlError::ParentFolder),
        ("git@h:../other", RepoUrlError::ParentFolder),
        ("https://h", RepoUrlError::Malformed("path")),
        ("https://h/.git", RepoUrlError::Malformed("path")),
        ("https://h/a%zz", RepoUrlError::Malformed("path")),
        ("https://h/a%0ab", RepoUrlError::Malformed("path")),
        ("C:\\repo", RepoUrlError::Malformed("path")),
        ("/", RepoUrlError::Malformed("path")),
        ("https:///a/b c@", RepoUrlError::Malformed("host")),
        ("h h:a", RepoUrlError::Malformed("host")),
        ("file://host/a", RepoUrlError::Malformed("path: a file address begins with `file:///`")),
    ] {
        assert_eq!(RepoUrl::parse(text).map(|url| url.target()), Err(error), "{text}");
    }
}

#[test]
fn a_secret_in_an_address_is_refused_and_never_repeated() {
    let long_token = "0123456789abcdef0123456789abcdef0123456789";
    for text in [
        "https://ada:s3cr3t@h/a/b".to_owned(),
        "https://ghp_s3cr3t@github.com/a/b".to_owned(),
        "ssh://git:s3cr3t@h/a".to_owned(),
        "git:s3cr3t@h:a/b".to_owned(),
        format!("https://{long_token}@h/a/b"),
    ] {
        let error = RepoUrl::parse(&text).unwrap_err();
        assert_eq!(error, RepoUrlError::Credentials, "{text}");
        let shown = format!("{error} {error:?} {}", error.hint().unwrap());
        assert!(!shown.contains("s3cr3t") && !shown.contains(long_token), "{shown}");
        assert!(shown.contains("credential helper"), "{shown}");
    }
    let query = RepoUrl::parse("https://h/a/b?access_token=s3cr3t").unwrap_err();
    assert!(!format!("{query} {query:?}").contains("s3cr3t"));
}

#[test]
fn addresses_are_equal_by_what_they_name() {
    let set = |texts: &[&str]| texts.iter().map(|text| RepoUrl::parse(text).unwrap()).collect::<HashSet<_>>().len();
    assert_eq!(set(&["https://github.com/acme/api", "https://GITHUB.com/Acme/api.git/"]), 1);
    assert_eq!(set(&["git@github.com:acme/api", "ssh://git@github.com/acme/api.git"]), 1);
    assert_eq!(set(&["/srv/a", "file:///srv/a/"]), 1);
    assert_eq!(set(&["https://h/a/b", "http://h/a/b", "git@h:a/b", "ada@h:a/b", "https://h/A/b"]), 5);
}

#[test]
fn an_address_is_a_string_on_the_wire_and_checked_there() {
    let url: RepoUrl = serde_json::from_str("\"git@h:a/b.git\"").unwrap();
    assert_eq!(serde_json::to_string(&url).unwrap(), "\"git@h:a/b.git\"");
    assert!(serde_json::from_str::<RepoUrl>("\"ext::id\"").is_err());
}
