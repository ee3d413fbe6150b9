//! Chat models for the engine's [`ChatModel`].
//!
//! [`OpenAi`] and [`Anthropic`] ask providers over the network and need a Tokio runtime around the node that calls
//! them; [`ScriptedModel`] needs nothing. [`Providers`] finds models by names such as `openai:gpt-4o-mini`.
//!
//! Keys are held as secrets. They are not in what `Debug` shows, and what a provider says of them is blotted out of
//! errors.

mod answer;
mod anthropic;
mod endpoint;
mod fault;
mod image;
mod openai;
mod providers;
mod scripted;
mod sse;
mod stand_in;
mod strict;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

#[cfg(doc)]
use eddyline_engine::model::ChatModel;

pub use anthropic::Anthropic;
pub use openai::OpenAi;
pub use providers::Providers;
pub use scripted::{Answer, ScriptedModel};
pub use sse::{SseDecoder, SseEvent, TooLong};
pub use stand_in::StandIn;

/// A request's body with these options, of which later ones win. Null leaves out what is said otherwise.
fn with_options<const N: usize>(mut body: Map<String, Value>, options: [&Map<String, Value>; N]) -> Value {
    for (key, value) in options.into_iter().flatten() {
        body.insert(key.clone(), value.clone());
    }
    body.retain(|_, value| !value.is_null());
    Value::Object(body)
}

/// What message streams say about a model.
fn metadata(provider: &str, model: &str, options: &Map<String, Value>) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("ls_provider".into(), provider.into());
    metadata.insert("ls_model_name".into(), model.into());
    let told = [("ls_temperature", "temperature"), ("ls_max_tokens", "max_tokens"), ("ls_stop", "stop")];
    for (name, option) in told {
        if let Some(value) = options.get(option).filter(|value| !value.is_null()) {
            metadata.insert(name.into(), value.clone());
        }
    }
    metadata
}

/// The counts that the provider told; `None` if it told none.
fn details<const N: usize>(counts: [(&str, Option<i64>); N]) -> Option<BTreeMap<String, i64>> {
    let told = counts.into_iter().filter_map(|(kind, count)| Some((kind.to_owned(), count?)));
    Some(told.collect::<BTreeMap<_, _>>()).filter(|told| !told.is_empty())
}
