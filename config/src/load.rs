//! The places where settings come from, and which of them wins.

use std::collections::HashMap;
use std::path::PathBuf;

use config::builder::DefaultState;
use config::{Config, ConfigBuilder, Environment, File, FileFormat, Value, ValueKind};

use crate::error::Error;
use crate::langgraph::LangGraph;
use crate::settings::Settings;
use crate::typed::Typed;

/// The defaults as a file, every key explained.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "eddyline.toml";

/// Texts whatever they look like: `0123` is no number.
const SECRETS: [(&str, &str); 2] =
    [("EDDYLINE__WEBHOOKS__SECRET", "webhooks.secret"), ("EDDYLINE__AUTH__JWT__SECRET", "auth.jwt.secret")];

/// Collects the places to read, the winning one last whatever the order of the calls:
/// defaults, a `langgraph.json`, file, environment, flags.
#[derive(Debug, Default)]
pub struct Loader {
    langgraph: Vec<(&'static str, Value)>,
    file: Option<PathBuf>,
    environment: Option<HashMap<String, String>>,
    flags: Vec<(String, Value)>,
}

impl Loader {
    /// Takes over what a `langgraph.json` says of settings; every other place but the defaults wins over it.
    pub fn langgraph(mut self, read: &LangGraph) -> Self {
        self.langgraph.clone_from(&read.settings);
        self
    }

    /// Reads a TOML or JSON file, told apart by its ending; it must be there.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads `eddyline.toml` of the working directory if it is there.
    pub fn default_file(mut self) -> Self {
        self.file = Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists());
        self
    }

    /// Reads the variables of the process that begin with `EDDYLINE__`.
    pub fn environment(self) -> Self {
        self.variables(std::env::vars_os().filter_map(|(name, value)| {
            // What is not Unicode cannot be one of ours.
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    /// Reads these variables instead of those of the process.
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment = Some(variables.into_iter().collect());
        self
    }

    /// Sets a key, as a flag of the command line does.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.flags.push((key.into(), value.into()));
        self
    }

    /// Reads, merges and checks.
    pub fn load(self) -> Result<Settings, Error> {
        let merged = self.merged().map_err(|source| Error::Unreadable { source })?;
        let known = known_keys().map_err(|source| Error::Unreadable { source })?;
        refuse_unknown(&merged.cache, &known)?;
        let typed: Typed = merged.try_deserialize().map_err(|source| Error::Unreadable { source })?;
        typed.try_into()
    }

    fn merged(self) -> Result<Config, config::ConfigError> {
        let mut builder = defaults();
        for (key, value) in self.langgraph {
            // Over the file of the defaults, which is a source, and under all others.
            builder = builder.add_source(Config::builder().set_override(key, value)?.build()?);
        }
        if let Some(path) = self.file {
            builder = builder.add_source(File::from(path));
        }
        if let Some(mut variables) = self.environment {
            let secrets = SECRETS.map(|(variable, key)| (key, variables.remove(variable)));
            builder = builder.add_source(environment(variables));
            for (key, secret) in secrets.into_iter().filter_map(|(key, secret)| Some((key, secret?))) {
                builder = builder.set_override(key, secret)?;
            }
        }
        for (key, value) in self.flags {
            builder = builder.set_override(key, value)?;
        }
        builder.build()
    }
}

fn defaults() -> ConfigBuilder<DefaultState> {
    Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml))
}

fn environment(variables: HashMap<String, String>) -> Environment {
    Environment::with_prefix("EDDYLINE")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .with_list_parse_key("http.cors_origins")
        .with_list_parse_key("http.allowed_hosts")
        .with_list_parse_key("webhooks.allowed_hosts")
        .with_list_parse_key("auth.jwt.algorithms")
        .with_list_parse_key("auth.jwt.audience")
        .source(Some(variables))
}

/// Every key that there is, with dots; `default.toml` names them all.
fn known_keys() -> Result<Vec<String>, config::ConfigError> {
    let mut keys = Vec::new();
    leaves(&defaults().build()?.cache, "", &mut |key, _| {
        keys.push(key.to_owned());
    });
    keys.sort();
    Ok(keys)
}

