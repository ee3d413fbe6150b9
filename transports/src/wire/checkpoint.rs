//! Checkpoints, as clients name them: by an id, or by an object with the graph level and the checkpoints
//! around it.

use std::collections::BTreeMap;

use eddyline_runtime::CheckpointAddress;
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::Refusal;

/// The id of a checkpoint.
pub(crate) fn checkpoint_id(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| Refusal::unprocessable("Invalid checkpoint ID"))
}

/// `{checkpoint_id?, checkpoint_ns?, checkpoint_map?}`. A thread in it is not looked at: the path names one.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[allow(clippy::struct_field_names, reason = "the names are those of the API")]
pub(super) struct CheckpointConfig {
    #[schemars(extend("format" = "uuid"))]
    checkpoint_id: Option<String>,
    checkpoint_ns: Option<String>,
    checkpoint_map: Option<BTreeMap<String, String>>,
}

impl CheckpointConfig {
    pub(super) fn address(self) -> Result<CheckpointAddress, Refusal> {
        let mut map = Vec::new();
        // A level's namespace begins with that of the level around it, so their order is from outside in.
        for (ns, id) in self.checkpoint_map.unwrap_or_default() {
            map.push((ns.into(), checkpoint_id(&id)?));
        }
        Ok(CheckpointAddress {
            checkpoint_id: self.checkpoint_id.as_deref().map(checkpoint_id).transpose()?,
            // Some clients join the levels by a NUL.
            ns: self.checkpoint_ns.map(|ns| ns.replace('\0', "|").into()),
            map,
        })
    }
}

/// A checkpoint to look back from: its id, a checkpoint, or a configuration that has the one in
/// `configurable`. Clients send all three.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(from = "Form")]
pub(super) struct Before(CheckpointConfig);

impl Before {
    pub(super) fn id(self) -> Result<Option<Uuid>, Refusal> {
        Ok(self.0.address()?.id())
    }
}

/// How clients say it.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "must be a checkpoint, its id, or a config")]
enum Form {
    Id(String),
    Config { configurable: CheckpointConfig },
    Checkpoint(CheckpointConfig),
}

impl From<Form> for Before {
    fn from(form: Form) -> Self {
        Self(match form {
            Form::Id(id) => CheckpointConfig { checkpoint_id: Some(id), ..CheckpointConfig::default() },
            Form::Config { configurable: checkpoint } | Form::Checkpoint(checkpoint) => checkpoint,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const TWO: Uuid = Uuid::from_u128(2);

    fn check(checkpoint: Value, expected: &CheckpointAddress) {
        let config: CheckpointConfig = serde_json::from_value(checkpoint).unwrap();
        assert_eq!(config.address().unwrap(), *expected);
    }

    #[test]
    fn a_checkpoint_is_named_by_an_object() {
        check(json!({}), &CheckpointAddress::default());
        check(json!({"checkpoint_id": ONE, "thread_id": "x"}), &CheckpointAddress::of_id(ONE));
        let nothing = json!({"checkpoint_id": null, "checkpoint_ns": null, "checkpoint_map": null});
        check(nothing, &CheckpointAddress::default());
        check(
            json!({"checkpoint_ns": "a:1", "checkpoint_map": {"a:1": TWO, "": ONE}}),
            &CheckpointAddress {
                ns: Some("a:1".into()),
                map: vec![("".into(), ONE), ("a:1".into(), TWO)],
                ..CheckpointAddress::default()
            },
        );
        let nested = |ns: &str| CheckpointAddress { ns: Some(ns.into()), ..CheckpointAddress::default() };
        check(json!({"checkpoint_ns": "a:1\u{0}b:2"}), &nested("a:1|b:2"));
        let bad: CheckpointConfig = serde_json::from_value(json!({"checkpoint_id": "x"})).unwrap();
        assert_eq!(bad.address().unwrap_err(), Refusal::unprocessable("Invalid checkpoint ID"));
    }

    #[test]
    fn where_to_look_back_from_comes_in_three_forms() {
        let configured = json!({"configurable": {"checkpoint_id": ONE}});
        for form in [json!(ONE), json!({"checkpoint_id": ONE, "checkpoint_ns": ""}), configured] {
            let before: Before = serde_json::from_value(form.clone()).unwrap();
            assert_eq!(before.id().unwrap(), Some(ONE), "{form}");
        }
        assert!(serde_json::from_value::<Before>(json!(7)).is_err());
    }
}
