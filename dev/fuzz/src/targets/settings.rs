use ampx::runs::repository_file as read_file;
use opsmith_guard::{EffectRule, Policy, PolicyRule, Verdict};
use opsmith_host::config::fuzzing::load_text;
use opsmith_host::config::{PLATFORM, Platform};
use opsmith_model::{Decision, Effect, EffectKind, Principal, Target};
use serde::Deserialize;

/// Stands in a file as the value of a secret.
const SECRET: &str = "s.Kq9-nobody-shows-this";

/// A configuration file, with a secret in it: read to its end or refused, the secret is shown in neither case.
pub fn config(data: &[u8]) {
    let text = format!("{}\n[secrets.vault]\ntoken = \"{SECRET}\"\n", String::from_utf8_lossy(data));
    let env = |name: &str| match name {
        "HOME" => Some("/home/ada".to_owned()),
        "SET" => Some("value".to_owned()),
        _ => None,
    };
    match load_text(&[PLATFORM, ampx::config::SETTINGS, ampx::models::SETTINGS], &text, &env) {
        Ok(config) => {
            for row in config.rows() {
                assert!(!format!("{row:?}").contains(SECRET), "{row:?}");
            }
            let _ = Platform::resolve(&config);
        }
        Err(error) => assert!(!error.to_string().contains(SECRET), "{error}"),
    }
}

#[derive(Deserialize)]
struct PolicyFile {
    rules: Vec<PolicyRule>,
}

const DECLARED: &[EffectRule] = &[
    EffectRule { kind: "ampx.merge", default: Verdict::Confirm },
    EffectRule { kind: "ampx.push", default: Verdict::Allow },
];

/// Rules of policy: what they decide does not depend on the order in which they are written.
pub fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(PolicyFile { mut rules }) = toml::from_str::<PolicyFile>(&text) else { return };
    rules.truncate(8);
    let written = Policy::new(DECLARED, &rules);
    rules.reverse();
    let reversed = Policy::new(DECLARED, &rules);
    assert_eq!(written.is_ok(), reversed.is_ok());
    let (Ok(written), Ok(reversed)) = (written, reversed) else { return };
    for kind in ["ampx.merge", "ampx.push", "pxrun.destroy"] {
        for target in ["github.com/acme/api", "local/srv/a.git", "a"] {
            for principal in [Principal::user("ada"), Principal::agent("bot"), Principal::service("opsmith")] {
                let effect = Effect {
                    kind: EffectKind::new(kind),
                    target: Target::new(target),
                    summary: String::new(),
                    parameters: serde_json::Value::Null,
                };
                let (one, other) = (written.decide(&effect, &principal), reversed.decide(&effect, &principal));
                assert_eq!(word(&one), word(&other), "{kind} {target} {principal}");
            }
        }
    }
}

fn word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Confirm(_) => "confirm",
        Decision::Deny(_) => "deny",
    }
}

/// A repository's `.opsmith.toml`: what it says is not empty, and the note on it is short and one line.
pub fn repository_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok((agent, command, note)) = read_file(&text) else { return };
    for said in [agent, command].into_iter().flatten() {
        assert!(!said.trim().is_empty());
    }
    if let Some(note) = note {
        assert!(note.len() < 4096 && !note.contains(char::is_control), "{note:?}");
    }
}
