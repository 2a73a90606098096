//! Prompts as files whose versions and variables hold.

use std::fs;
use std::path::Path;

use opsmith_llm::{PromptError, PromptFinding, PromptRegistry};
use opsmith_model::{Digest, ErrorKind, Hint};
use serde_json::{Map, Value, json};

const TEMPLATE: &str = "Improve {{ file_path }}:{% for reason in reasons %}\n- {{ reason }}{% endfor %}";

fn entry(version: &str, text: &str) -> Value {
    json!({ "name": "plan", "version": version, "file": "plan.j2", "sha256": Digest::of_bytes(text.as_bytes()).as_str(),
        "created_at": "2026-11-21T12:00:00Z", "variables": { "file_path": "string", "reasons": "list" } })
}

fn write(folder: &Path, text: &str, entries: &[Value]) -> PromptRegistry {
    fs::write(folder.join("plan.j2"), text).unwrap();
    fs::write(folder.join("registry.json"), json!({ "prompts": entries }).to_string()).unwrap();
    PromptRegistry::open(folder).unwrap()
}

fn values(values: Value) -> Map<String, Value> {
    serde_json::from_value(values).unwrap()
}

#[test]
fn the_newest_version_is_rendered_and_its_text_has_a_digest() {
    let folder = tempfile::tempdir().unwrap();
    let registry = write(folder.path(), TEMPLATE, &[entry("1.10.0", TEMPLATE), entry("1.9.0", "older")]);
    assert_eq!(registry.check(), []);
    let given = values(json!({ "file_path": "a&b.rs", "reasons": ["<long>", "old"] }));
    let rendered = registry.render("plan", &given).unwrap();
    assert_eq!(rendered.text, "Improve a&b.rs:\n- <long>\n- old");
    assert_eq!(rendered.version.to_string(), "1.10.0");
    assert_eq!(rendered.digest, Digest::of_bytes(rendered.text.as_bytes()));
    let embedded = json!({ "prompts": [entry("1.10.0", TEMPLATE)] }).to_string();
    let embedded = PromptRegistry::embedded(&embedded, &[("plan.j2", TEMPLATE)]).unwrap();
    assert_eq!(embedded.render("plan", &given).unwrap(), rendered);
}

#[test]
fn a_change_without_a_new_version_is_found_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let changed = format!("{TEMPLATE} now");
    let registry = write(folder.path(), &changed, &[entry("1.0.0", TEMPLATE)]);
    let sha256 = Digest::of_bytes(changed.as_bytes()).to_string();
    assert_eq!(registry.check(), [PromptFinding::Changed { prompt: "plan".to_owned(), sha256 }]);
    let error = registry.render("plan", &values(json!({ "file_path": "a", "reasons": [] }))).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Conflict, "prompt `plan` was changed without a new version")
    );
    let registry = write(folder.path(), &changed, &[entry("1.0.0", TEMPLATE), entry("1.0.1", &changed)]);
    assert_eq!(registry.check(), []);
}

#[test]
fn variables_are_what_the_entry_says() {
    let folder = tempfile::tempdir().unwrap();
    let registry = write(folder.path(), TEMPLATE, &[entry("1.0.0", TEMPLATE)]);
    for (given, told) in [
        (json!({ "file_path": "a" }), "variable `reasons` of prompt `plan` is missing"),
        (json!({ "file_path": 7, "reasons": [] }), "variable `file_path` of prompt `plan` is not of type string"),
        (
            json!({ "file_path": "a", "reasons": [], "reason": "x" }),
            "variable `reason` of prompt `plan` is not one of its variables; `reasons` is",
        ),
    ] {
        assert_eq!(registry.render("plan", &values(given)).unwrap_err().to_string(), told);
    }
    let error = registry.render("plam", &Map::new()).unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("`plan` is there"));
}

#[test]
fn registry_and_files_are_held_against_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{{ file_path }} {{ line }}";
    fs::write(folder.path().join("stray.j2"), "x").unwrap();
    let mut gone = entry("1.0.0", "x");
    gone["name"] = json!("gone");
    gone["file"] = json!("gone.j2");
    let registry = write(folder.path(), text, &[entry("1.0.0", text), gone]);
    let found: Vec<String> = registry.check().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "prompt `gone` has no file `gone.j2`",
            "prompt `plan` reads `line`, which its entry does not declare",
            "prompt `plan` does not read `reasons`, which its entry declares",
            "`stray.j2` is in no entry of registry.json",
        ]
    );
    let broken = "{% for x in %}";
    let registry = write(folder.path(), broken, &[entry("1.0.0", broken)]);
    assert!(registry.check().iter().any(|finding| matches!(finding, PromptFinding::Broken { .. })));
}

#[test]
fn an_entry_that_does_not_hold_is_refused() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut entry = entry("1.0.0", TEMPLATE);
        change(&mut entry);
        let registry = json!({ "prompts": [entry] }).to_string();
        PromptRegistry::embedded(&registry, &[]).unwrap_err()
    };
    assert!(matches!(refused(&|entry| entry["version"] = json!("1.0")), PromptError::BadEntry { .. }));
    assert!(matches!(refused(&|entry| entry["sha256"] = json!("ab")), PromptError::BadEntry { .. }));
    assert!(matches!(refused(&|entry| entry["file"] = json!("../x.j2")), PromptError::BadEntry { .. }));
    assert!(matches!(refused(&|entry| entry["variables"]["x"] = json!("text")), PromptError::Unreadable(_)));
    let twice = json!({ "prompts": [entry("1.0.0", "a"), entry("1.0.0", "b")] }).to_string();
    assert!(matches!(PromptRegistry::embedded(&twice, &[]), Err(PromptError::BadEntry { .. })));
}

#[test]
fn a_template_without_end_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "{{ file_path }}{{ reasons }}{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}";
    let registry = write(folder.path(), text, &[entry("1.0.0", text)]);
    let error = registry.render("plan", &values(json!({ "file_path": "a", "reasons": [] }))).unwrap_err();
    assert!(matches!(error, PromptError::Template { .. }), "{error:?}");
}
