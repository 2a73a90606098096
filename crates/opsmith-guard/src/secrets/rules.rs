use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use super::rule::{Rule, RuleText};
use super::{RuleError, ScanSettings};

/// Our own rules.
const BUILT_IN: &str = include_str!("rules.toml");
const LIMIT_KIB: u64 = 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    #[serde(default)]
    allow: Shared,
    #[serde(default, rename = "rule")]
    rules: Vec<RuleText>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Shared {
    stopwords: Vec<String>,
}

/// Every rule that counts: ours that are not disabled, then those of the configured file.
pub(super) fn load(settings: &ScanSettings) -> Result<Vec<Rule>, RuleError> {
    let mut rules = parse(BUILT_IN)?;
    for id in &settings.disabled {
        let before = rules.len();
        rules.retain(|rule| *rule.id != **id);
        if rules.len() == before {
            return Err(RuleError::Rule { rule: id.clone(), reason: "there is no such rule to disable".to_owned() });
        }
    }
    if let Some(path) = &settings.rules {
        for rule in parse(&read(path)?)? {
            if rules.iter().any(|known| known.id == rule.id) {
                let reason = "another rule has this id; disable that one to replace it".to_owned();
                return Err(RuleError::Rule { rule: rule.id.to_string(), reason });
            }
            rules.push(rule.compiled()?);
        }
    }
    Ok(rules)
}

fn parse(text: &str) -> Result<Vec<Rule>, RuleError> {
    let malformed = |error: toml::de::Error| RuleError::Malformed { reason: error.message().to_owned() };
    let RuleFile { allow, rules } = toml::from_str(text).map_err(malformed)?;
    rules.into_iter().map(|rule| Rule::new(rule, &allow.stopwords)).collect()
}

fn read(path: &Path) -> Result<String, RuleError> {
    let failed = |source| RuleError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LIMIT_KIB * 1024 + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > LIMIT_KIB * 1024 {
        return Err(RuleError::TooLarge { path: path.to_owned(), limit_kib: LIMIT_KIB });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_of_ours_compiles_and_has_an_id_of_its_own() {
        let rules = parse(BUILT_IN).unwrap();
        let ids: BTreeSet<_> = rules.iter().map(|rule| rule.id.clone()).collect();
        assert_eq!(ids.len(), rules.len());
        assert!(rules.len() >= 80, "{}", rules.len());
        for rule in rules {
            rule.compiled().unwrap();
        }
    }

    #[test]
    fn keywords_are_as_they_are_compared() {
        for rule in parse(BUILT_IN).unwrap() {
            for keyword in &rule.keywords {
                assert_eq!(*keyword, keyword.to_ascii_lowercase(), "{}", rule.id);
            }
        }
    }
}
