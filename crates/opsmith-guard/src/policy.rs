use globset::{Glob, GlobMatcher};
use opsmith_model::{Decision, Effect, ErrorKind, Hint, Principal, nearest};
use serde::{Deserialize, Serialize};

/// One word of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may happen.
    Allow,
    /// It may happen after a person's yes.
    Confirm,
    /// It may not happen.
    Deny,
}

/// What a product declares of one of its effects.
#[derive(Clone, Copy, Debug)]
pub struct EffectRule {
    /// The effect's kind, `<product>.<verb>`.
    pub kind: &'static str,
    /// What holds where no rule of the file speaks of it.
    pub default: Verdict,
}

/// One rule of the policy file: what it leaves out, it does not care about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRule {
    /// The effect's kind; `*` stands for any run of characters.
    pub effect: Option<String>,
    /// A pattern over target paths; `*` stays within one segment, `**` does not.
    pub target: Option<String>,
    /// `user`, `agent` or `service`, or one of them with a name: `user:ada`.
    pub principal: Option<String>,
    /// The word.
    pub decision: Option<Verdict>,
}

/// A rule that cannot hold.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The rule names an effect that no product declares.
    #[error("policy rule {index} names the unknown effect `{effect}`")]
    UnknownEffect {
        /// The rule's place in the file, from 1; 0 for the short form.
        index: usize,
        /// The word as written.
        effect: String,
        /// The declared effect that was probably meant.
        nearest: Option<String>,
    },
    /// The pattern is not one.
    #[error("policy rule {index} has the unreadable pattern `{pattern}`")]
    BadPattern {
        /// The rule's place in the file, from 1.
        index: usize,
        /// The pattern as written.
        pattern: String,
        /// What the pattern reader says.
        #[source]
        source: globset::Error,
    },
    /// The rule lacks its decision.
    #[error("policy rule {index} has no `decision`")]
    NoDecision {
        /// The rule's place in the file, from 1.
        index: usize,
    },
    /// The rule's principal is not one.
    #[error("policy rule {index} has the unreadable principal `{principal}`")]
    BadPrincipal {
        /// The rule's place in the file, from 1.
        index: usize,
        /// The word as written.
        principal: String,
    },
}

impl Hint for PolicyError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Usage
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownEffect { nearest: Some(name), .. } => Some(format!("did you mean `{name}`?")),
            Self::NoDecision { .. } => Some("write `decision = \"allow\"`, `\"confirm\"` or `\"deny\"`".to_owned()),
            Self::BadPrincipal { .. } => {
                Some("write `user`, `agent`, `service`, or one with a name: `user:ada`".into())
            }
            Self::UnknownEffect { .. } | Self::BadPattern { .. } => None,
        }
    }
}

/// The rules, most specific first; on a tie the stricter word wins.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Vec<Compiled>,
}

#[derive(Clone, Debug)]
struct Compiled {
    effect: Option<GlobMatcher>,
    target: Option<GlobMatcher>,
    principal: Option<String>,
    verdict: Verdict,
    /// How many of the three it names, then how many literal characters: what "more specific" means.
    weight: (usize, usize),
    origin: String,
}

impl Policy {
    /// The products' declared defaults under the file's rules.
    pub fn new(declared: &[EffectRule], rules: &[PolicyRule]) -> Result<Self, PolicyError> {
        let mut compiled = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            check_effect(index + 1, rule, declared)?;
            compiled.push(compile(index + 1, rule)?);
        }
        // The file is more specific than a default, whatever it names.
        compiled.sort_by_key(|rule| std::cmp::Reverse((rule.weight, rule.verdict)));
        for rule in declared {
            compiled.push(Compiled {
                effect: Some(glob(0, rule.kind)?),
                target: None,
                principal: None,
                verdict: rule.default,
                weight: (0, 0),
                origin: format!("the default for `{}`", rule.kind),
            });
        }
        Ok(Self { rules: compiled })
    }

    /// What holds for `effect` when `principal` asks; an effect that nobody declared needs a person.
    pub fn decide(&self, effect: &Effect, principal: &Principal) -> Decision {
        let Some(rule) = self.rules.iter().find(|rule| rule.matches(effect, principal)) else {
            return Decision::Confirm(format!("no rule speaks of `{}`", effect.kind));
        };
        match rule.verdict {
            Verdict::Allow => Decision::Allow,
            Verdict::Confirm => Decision::Confirm(rule.origin.clone()),
            Verdict::Deny => Decision::Deny(rule.origin.clone()),
        }
    }
}

impl Compiled {
    fn matches(&self, effect: &Effect, principal: &Principal) -> bool {
        let on = |pattern: &Option<GlobMatcher>, text: &str| pattern.as_ref().is_none_or(|p| p.is_match(text));
        on(&self.effect, effect.kind.as_str())
            && on(&self.target, effect.target.as_str())
            && self
                .principal
                .as_deref()
                .is_none_or(|named| named == principal.kind.as_str() || named == principal.to_string())
    }
}

