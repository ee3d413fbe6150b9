//! Models by name, as the field writes them: `provider:model`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use eddyline_engine::NodeError;
use eddyline_engine::message::MessageChunk;
use eddyline_engine::model::{ChatModel, ModelRequest, ModelSource};
use futures_util::stream::{self, BoxStream, StreamExt};
use secrecy::{ExposeSecret, SecretString};

use super::{Anthropic, OpenAi, StandIn};

/// Makes models of names such as `openai:gpt-4o-mini` and `anthropic:claude-sonnet-4-5`.
///
/// | Provider | Key | Address |
/// |---|---|---|
/// | `openai` | `OPENAI_API_KEY` | `OPENAI_BASE_URL` |
/// | `anthropic` | `ANTHROPIC_API_KEY` | `ANTHROPIC_BASE_URL` |
/// | `azure_openai` | `AZURE_OPENAI_API_KEY` | `AZURE_OPENAI_ENDPOINT`, or `AZURE_OPENAI_BASE_URL` |
/// | `mistralai` | `MISTRAL_API_KEY` | `MISTRAL_BASE_URL` |
/// | `deepseek` | `DEEPSEEK_API_KEY` | `DEEPSEEK_BASE_URL` |
/// | `groq` | `GROQ_API_KEY` | `GROQ_BASE_URL` |
/// | `openrouter` | `OPENROUTER_API_KEY` | `OPENROUTER_BASE_URL` |
/// | `ollama` | none | `OLLAMA_BASE_URL`, else port 11434 of this machine |
/// | `vllm` | `VLLM_API_KEY`, if it wants one | `VLLM_BASE_URL`, else port 8000 |
/// | `llamacpp` | `LLAMACPP_API_KEY`, if it wants one | `LLAMACPP_BASE_URL`, else port 8080 |
/// | `lmstudio` | none | `LMSTUDIO_BASE_URL`, else port 1234 |
///
/// `OPENAI_ORG_ID` and `OPENAI_PROJECT_ID` are told to OpenAI. A model whose key is not set can be had; asked, it
/// fails and names the variable.
///
/// ```
/// use eddyline_graphs::models::Providers;
///
/// let providers = Providers::from_environment();
/// assert!(providers.find("openai:gpt-4o-mini").is_some());
/// assert!(providers.find("nobody:nothing").is_none());
/// ```
#[derive(Clone)]
pub struct Providers {
    variables: HashMap<String, SecretString>,
    stand_in: bool,
}

/// A server that speaks OpenAI's dialect, by the names of its variables.
struct Preset {
    provider: &'static str,
    /// What its variables begin with.
    variables: &'static str,
    base: Option<&'static str>,
    key: Key,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    Needed,
    Optional,
}

const fn preset(provider: &'static str, variables: &'static str, base: &'static str, key: Key) -> Preset {
    Preset { provider, variables, base: Some(base), key }
}

const PRESETS: [Preset; 10] = [
    preset("openai", "OPENAI", "https://api.openai.com/v1", Key::Needed),
    Preset { provider: "azure_openai", variables: "AZURE_OPENAI", base: None, key: Key::Needed },
    preset("mistralai", "MISTRAL", "https://api.mistral.ai/v1", Key::Needed),
    preset("deepseek", "DEEPSEEK", "https://api.deepseek.com/v1", Key::Needed),
    preset("groq", "GROQ", "https://api.groq.com/openai/v1", Key::Needed),
    preset("openrouter", "OPENROUTER", "https://openrouter.ai/api/v1", Key::Needed),
    preset("ollama", "OLLAMA", "http://localhost:11434/v1", Key::Optional),
    preset("vllm", "VLLM", "http://localhost:8000/v1", Key::Optional),
    preset("llamacpp", "LLAMACPP", "http://localhost:8080/v1", Key::Optional),
    preset("lmstudio", "LMSTUDIO", "http://localhost:1234/v1", Key::Optional),
];

const ANTHROPIC: &str = "ANTHROPIC";

