use serde::de::DeserializeOwned;

use crate::schema::Schema;
use crate::{Client, Completion, LlmError, Message, OutputSchema, Request, StopReason, Usage, Usd};

/// An answer as the JSON that was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Structured<T> {
    /// The answer.
    pub value: T,
    /// The completion that it was read from.
    pub completion: Completion,
    /// What all rounds took together.
    pub usage: Usage,
    /// What they cost together; unknown where one is.
    pub cost: Option<Usd>,
    /// Whether it took a second round.
    pub repaired: bool,
}

impl Client {
    /// Asks for JSON of a schema, checks it here, and lets the model mend it once.
    pub async fn complete_as<T: DeserializeOwned>(
        &self,
        request: &Request,
        output: OutputSchema,
    ) -> Result<Structured<T>, LlmError> {
        let schema = Schema::compile(&output.schema)
            .map_err(|reason| LlmError::BadSchema { name: output.name.clone(), reason })?;
        let mut request = Request { output: Some(output), ..request.clone() };
        let first = self.complete(&request).await?;
        let faults = match read(&schema, &first) {
            Ok(value) => {
                let (usage, cost) = (first.usage, first.cost);
                return Ok(Structured { value, completion: first, usage, cost, repaired: false });
            }
            Err(faults) => faults,
        };
        if !matches!(first.stop, Some(StopReason::EndTurn | StopReason::StopSequence)) {
            // Cut short or declined: asking again would end the same way.
            return Err(LlmError::NotAsAsked { faults, completion: Box::new(first) });
        }
        request.messages.push(Message::Assistant(first.parts.clone()));
        request.messages.push(Message::user(complaint(&faults)));
        let second = self.complete(&request).await?;
        let usage = first.usage.and(second.usage);
        let cost = first.cost.zip(second.cost).map(|(first, second)| first + second);
        match read(&schema, &second) {
            Ok(value) => Ok(Structured { value, completion: second, usage, cost, repaired: true }),
            Err(faults) => Err(LlmError::NotAsAsked { faults, completion: Box::new(second) }),
        }
    }
}

fn read<T: DeserializeOwned>(schema: &Schema, completion: &Completion) -> Result<T, Vec<String>> {
    let value = schema.read(&completion.text())?;
    serde_json::from_value(value).map_err(|error| vec![error.to_string()])
}

fn complaint(faults: &[String]) -> String {
    let faults: String = faults.iter().map(|fault| format!("- {fault}\n")).collect();
    format!("That does not fit the schema:\n{faults}Answer with the corrected JSON alone.")
}