fn check_effect(index: usize, rule: &PolicyRule, declared: &[EffectRule]) -> Result<(), PolicyError> {
    let Some(effect) = rule.effect.as_deref() else { return Ok(()) };
    if effect.contains('*') || declared.iter().any(|known| known.kind == effect) {
        return Ok(());
    }
    let nearest = nearest(effect, declared.iter().map(|known| known.kind)).map(str::to_owned);
    Err(PolicyError::UnknownEffect { index, effect: effect.to_owned(), nearest })
}

fn compile(index: usize, rule: &PolicyRule) -> Result<Compiled, PolicyError> {
    let verdict = rule.decision.ok_or(PolicyError::NoDecision { index })?;
    if let Some(principal) = rule.principal.as_deref() {
        let kind = principal.split(':').next().unwrap_or("");
        if !["user", "agent", "service"].contains(&kind) || principal.ends_with(':') {
            return Err(PolicyError::BadPrincipal { index, principal: principal.to_owned() });
        }
    }
    let parts = [&rule.effect, &rule.target, &rule.principal];
    let named = parts.iter().filter(|part| part.as_deref().is_some_and(|p| p != "*" && p != "**")).count();
    let literal = parts.iter().filter_map(|part| part.as_deref()).flat_map(str::chars).filter(|c| *c != '*').count();
    Ok(Compiled {
        effect: rule.effect.as_deref().map(|pattern| glob(index, pattern)).transpose()?,
        target: rule.target.as_deref().map(|pattern| glob(index, pattern)).transpose()?,
        principal: rule.principal.clone(),
        verdict,
        weight: (named, literal),
        origin: format!("policy rule {index}"),
    })
}

fn glob(index: usize, pattern: &str) -> Result<GlobMatcher, PolicyError> {
    let built = globset::GlobBuilder::new(pattern).literal_separator(true).build();
    built.map(|glob: Glob| glob.compile_matcher()).map_err(|source| PolicyError::BadPattern {
        index,
        pattern: pattern.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use opsmith_model::{EffectKind, Target};

    const DECLARED: &[EffectRule] = &[
        EffectRule { kind: "ampx.merge", default: Verdict::Confirm },
        EffectRule { kind: "ampx.push", default: Verdict::Allow },
    ];

    fn effect(kind: &'static str, target: &str) -> Effect {
        let kind = EffectKind::new(kind);
        Effect { kind, target: Target::new(target), summary: String::new(), parameters: serde_json::Value::Null }
    }

    fn rule(effect: &str, target: &str, principal: &str, verdict: Verdict) -> PolicyRule {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        PolicyRule { effect: some(effect), target: some(target), principal: some(principal), decision: Some(verdict) }
    }

    #[test]
    fn most_specific_wins_and_the_stricter_on_a_tie() {
        use Verdict::{Allow, Confirm, Deny};
        let rules = [
            rule("ampx.merge", "", "", Allow),
            rule("ampx.merge", "github.com/acme/*", "agent", Deny),
            rule("ampx.merge", "github.com/acme/*", "", Confirm),
            rule("", "github.com/acme/frozen", "", Deny),
            rule("ampx.push", "a/b", "", Allow),
            rule("ampx.push", "a/b", "", Deny),
        ];
        let policy = Policy::new(DECLARED, &rules).unwrap();
        let (ada, bot) = (Principal::user("ada"), Principal::agent("bot"));
        let table = [
            ("ampx.merge", "example.com/x/y", &ada, "allow"),
            ("ampx.merge", "github.com/acme/api", &ada, "confirm"),
            ("ampx.merge", "github.com/acme/api", &bot, "deny"),
            ("ampx.merge", "github.com/acme/api/deep", &ada, "allow"),
            ("ampx.push", "github.com/acme/frozen", &ada, "deny"),
            ("ampx.push", "github.com/acme/api", &ada, "allow"),
            ("ampx.push", "a/b", &ada, "deny"),
            ("pxrun.destroy", "pve/ct/1", &ada, "confirm"),
        ];
        for (kind, target, principal, expected) in table {
            let got = match policy.decide(&effect(kind, target), principal) {
                Decision::Allow => "allow",
                Decision::Confirm(_) => "confirm",
                Decision::Deny(_) => "deny",
            };
            assert_eq!(got, expected, "{kind} {target} {principal}");
        }
    }

    #[test]
    fn a_misspelt_effect_names_the_nearest() {
        let error = Policy::new(DECLARED, &[rule("ampx.mrege", "", "", Verdict::Deny)]).unwrap_err();
        assert_eq!(error.hint().unwrap(), "did you mean `ampx.merge`?");
    }

    #[test]
    fn a_rule_without_decision_or_with_a_strange_principal_is_refused() {
        assert!(Policy::new(DECLARED, &[PolicyRule::default()]).is_err());
        assert!(Policy::new(DECLARED, &[rule("", "", "robot", Verdict::Deny)]).is_err());
        assert!(Policy::new(DECLARED, &[rule("", "[", "", Verdict::Deny)]).is_err());
    }
}
