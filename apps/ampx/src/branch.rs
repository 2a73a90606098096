use opsmith_model::TaskId;

const MOST_SLUG: usize = 32;

/// The task's branch: `amp/<slug of the prompt>-<last 8 of the id>`.
pub(crate) fn branch(prompt: &str, id: TaskId) -> String {
    let id = id.to_string().to_lowercase();
    format!("amp/{}-{}", slug(prompt), &id[id.len() - 8..])
}

/// The prompt's first ASCII words, joined by dashes, cut at a word; `task` where it has none.
fn slug(prompt: &str) -> String {
    let lower = prompt.to_ascii_lowercase();
    let mut slug = String::new();
    for word in lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let room = MOST_SLUG - slug.len();
        if slug.is_empty() {
            slug.push_str(&word[..word.len().min(room)]);
        } else if word.len() < room {
            slug.push('-');
            slug.push_str(word);
        } else {
            break;
        }
    }
    if slug.is_empty() { "task".to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{TimeZone, Utc};

    #[test]
    fn slugs_are_short_plain_and_never_empty() {
        let table = [
            ("Fix the failing test in parser.rs!", "fix-the-failing-test-in-parser"),
            ("日本語だけ", "task"),
            ("--..//~^:?*[\\", "task"),
            ("a", "a"),
            ("Überschrift ändern", "berschrift-ndern"),
            (&"x".repeat(50), "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
            ("refs/heads/main.lock @{", "refs-heads-main-lock"),
        ];
        for (prompt, expected) in table {
            assert_eq!(slug(prompt), expected);
            assert!(slug(prompt).len() <= MOST_SLUG);
        }
    }

    #[test]
    fn the_same_prompt_in_the_same_moment_gets_different_branches() {
        let now = Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap();
        assert_ne!(branch("p", TaskId::new(now)), branch("p", TaskId::new(now)));
    }
}
