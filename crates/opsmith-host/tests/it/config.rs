use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use opsmith_guard::secrets::{KnownSecrets, Placeholders, Redactor, ScanSettings, Scanner, Sources};
use opsmith_host::config::{Config, ConfigError, Kind, Origin, PLATFORM, Platform, Setting, Sign, load};
use opsmith_model::{ErrorKind, Hint as _, Secret};
use serde::Deserialize;
use tempfile::TempDir;

const PRODUCT: &[Setting] = &[
    Setting::new("ampx.max_attempts", Kind::Integer, "attempts of a task")
        .env(&["WORKER_MAX_RETRIES", "OLD_RETRIES"])
        .default_value("3"),
    Setting::new("ampx.agent_timeout_s", Kind::Seconds, "time an agent may take")
        .env(&["AMP_TIMEOUT"])
        .default_value("3600"),
    Setting::new("ampx.budget_usd", Kind::Float, "most that a task may cost").default_value("5.0"),
    Setting::new("ampx.token", Kind::String, "token of the forge").env(&["GITHUB_TOKEN"]).secret(),
    Setting::new("ampx.pin", Kind::Integer, "a secret number").env(&["PIN"]).secret(),
    Setting::new("ampx.labels", Kind::StringList, "labels of a task").env(&["LABELS"]).default_value("[]"),
    Setting::new("ampx.local_first", Kind::Bool, "check before the push").env(&["LOCAL_FIRST"]),
    Setting::new("ampx.agents.*.kind", Kind::String, "how the agent is run"),
    Setting::new("ampx.agents.*.command", Kind::StringList, "the agent's program"),
    Setting::new("ampx.agents.*.env", Kind::Table, "variables of the agent").secret(),
];

/// A configuration folder with its environment.
struct Place {
    dir: TempDir,
    env: BTreeMap<&'static str, String>,
}

impl Place {
    fn new(toml: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("opsmith.toml"), toml).unwrap();
        let home = dir.path().display().to_string();
        Self { dir, env: BTreeMap::from([("HOME", home)]) }
    }

    fn var(mut self, name: &'static str, value: &str) -> Self {
        self.env.insert(name, value.to_owned());
        self
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("opsmith.toml")
    }

    fn load(&self, flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags: Vec<(&str, String)> = flags.iter().map(|(key, text)| (*key, (*text).to_owned())).collect();
        load(&[PLATFORM, PRODUCT], &flags, Some(&self.file()), &|name| self.env.get(name).cloned())
    }

    fn error(&self) -> ConfigError {
        self.load(&[]).unwrap_err()
    }

    fn line(&self, line: usize) -> String {
        format!("file {}:{line}", self.file().display())
    }
}

fn shown(config: &Config, key: &str) -> (Option<String>, String) {
    let row = config.rows().into_iter().find(|row| row.key == key).unwrap();
    (row.value, row.origin.to_string())
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let place = Place::new("");
    let key = "ampx.max_attempts";
    let at = |place: &Place, flags: &[(&str, &str)]| {
        let config = place.load(flags).unwrap();
        (config.get::<u32>(key).unwrap(), config.origin(key).unwrap().to_string())
    };
    assert_eq!(at(&place, &[]), (3, "default".into()));
    let place = Place::new("# a comment\n\n[ampx]\nmax_attempts = 4\n");
    assert_eq!(at(&place, &[]), (4, place.line(4)));
    let place = place.var("OLD_RETRIES", "5");
    assert_eq!(at(&place, &[]), (5, "env OLD_RETRIES".into()));
    let place = place.var("WORKER_MAX_RETRIES", "6");
    assert_eq!(at(&place, &[]), (6, "env WORKER_MAX_RETRIES".into()));
    assert_eq!(at(&place, &[(key, "7")]), (7, "flag".into()));
    let place = place.var("WORKER_MAX_RETRIES", "").var("OLD_RETRIES", "");
    assert_eq!(at(&place, &[]), (4, place.line(4)), "an empty variable is unset");
}