impl Providers {
    /// Providers with the keys and addresses of the environment, as it is now.
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Providers whose keys and addresses are found by the names of their variables.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let names = PRESETS.iter().map(|preset| preset.variables).chain([ANTHROPIC]);
        let names = names.flat_map(|name| ["API_KEY", "BASE_URL"].map(|what| format!("{name}_{what}")));
        let names =
            names.chain(["OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "AZURE_OPENAI_ENDPOINT"].map(str::to_owned));
        let set = names.filter_map(|name| {
            let value = variable(&name).filter(|value| !value.is_empty())?;
            Some((name, value.into()))
        });
        Self { variables: set.collect(), stand_in: false }
    }

    /// Lets a [`StandIn`] answer where a key is not set.
    pub fn stand_in(mut self) -> Self {
        self.stand_in = true;
        self
    }

    /// The variables of keys that are needed and not set, such as `OPENAI_API_KEY`.
    pub fn missing_keys(&self) -> Vec<String> {
        let needed = PRESETS.iter().filter(|preset| preset.key == Key::Needed).map(|preset| preset.variables);
        let names = [ANTHROPIC].into_iter().chain(needed).map(|name| format!("{name}_API_KEY"));
        names.filter(|name| !self.variables.contains_key(name)).collect()
    }

    /// The model that goes by `name`; `None` when its provider is none of ours.
    pub fn find(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        let (provider, model) = name.split_once(':')?;
        let made = if provider == "anthropic" {
            self.anthropic(model).map(|model| Arc::new(model) as Arc<dyn ChatModel>)
        } else {
            let preset = PRESETS.iter().find(|preset| preset.provider == provider)?;
            self.open_ai(preset, model).map(|model| Arc::new(model) as _)
        };
        let unset = |missing| -> Arc<dyn ChatModel> {
            if self.stand_in { Arc::new(StandIn) } else { Arc::new(Unset(missing)) }
        };
        Some(made.unwrap_or_else(unset))
    }

    fn variable(&self, name: &str, what: &str) -> Result<SecretString, String> {
        let name = format!("{name}_{what}");
        self.variables.get(&name).cloned().ok_or(name)
    }

    fn anthropic(&self, model: &str) -> Result<Anthropic, String> {
        let made = Anthropic::new(model).key(self.variable(ANTHROPIC, "API_KEY")?);
        Ok(match self.variable(ANTHROPIC, "BASE_URL") {
            Ok(base) => made.base_url(base.expose_secret()),
            Err(_) => made,
        })
    }

    /// Where a provider listens, or the variable that is missing: Azure has no address for everybody.
    fn base(&self, preset: &Preset) -> Result<String, String> {
        let said = self.variable(preset.variables, "BASE_URL").map(|base| base.expose_secret().to_owned());
        said.or_else(|_| {
            if let Some(base) = preset.base {
                return Ok(base.to_owned());
            }
            let endpoint = self.variable(preset.variables, "ENDPOINT")?;
            Ok(format!("{}/openai/v1", endpoint.expose_secret().trim_end_matches('/')))
        })
    }

    /// The model, or the variable that is missing.
    fn open_ai(&self, preset: &Preset, model: &str) -> Result<OpenAi, String> {
        let name = preset.variables;
        let mut made = OpenAi::new(model).provider(preset.provider).base_url(self.base(preset)?);
        match self.variable(name, "API_KEY") {
            Ok(key) => made = made.key(key),
            Err(missing) if preset.key == Key::Needed => return Err(missing),
            Err(_) => {}
        }
        match preset.provider {
            "openai" => {
                for (header, what) in [("openai-organization", "ORG_ID"), ("openai-project", "PROJECT_ID")] {
                    if let Ok(value) = self.variable(name, what) {
                        made = made.header(header, value);
                    }
                }
            }
            "azure_openai" => made = made.key_header("api-key"),
            // It tells usage unasked, and refuses what it does not know.
            "mistralai" => made = made.option("stream_options", serde_json::Value::Null),
            _ => {}
        }
        Ok(made)
    }
}

impl ModelSource for Providers {
    fn model(&self, name: &str) -> Option<Arc<dyn ChatModel>> {
        self.find(name)
    }
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers").field("set", &self.variables.keys()).finish_non_exhaustive()
    }
}