fn refuse_unknown(settings: &Value, known: &[String]) -> Result<(), Error> {
    let mut unknown = Vec::new();
    leaves(settings, "", &mut |key, value| {
        if known.binary_search_by(|name| name.as_str().cmp(key)).is_err() {
            unknown.push((key.to_owned(), origin(value)));
        }
    });
    unknown.sort();
    match unknown.into_iter().next() {
        None => Ok(()),
        Some((key, origin)) => Err(Error::Unknown { nearest: nearest(&key, known), key, origin }),
    }
}

/// Calls `see` with every value that is no table.
fn leaves(value: &Value, path: &str, see: &mut dyn FnMut(&str, &Value)) {
    let ValueKind::Table(table) = &value.kind else {
        return see(path, value);
    };
    for (name, value) in table {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        leaves(value, &path, see);
    }
}

fn origin(value: &Value) -> String {
    value.origin().unwrap_or("the command line").to_owned()
}

/// The known key that takes the fewest edits, unless almost everything would have to change.
fn nearest(key: &str, known: &[String]) -> Option<String> {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    // Whoever forgets the section means the key of that name.
    let close = known.iter().map(|name| {
        let whole = strsim::osa_distance(key, name);
        (whole.min(1 + strsim::osa_distance(&last(key), &last(name))), name)
    });
    let (distance, name) = close.min()?;
    (distance <= 1 + last(key).len() / 3).then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(listed: &[(&str, &str)]) -> Loader {
        Settings::loader().variables(listed.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn a_later_place_wins() {
        let loader = || {
            let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/settings.toml");
            variables(&[("EDDYLINE__HTTP__PORT", "3")]).file(file)
        };
        let port = |loader: Loader| loader.load().unwrap().http.address.port();
        assert_eq!(port(loader().variables([])), 2);
        assert_eq!(port(loader()), 3);
        assert_eq!(port(loader().set("http.port", 4)), 4);
    }

    #[test]
    fn the_environment_has_every_kind_of_value() {
        let settings = variables(&[
            ("EDDYLINE__HTTP__HOST", "0.0.0.0"),
            ("EDDYLINE__HTTP__ALLOW_REMOTE", "true"),
            ("EDDYLINE__HTTP__CORS_ORIGINS", "http://a.test,http://b.test"),
            ("EDDYLINE__LOG__LEVEL", "debug"),
            ("HOME", "/"),
        ]);
        let settings = settings.load().unwrap();
        assert_eq!(settings.http.address.to_string(), "0.0.0.0:2024");
        assert_eq!(settings.http.cors_origins, ["http://a.test", "http://b.test"]);
        assert_eq!(settings.log.level, "debug");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        for (typed, meant) in [
            ("EDDYLINE__HTTP__PROT", Some("http.port")),
            ("EDDYLINE__HTTP__CORS_ORIGIN", Some("http.cors_origins")),
            ("EDDYLINE__PORT", Some("http.port")),
            ("EDDYLINE__LOG__COLOUR_OF_THE_LINES", None),
        ] {
            let Err(Error::Unknown { nearest, origin, .. }) = variables(&[(typed, "1")]).load() else {
                panic!("{typed} was taken");
            };
            assert_eq!((nearest.as_deref(), origin.as_str()), (meant, "the environment"));
        }
    }

    #[test]
    fn a_file_that_is_missing_or_broken_is_an_error() {
        assert_eq!(
            Settings::loader().file("/nowhere.toml").load().unwrap_err().code(),
            "SETTINGS_UNREADABLE"
        );
        let error = variables(&[("EDDYLINE__HTTP__PORT", "many")]).load().unwrap_err();
        assert_eq!(error.code(), "SETTINGS_UNREADABLE");
    }

    #[test]
    fn every_setting_is_explained() {
        for key in known_keys().unwrap() {
            let name = key.rsplit('.').next().unwrap();
            let line = DEFAULTS.lines().position(|line| line.starts_with(&format!("{name} ="))).unwrap();
            let above = DEFAULTS.lines().take(line).collect::<Vec<_>>();
            let explained: Vec<_> = above.iter().rev().take_while(|line| line.starts_with('#')).collect();
            assert!(explained.iter().any(|line| line.contains("Since ")), "{key} has no explanation");
        }
    }
}
