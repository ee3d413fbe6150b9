//! The kinds of value that fields of a run's body take.

use std::borrow::Cow;
use std::time::Duration;

use eddyline_engine::config::Breakpoints;
use eddyline_runtime::{MultitaskStrategy, StreamMode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value, json};

use super::Refusal;
use super::body::named;

/// One thing, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "must be a string or a list of strings")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

/// The `stream_mode` of a run: a name or several.
#[derive(Debug)]
pub(super) struct Modes(pub(super) Vec<StreamMode>);

impl<'de> Deserialize<'de> for Modes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = OneOrMany::deserialize(deserializer)?.into_vec();
        let mode = |name: &String| {
            StreamMode::from_name(name).ok_or_else(|| {
                let known = StreamMode::ALL.map(StreamMode::as_str).join(", ");
                de::Error::custom(format!("unknown stream mode `{name}`; there are {known}"))
            })
        };
        names.iter().map(mode).collect::<Result<_, _>>().map(Self)
    }
}

impl JsonSchema for Modes {
    fn schema_name() -> Cow<'static, str> {
        "StreamModes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mode = json!({"type": "string", "enum": StreamMode::ALL.map(StreamMode::as_str)});
        json_schema!({"anyOf": [mode, {"type": "array", "items": mode}]})
    }
}

/// The `multitask_strategy` of a run.
#[derive(Debug)]
pub(super) struct Multitask(pub(super) MultitaskStrategy);

impl<'de> Deserialize<'de> for Multitask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = MultitaskStrategy::ALL.into_iter().find(|strategy| strategy.as_str() == name);
        let known = || MultitaskStrategy::ALL.map(MultitaskStrategy::as_str).join(", ");
        let unknown = || de::Error::custom(format!("unknown strategy `{name}`; there are {}", known()));
        found.map(Self).ok_or_else(unknown)
    }
}

impl JsonSchema for Multitask {
    fn schema_name() -> Cow<'static, str> {
        "MultitaskStrategy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "enum": MultitaskStrategy::ALL.map(MultitaskStrategy::as_str)})
    }
}

/// The `after_seconds` of a run; what is past is now.
pub(super) fn delay(seconds: f64) -> Result<Duration, Refusal> {
    let wrong = |_| Refusal::unprocessable("`after_seconds`: is too large");
    Duration::try_from_secs_f64(seconds.max(0.0)).map_err(wrong)
}

/// The `interrupt_before` and `interrupt_after` of a run: `"*"` or names of nodes.
#[derive(Debug)]
pub(super) struct Pauses(pub(super) Breakpoints);

impl<'de> Deserialize<'de> for Pauses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match OneOrMany::deserialize(deserializer)? {
            OneOrMany::One(all) if all == "*" => Ok(Self(Breakpoints::All)),
            OneOrMany::One(_) => Err(de::Error::custom("must be \"*\" or a list of nodes")),
            OneOrMany::Many(nodes) => Ok(Self(Breakpoints::At(nodes.into_iter().map(Into::into).collect()))),
        }
    }
}

impl JsonSchema for Pauses {
    fn schema_name() -> Cow<'static, str> {
        "Pauses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"const": "*"}, {"type": "array", "items": {"type": "string"}}]})
    }
}

/// The `config` of a run: an object of which some keys have a type.
#[derive(Debug, Default)]
pub(super) struct Config(pub(super) Map<String, Value>);

/// The keys of a configuration that have a type; null is absent in each.
#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "read for its errors; the values go on as they came")]
struct Typed {
    tags: Option<Vec<String>>,
    recursion_limit: Option<u64>,
    max_concurrency: Option<u64>,
    configurable: Option<Map<String, Value>>,
    metadata: Option<Map<String, Value>>,
}

impl JsonSchema for Config {
    fn schema_name() -> Cow<'static, str> {
        "Config".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Typed::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut map = Map::deserialize(deserializer)?;
        map.retain(|_, value| !value.is_null());
        // Whoever reads this has no eyes for what is inside.
        named::<Typed>(Value::Object(map.clone())).map_err(de::Error::custom)?;
        Ok(Self(map))
    }
}
