use serde_json::Value;

use super::turn::Turn;

/// What the model does with the requests that come.
#[derive(Clone, Debug)]
pub enum Scenario {
    /// These turns in their order; the last one again and again.
    InOrder(Vec<Turn>),
    /// The turn of the first rule that fits, so that the same question has the same answer, however often a killed
    /// program asks it again; where none fits, words that lead nowhere.
    ByWords(Vec<Rule>),
}

/// What the model does where the last message of a request has certain words.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The words; empty ones fit always.
    pub words: &'static str,
    /// What it does.
    pub turn: Turn,
}

impl Scenario {
    /// The turn for the request of that number, from 0, and with that last message.
    pub(super) fn turn(&self, number: usize, last: &str) -> Turn {
        let turn = match self {
            Self::InOrder(turns) => turns.get(number).or(turns.last()),
            Self::ByWords(rules) => rules.iter().find(|rule| last.contains(rule.words)).map(|rule| &rule.turn),
        };
        turn.cloned().unwrap_or_else(|| Turn::text("I have nothing to say to that."))
    }
}

/// The last message of a request, whichever wire it came by, as JSON.
pub(super) fn last_message(asked: &Value) -> String {
    let messages = asked["input"].as_array().or(asked["messages"].as_array());
    messages.and_then(|messages| messages.last()).map(Value::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_words_have_the_same_answer_on_every_wire() {
        let rule = |words, says: &str| Rule { words, turn: Turn::text(says) };
        let scenario = Scenario::ByWords(vec![rule("not 6", "two"), rule("", "one")]);
        for (asked, says) in [
            (json!({ "input": [{ "content": "not 6" }, { "content": "mend" }] }), "one"),
            (json!({ "messages": [{ "content": "mend" }, { "content": "it is not 6" }] }), "two"),
            (json!({}), "one"),
        ] {
            let turn = scenario.turn(7, &last_message(&asked));
            assert!(matches!(&turn, Turn::Say { text, .. } if text == says), "{asked}: {turn:?}");
        }
    }
}
