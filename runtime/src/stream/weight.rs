//! How many bytes a fact keeps alive, roughly: enough to hold a tape to its budget, cheap enough for every fact.

use eddyline_engine::fact::{Body, Fact};
use eddyline_engine::{Object, Shared};
use serde_json::Value;

/// What any fact costs: itself, its place on the tape, its allocation.
const FACT: usize = 256;

/// What a value costs beside what it holds.
const VALUE: usize = 32;

/// What a message costs that is shared with the state; its text is the state's to keep.
const MESSAGE: usize = 64;

/// How many values are looked at; the rest of a bigger fact is guessed from the lengths of its lists.
const LOOKS: usize = 512;

/// The weight of a fact in bytes.
pub(crate) fn weight(fact: &Fact) -> usize {
    FACT + fact.ns.len() + Scale { looks: LOOKS }.body(&fact.body)
}

struct Scale {
    looks: usize,
}

impl Scale {
    fn body(&mut self, body: &Body) -> usize {
        match body {
            Body::GraphStarted { input, .. } => self.shared(input),
            Body::GraphFinished { output } | Body::Values(output) => self.object(output),
            Body::Checkpoint(checkpoint) => {
                let results = checkpoint.tasks.iter().filter_map(|task| task.result.as_ref());
                let results: usize = results.map(|result| self.value(result)).sum();
                self.object(&checkpoint.values) + checkpoint.tasks.len() * FACT + results
            }
            Body::TaskStarted(task) => FACT + self.shared(&task.input),
            Body::TaskRestored(end) | Body::TaskFinished(end) => {
                let writes: usize = end.written.iter().map(|(_, value)| VALUE + self.shared(value)).sum();
                FACT + writes + end.output.as_ref().map_or(0, |output| self.shared(output))
            }
            Body::Branch { input, output, .. } => self.shared(input) + self.value(output),
            Body::Custom { value, .. } => self.shared(value),
            Body::Chunk { .. } | Body::Message { .. } => FACT,
            Body::ModelStarted { messages, .. } | Body::ModelFinished { messages, .. } => {
                FACT + self.shared(messages)
            }
            Body::ToolStarted { input, .. } => self.value(input),
            Body::ToolDelta { delta, .. } => self.value(delta),
            Body::ToolFinished { output, .. } => self.shared(output),
            _ => 0,
        }
    }

    /// Typed forms are not made into JSON for this.
    fn shared(&mut self, shared: &Shared) -> usize {
        if let Some(messages) = shared.messages() {
            return VALUE + messages.len() * MESSAGE;
        }
        if shared.message().is_some() {
            return FACT;
        }
        match shared.object() {
            Some(object) => self.object(object),
            None => self.value(shared.json()),
        }
    }

    fn object(&mut self, object: &Object) -> usize {
        object.iter().map(|(key, value)| VALUE + key.len() + self.shared(value)).sum()
    }

    fn value(&mut self, value: &Value) -> usize {
        let Some(left) = self.looks.checked_sub(1) else { return VALUE };
        self.looks = left;
        VALUE
            + match value {
                Value::String(text) => text.len(),
                Value::Array(items) => self.items(items.len(), items.iter()),
                Value::Object(map) => {
                    let keys = map.len() * VALUE;
                    keys + self.items(map.len(), map.values())
                }
                _ => 0,
            }
    }

    /// Looks at the first items, and takes the rest to be like them.
    fn items<'a>(&mut self, count: usize, items: impl Iterator<Item = &'a Value>) -> usize {
        let looked_at = count.min(self.looks);
        let weight: usize = items.take(looked_at).map(|item| self.value(item)).sum();
        match looked_at {
            0 => count * VALUE,
            _ => weight / looked_at * count,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn weigh(value: &Value) -> usize {
        Scale { looks: LOOKS }.value(value)
    }

    #[test]
    fn more_weighs_more_and_a_long_list_is_not_walked() {
        assert!(weigh(&json!("a")) < weigh(&json!("aaaa")));
        assert!(weigh(&json!([1])) < weigh(&json!([1, {"k": "text"}])));
        let long = json!(vec!["0123456789"; 100_000]);
        let real = 100_000 * 10;
        assert!((real..10 * real).contains(&weigh(&long)));
    }
}
