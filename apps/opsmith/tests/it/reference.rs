//! docs/ampx/README.md and the example configuration against what the binary has.

use std::fs;
use std::path::Path;

use opsmith::CATALOGUE;
use opsmith_host::config::{Setting, load};
use opsmith_host::process::policy;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn the_reference_has_every_setting_with_its_default_and_variable_and_no_other() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/ampx/README.md")).unwrap();
    let (_, settings) = text.split_once("\n## Settings\n").unwrap();
    let table: Vec<&str> = settings.lines().skip_while(|line| !line.starts_with('|')).collect();
    let rows: Vec<&&str> = table.iter().skip(2).take_while(|line| line.starts_with('|')).collect();
    let declared: Vec<&Setting> = CATALOGUE.settings.iter().copied().flatten().collect();
    for setting in &declared {
        let start = format!("| `{}` |", setting.key);
        let row = rows.iter().find(|row| row.starts_with(&start)).unwrap_or_else(|| panic!("no row `{start}`"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        if let Some(default) = setting.default {
            assert_eq!(cells[2], format!("`{}`", default.trim_matches('"')), "the default of {row}");
        }
        let variables = setting.env.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let expected = if variables.is_empty() { "–" } else { &variables };
        assert_eq!(cells[3], expected, "the variable of {row}");
    }
    assert_eq!(rows.len(), declared.len(), "a row of no setting");
}

#[test]
fn the_reference_has_every_effect_with_its_default() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/ampx/README.md")).unwrap();
    for effect in CATALOGUE.effects.iter().copied().flatten() {
        let row = format!("| `{}` | {} |", effect.kind, format!("{:?}", effect.default).to_lowercase());
        assert!(text.contains(&row), "no row `{row}`");
    }
}

#[test]
fn the_example_configuration_holds() {
    let file = Path::new(ROOT).join("examples/ampx/opsmith.toml");
    let config = load(CATALOGUE.settings, &[], Some(&file), &|_| None).unwrap();
    let settings = ampx::config::Settings::resolve(&config).unwrap();
    assert_eq!(settings.default_agent(), Some("mine"));
    policy(&CATALOGUE, &config).unwrap();
}