#[test]
fn an_unknown_key_names_file_line_and_the_nearest() {
    for (toml, key, line, nearest) in [
        ("[ampx]\nmax_atempts = 1", "ampx.max_atempts", 2, Some("ampx.max_attempts")),
        ("\n[amxp]\nmax_attempts = 1", "amxp", 2, Some("ampx")),
        ("[store]\n\n\ndata_dir = \"x\"", "store.data_dir", 4, Some("data_dir")),
        ("[ampx.agents.mine]\ncomand = []", "ampx.agents.mine.comand", 2, Some("ampx.agents.mine.command")),
        ("ampx.zzzzzzzzzzzz = 1", "ampx.zzzzzzzzzzzz", 1, None),
        ("[ampx]\n\"budget.usd.\" = 1", "ampx.\"budget.usd.\"", 2, Some("ampx.budget_usd")),
    ] {
        let place = Place::new(toml);
        let error = place.error();
        assert_eq!(error.to_string(), format!("unknown key `{key}` ({})", place.line(line)), "{toml}");
        assert_eq!(error.hint(), nearest.map(|nearest| format!("did you mean `{nearest}`?")), "{toml}");
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
    let error = Place::new("").load(&[("ampx.max_attemts", "1")]).unwrap_err();
    assert_eq!(error.to_string(), "unknown key `ampx.max_attemts` (flag)");
}

#[test]
fn a_wrong_type_names_key_origin_and_both_types() {
    for (toml, line, said) in [
        ("[ampx]\nmax_attempts = \"3\"", 2, "must be an integer, not a string"),
        ("[ampx]\nlocal_first = 1", 2, "must be true or false, not an integer"),
        ("[ampx]\nlabels = [\"a\", 1]", 2, "must be a list of strings, not a list"),
        ("[ampx]\nagent_timeout_s = -1", 2, "not an integer"),
        ("[ampx]\nmax_attempts = 99999999999999999999", 2, "not a number out of range"),
        ("ampx = 3", 1, "must be a table, not an integer"),
        ("[ampx.agents]\nmine = \"x\"", 2, "must be a table, not a string"),
    ] {
        let place = Place::new(toml);
        let message = place.error().to_string();
        assert!(message.contains(&place.line(line)) && message.contains(said), "{toml}: {message}");
    }
    let message = Place::new("").var("WORKER_MAX_RETRIES", "many").error().to_string();
    assert_eq!(message, "`ampx.max_attempts` (env WORKER_MAX_RETRIES) must be an integer, not \"many\"");
    let message = Place::new("").var("PIN", "hunter2").error().to_string();
    assert_eq!(message, "`ampx.pin` (env PIN) must be an integer, not other text");
}

#[test]
fn a_reference_reads_the_environment_once_and_is_shown_as_written() {
    let toml = r#"
[ampx]
max_attempts = "${N}"
agent_timeout_s = "${T}"
labels = ["${N}-a", "$${N}", "costs $5"]
"#;
    let place = Place::new(toml).var("N", "8").var("T", "2m");
    let config = place.load(&[]).unwrap();
    assert_eq!(config.get::<u32>("ampx.max_attempts").unwrap(), 8);
    assert_eq!(config.get::<u64>("ampx.agent_timeout_s").unwrap(), 120);
    assert_eq!(config.get::<Vec<String>>("ampx.labels").unwrap(), ["8-a", "${N}", "costs $5"]);
    assert_eq!(shown(&config, "ampx.max_attempts").0.as_deref(), Some("${N}"));

    let place = Place::new("\n[ampx]\nlabels = [\"${MISSING}\"]");
    let error = place.error();
    assert_eq!(
        error.to_string(),
        format!("`ampx.labels` ({}) reads the variable `MISSING`, which is not set", place.line(3))
    );
    for malformed in ["${", "${A", "${}", "${1A}", "${a-b}"] {
        let error = Place::new(&format!("[ampx]\nlabels = [\"{malformed}\"]")).error();
        assert!(matches!(error, ConfigError::Reference { .. }), "{malformed}: {error}");
    }
}

#[test]
fn rows_have_every_value_with_its_origin_and_no_secret() {
    let toml = r#"
[store]
url = "postgres://ada:hunter2@db/x"
[ampx.agents.mine]
command = ["agent", "--key", "${KEY}"]
[ampx.agents.mine.env]
PASSWORD = "hunter2"
"#;
    let place = Place::new(toml).var("KEY", "hunter2").var("GITHUB_TOKEN", "hunter2");
    let config = place.load(&[]).unwrap();
    let all = format!("{:?} {config:?} {}", config.rows(), serde_json::to_string(&config.rows()).unwrap());
    assert!(!all.contains("hunter2"), "{all}");
    assert_eq!(shown(&config, "ampx.token"), (Some("***".into()), "env GITHUB_TOKEN".into()));
    assert_eq!(shown(&config, "store.url"), (Some("postgres://ada:***@db/x".into()), place.line(3)));
    assert_eq!(shown(&config, "ampx.agents.mine.command").1, place.line(5));
    assert_eq!(shown(&config, "ampx.local_first"), (None, "default".into()));
    assert_eq!(config.get::<Secret>("ampx.token").unwrap().expose(), "hunter2");
}

#[test]
fn a_secret_does_not_come_out_of_a_refusal() {
    let place = Place::new("[ampx]\ntoken = \"hunter2\"");
    let error = place.load(&[]).unwrap().get::<Vec<u8>>("ampx.token").unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let error = Place::new("[ampx]\ntoken = \"hunter2").error();
    assert!(matches!(error, ConfigError::Syntax { line: 2, .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
}

#[test]
fn a_free_subtree_keeps_dotted_names_and_lists_of_tables() {
    #[derive(Debug, Deserialize)]
    struct Rule {
        effect: String,
    }
    let toml = r#"
[policy]
"ampx.merge" = "confirm"
[[policy.rules]]
effect = "ampx.merge"
[[policy.rules]]
effect = "ampx.push"
"#;
    let config = Place::new(toml).load(&[("policy.\"ampx.merge\"", "allow")]).unwrap();
    let policy: BTreeMap<String, toml::Value> = config.section("policy").unwrap();
    assert_eq!(policy["ampx.merge"].as_str(), Some("allow"));
    let rules: Vec<Rule> = config.get("policy.rules").unwrap();
    assert_eq!(rules.iter().map(|rule| rule.effect.as_str()).collect::<Vec<_>>(), ["ampx.merge", "ampx.push"]);
    assert_eq!(shown(&config, "policy.\"ampx.merge\"").1, "flag");
}

#[test]
fn a_section_reads_free_names_and_refuses_what_it_does_not_know() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Agent {
        kind: String,
        command: Vec<String>,
    }
    let toml = "[ampx.agents.mine]\nkind = \"command\"\ncommand = [\"/bin/x\"]\n";
    let agents: BTreeMap<String, Agent> = Place::new(toml).load(&[]).unwrap().section("ampx.agents").unwrap();
    assert_eq!(
        (agents["mine"].kind.as_str(), agents["mine"].command.as_slice()),
        ("command", &["/bin/x".to_owned()][..])
    );

    let read =
        |toml: &str| Place::new(toml).load(&[]).unwrap().section::<BTreeMap<String, Agent>>("ampx.agents").unwrap_err();
    let error = read("[ampx.agents.mine]\n").to_string();
    assert!(error.contains("`ampx.agents.mine`") && error.contains("missing field `kind`"), "{error}");
    let error =
        read("[ampx.agents.mine]\nkind = \"command\"\ncommand = []\n[ampx.agents.mine.env]\nA = \"1\"\n").to_string();
    assert!(error.contains("ampx.agents.mine"), "{error}");
    assert!(matches!(
        Place::new("").load(&[]).unwrap().section::<toml::Table>("amp").unwrap_err(),
        ConfigError::Declaration { .. }
    ));
}

#[test]
fn a_value_that_nobody_gave_is_none_or_an_error_with_the_way_out() {
    let config = Place::new("").load(&[]).unwrap();
    assert_eq!(config.get::<Option<String>>("ampx.token").unwrap(), None);
    let error = config.get::<String>("ampx.token").unwrap_err();
    assert_eq!(error.to_string(), "`ampx.token` is not set");
    assert!(error.hint().unwrap().contains("`GITHUB_TOKEN`"));
    assert_eq!(config.get::<String>("ampx.tokn").unwrap_err().kind(), ErrorKind::Bug);
}

#[test]
fn the_file_is_the_first_one_found() {
    let place = Place::new("[ampx]\nmax_attempts = 9");
    let home = place.dir.path().join(".config/opsmith");
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("opsmith.toml"), "[ampx]\nmax_attempts = 10").unwrap();
    let attempts = |env: &[(&str, String)]| {
        let env: BTreeMap<&str, String> = env.iter().cloned().collect();
        let config = load(&[PLATFORM, PRODUCT], &[], None, &|name| env.get(name).cloned())?;
        Ok::<_, ConfigError>((config.get::<u32>("ampx.max_attempts")?, config.file().map(PathBuf::from)))
    };
    let home_var = ("HOME", place.dir.path().display().to_string());
    assert_eq!(attempts(std::slice::from_ref(&home_var)).unwrap(), (10, Some(home.join("opsmith.toml"))));
    let named = ("OPSMITH_CONFIG", place.file().display().to_string());
    assert_eq!(attempts(&[home_var, named]).unwrap(), (9, Some(place.file())));
    assert_eq!(attempts(&[]).unwrap(), (3, None));
    let missing = ("OPSMITH_CONFIG", place.dir.path().join("gone.toml").display().to_string());
    assert!(matches!(attempts(&[missing]).unwrap_err(), ConfigError::Read { .. }));
    let endless = ("OPSMITH_CONFIG", "/dev/zero".to_owned());
    assert!(matches!(attempts(&[endless]).unwrap_err(), ConfigError::Read { .. }));
}

#[test]
fn the_database_is_url_then_path_then_file_then_the_data_folder() {
    let store = |place: &Place| {
        let platform = Platform::resolve(&place.load(&[]).unwrap()).unwrap();
        assert!(!format!("{platform:?}").contains("sqlite"), "a URL may hold a password");
        platform.store_url.expose().to_owned()
    };
    let place = Place::new("");
    let home = place.dir.path().display().to_string();
    assert_eq!(store(&place), format!("sqlite://{home}/.local/share/opsmith/opsmith.db"));
    let place = place.var("XDG_DATA_HOME", "/xdg");
    assert_eq!(store(&place), "sqlite:///xdg/opsmith/opsmith.db");
    let place = place.var("OPSMITH_DATA_DIR", "/data");
    assert_eq!(store(&place), "sqlite:///data/opsmith.db");
    let place = Place::new("[store]\nurl = \"sqlite:///in/file.db\"");
    assert_eq!(store(&place), "sqlite:///in/file.db");
    let place = place.var("DATABASE_PATH", "/from/path.db");
    assert_eq!(store(&place), "sqlite:///from/path.db");
    let place = place.var("DATABASE_URL", "postgres://db/x");
    assert_eq!(store(&place), "postgres://db/x");
}

#[test]
fn who_commits_and_signs_is_whole_or_refused() {
    let git = |text: &str| Platform::resolve(&Place::new(&format!("[git]\n{text}")).load(&[]).unwrap());
    for (text, told) in [
        ("sign = \"ssh\"", "`git.signing_key`"),
        ("sign = \"gpg\"\nsigning_key = \" \"", "`git.signing_key`"),
        ("author_name = \"<>\"", "`git.author_name`"),
        ("committer_email = \"\"", "`git.committer_email`"),
    ] {
        let error = git(text).unwrap_err().to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
    let place = Place::new("[git]\nsign = \"ssh\"\nsigning_key = \"~/.ssh/id\"\ncommitter_name = \"Bot\"");
    let git = Platform::resolve(&place.load(&[]).unwrap()).unwrap().git;
    assert_eq!(git.signing_key, Some(place.dir.path().join(".ssh/id").display().to_string()));
    assert_eq!((git.committer_name.as_deref(), git.committer_email), (Some("Bot"), None));
}

#[test]
fn the_platform_is_typed_and_its_folder_is_private() {
    use std::os::unix::fs::PermissionsExt as _;

    let place =
        Place::new("data_dir = \"~/deep/data\"\n[git]\nsign = \"none\"\n[server]\ncors_origins = [\"https://a\"]\n");
    let platform = Platform::resolve(&place.load(&[]).unwrap()).unwrap();
    assert_eq!(platform.data_dir, place.dir.path().join("deep/data"));
    assert_eq!((platform.git.sign, platform.git.author_name.as_str()), (Sign::None, "Opsmith"));
    assert_eq!((platform.server.address.as_str(), platform.server.cors_origins.len()), ("127.0.0.1:8080", 1));
    platform.create_data_dir().unwrap();
    platform.create_data_dir().unwrap();
    let mode = fs::metadata(&platform.data_dir).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    let place = Place::new("[git]\nsign = \"pgp\"\n");
    let error = Platform::resolve(&place.load(&[]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("`git.sign`") && error.contains(&place.line(2)) && error.contains("`gpg`"), "{error}");

    let place = Place::new("").var("OPSMITH_DATA_DIR", "/dev/null/x");
    let error = Platform::resolve(&place.load(&[]).unwrap()).unwrap().create_data_dir().unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("`/dev/null/x`")), (ErrorKind::Failed, true));
}

#[test]
fn every_kind_of_override_is_read_by_its_kind() {
    let place = Place::new("").var("LABELS", "a, b").var("LOCAL_FIRST", "Yes");
    let config = place.load(&[("ampx.budget_usd", "2"), ("ampx.agents.x.command", r#"["a b"]"#)]).unwrap();
    assert_eq!(config.get::<Vec<String>>("ampx.labels").unwrap(), ["a", "b"]);
    assert!(config.get::<bool>("ampx.local_first").unwrap());
    assert!((config.get::<f64>("ampx.budget_usd").unwrap() - 2.0).abs() < f64::EPSILON);
    assert_eq!(config.get::<Vec<String>>("ampx.agents.x.command").unwrap(), ["a b"]);
    assert_eq!(config.origin("ampx.agents.x.command"), Some(&Origin::Flag));
}

#[test]
fn a_setting_that_is_declared_wrongly_is_a_bug() {
    const DEFAULT: &[Setting] = &[Setting::new("a", Kind::Integer, "a number").default_value("\"3\"")];
    const FREE: &[Setting] = &[Setting::new("a.*", Kind::Integer, "a number").default_value("3")];
    const VARIABLE: &[Setting] = &[Setting::new("a.*", Kind::Integer, "a number").env(&["A"])];
    for settings in [DEFAULT, FREE, VARIABLE] {
        let error = load(&[settings], &[], None, &|name| (name == "A").then(|| "1".to_owned())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Bug, "{error}");
    }
}

#[tokio::test]
async fn references_are_followed_and_what_they_lead_to_is_known_and_not_shown() {
    let place = Place::new(
        "[store]\nurl = \"env:URL\"\n[ampx]\ntoken = \"env:SEEDED\"\n[ampx.agents.a]\nenv = { KEY = \"env:OTHER\", PLAIN = \"literally-secret\" }\n",
    );
    let config = place.load(&[]).unwrap();
    let known = KnownSecrets::default();
    let values = BTreeMap::from([
        ("URL", "postgres://ada:third-secret@db/a"),
        ("SEEDED", "first-secret"),
        ("OTHER", "second-secret"),
    ]);
    let sources = Sources::new(known.clone(), move |name| values.get(name).map(|value| (*value).to_owned()));
    config.resolve_secrets(&sources).await.unwrap();
    assert_eq!(config.get::<Secret>("ampx.token").unwrap().expose(), "first-secret");
    let env: BTreeMap<String, String> = config.get("ampx.agents.a.env").unwrap();
    assert_eq!((env["KEY"].as_str(), env["PLAIN"].as_str()), ("second-secret", "literally-secret"));
    assert_eq!(config.get::<String>("store.url").unwrap(), "postgres://ada:third-secret@db/a");

    let rows = config.rows();
    let row = |key: &str| rows.iter().find(|row| row.key == key).unwrap();
    let shown = |key: &str| (row(key).value.as_deref(), row(key).reference.as_deref());
    assert_eq!(shown("ampx.token"), (Some("***"), Some("env:SEEDED")));
    assert_eq!(shown("store.url"), (Some("env:URL"), Some("env:URL")));
    let scanner = Scanner::new(&ScanSettings::default()).unwrap();
    let redactor = Redactor::new(scanner, known, Placeholders::unkept());
    for secret in ["first-secret", "second-secret", "third-secret", "literally-secret"] {
        assert_eq!(redactor.redact(secret), "<SECRET_HASH_0>");
        assert!(!format!("{rows:?}").contains(secret));
    }
}

#[tokio::test]
async fn a_reference_that_leads_nowhere_names_setting_and_reference_and_a_malformed_one_only_the_setting() {
    let place = Place::new("[ampx]\ntoken = \"env:SEEDED\"\n");
    let sources = Sources::new(KnownSecrets::default(), |_| None);
    let error = place.load(&[]).unwrap().resolve_secrets(&sources).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("failed to have the secret of `ampx.token` ({}) from `env:SEEDED`", place.line(2))
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let place = Place::new("[ampx]\ntoken = \"file:hunter2\"\n");
    let error = place.load(&[]).unwrap().resolve_secrets(&sources).await.unwrap_err();
    let reason = "`file:` is followed by an absolute path";
    assert_eq!(error.to_string(), format!("`ampx.token` ({}) is not valid: {reason}", place.line(2)));
}