/// A model that cannot be asked: this variable is not set.
struct Unset(String);

impl ChatModel for Unset {
    fn name(&self) -> &'static str {
        "Unset"
    }

    fn stream(&self, _: ModelRequest) -> BoxStream<'static, Result<MessageChunk, NodeError>> {
        let error = NodeError::visible("AuthenticationError", format!("{} is not set", self.0));
        stream::iter([Err(error)]).boxed()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn providers(variables: &'static [(&str, &str)]) -> Providers {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        Providers::from_variables(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn answer(providers: &Providers, name: &str) -> Result<String, String> {
        let asked = ModelRequest { messages: "hi".into(), ..ModelRequest::default() };
        let answer = providers.find(name).unwrap().invoke(asked).now_or_never().expect("nobody is asked");
        answer.map(|message| message.text().into_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_those_of_providers_and_models() {
        let all = providers(&[("AZURE_OPENAI_BASE_URL", "https://example.org")]);
        for name in ["openai:gpt-4o-mini", "anthropic:claude-sonnet-4-5", "ollama:qwen3:8b", "azure_openai:m"]
        {
            assert!(all.find(name).is_some(), "{name}");
        }
        for name in ["gpt-4o-mini", "nobody:nothing", ""] {
            assert!(all.find(name).is_none(), "{name}");
        }
        assert_eq!(all.find("ollama:qwen3:8b").unwrap().metadata()["ls_model_name"], "qwen3:8b");
        assert_eq!(all.find("ollama:qwen3:8b").unwrap().metadata()["ls_provider"], "ollama");
    }

    #[test]
    fn addresses_are_those_of_the_variables() {
        let set = providers(&[
            ("AZURE_OPENAI_ENDPOINT", "https://example.openai.azure.com/"),
            ("GROQ_BASE_URL", "http://localhost:1/v1"),
        ]);
        let base = |provider: &str| {
            let preset = PRESETS.iter().find(|preset| preset.provider == provider);
            set.base(preset.unwrap()).unwrap()
        };
        assert_eq!(base("azure_openai"), "https://example.openai.azure.com/openai/v1");
        assert_eq!(base("groq"), "http://localhost:1/v1");
        assert_eq!(base("ollama"), "http://localhost:11434/v1");
    }

    #[test]
    fn what_is_not_set_is_named() {
        let none = providers(&[("OPENAI_API_KEY", "")]);
        let cases = [
            ("openai:m", "AuthenticationError: OPENAI_API_KEY is not set"),
            ("anthropic:m", "AuthenticationError: ANTHROPIC_API_KEY is not set"),
            ("azure_openai:m", "AuthenticationError: AZURE_OPENAI_ENDPOINT is not set"),
        ];
        for (name, expected) in cases {
            assert_eq!(answer(&none, name).unwrap_err(), expected);
        }
        assert_eq!(answer(&none.clone().stand_in(), "openai:m").unwrap(), "You said: hi");
        assert_eq!(none.missing_keys()[..2], ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"]);
        let set = providers(&[("OPENAI_API_KEY", "sk-secret-1")]);
        assert!(!set.missing_keys().contains(&"OPENAI_API_KEY".to_owned()));
    }

    #[test]
    fn a_key_is_not_shown() {
        let set = providers(&[("OPENAI_API_KEY", "sk-secret-1"), ("ANTHROPIC_API_KEY", "sk-secret-2")]);
        let shown = format!("{set:?} {:?} {:?}", set.open_ai(&PRESETS[0], "m"), set.anthropic("m"));
        assert!(!shown.contains("secret-"), "{shown}");
    }
}
