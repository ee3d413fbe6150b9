//! What a `langgraph.json` says that has a meaning here; the rest is named.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::Error;

/// What is taken over from a `langgraph.json`. Settings of one's own win over it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LangGraph {
    /// The graphs that it names: their ids, and where their code is.
    pub graphs: Vec<(String, String)>,
    /// The variables that it sets. Those of the process win.
    pub variables: HashMap<String, String>,
    /// What it says and has no meaning here, as `key.key`.
    pub ignored: Vec<String>,
    /// Settings, by their keys.
    pub(crate) settings: Vec<(&'static str, config::Value)>,
}

/// How settings are called there and here.
const SETTINGS: [(&str, &str); 7] = [
    ("http.cors.allow_origins", "http.cors_origins"),
    ("store.ttl.default_ttl", "store.default_ttl_minutes"),
    ("store.ttl.refresh_on_read", "store.refresh_on_read"),
    ("store.ttl.sweep_interval_minutes", "store.sweep_interval_minutes"),
    ("checkpointer.ttl.default_ttl", "threads.ttl_minutes"),
    ("checkpointer.ttl.strategy", "threads.ttl_strategy"),
    ("checkpointer.ttl.sweep_interval_minutes", "threads.sweep_minutes"),
];

/// What is about images and about code of other languages, and is nothing to warn of.
const OF_IMAGES: [&str; 12] = [
    "$schema",
    "dependencies",
    "python_version",
    "node_version",
    "api_version",
    "base_image",
    "image_distro",
    "dockerfile_lines",
    "pip_config_file",
    "pip_installer",
    "source",
    "keep_pkg_tools",
];

impl LangGraph {
    /// Reads the file, and the file of variables that it names.
    ///
    /// Fails with [`Error::Foreign`] when one of them cannot be read or is of another form.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let fail = |problem: String| Error::Foreign { path: path.clone(), problem };
        let text = fs::read_to_string(&path).map_err(|error| fail(error.to_string()))?;
        let said: Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
        let mut read = Self::default();
        for (key, value) in said {
            match (key.as_str(), value) {
                ("graphs", Value::Object(graphs)) => read.graphs = places(graphs).map_err(fail)?,
                ("env", Value::Object(variables)) => read.variables = texts(variables),
                ("env", Value::String(file)) => {
                    let file = path.parent().unwrap_or(Path::new("")).join(file);
                    read.variables = dotenv(&file).map_err(fail)?;
                }
                ("graphs" | "env", _) => return Err(fail(format!("`{key}` is of another form"))),
                (key, _) if OF_IMAGES.contains(&key) => {}
                (_, value) => read.take(&key, value),
            }
        }
        if read.graphs.is_empty() {
            return Err(fail("`graphs` names no graph".to_owned()));
        }
        Ok(read)
    }

    /// Takes over what has a meaning at this place and below it.
    fn take(&mut self, place: &str, value: Value) {
        match (SETTINGS.iter().find(|(theirs, _)| *theirs == place), value) {
            (Some((_, ours)), value) => self.settings.push((ours, settings_value(value))),
            (None, Value::Object(map)) => {
                for (key, value) in map {
                    self.take(&format!("{place}.{key}"), value);
                }
            }
            (None, Value::Null) => {}
            (None, _) => self.ignored.push(place.to_owned()),
        }
    }
}

/// Whole numbers of minutes are numbers here, whatever they are there.
fn settings_value(value: Value) -> config::Value {
    match value {
        Value::Bool(value) => value.into(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or_default().ceil().into(),
        },
        Value::Array(values) => {
            let texts: Vec<String> = values.into_iter().map(text).collect();
            texts.into()
        }
        other => text(other).into(),
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn texts(map: Map<String, Value>) -> HashMap<String, String> {
    map.into_iter().map(|(name, value)| (name, text(value))).collect()
}

/// Each graph is a text that says where its code is, or an object with one as `path`.
fn places(graphs: Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let place = |(id, value): (String, Value)| match value {
        Value::String(place) => Ok((id, place)),
        Value::Object(mut said) => match said.remove("path") {
            Some(Value::String(place)) => Ok((id, place)),
            _ => Err(format!("graph `{id}` has no `path`")),
        },
        _ => Err(format!("graph `{id}` is of another form")),
    };
    graphs.into_iter().map(place).collect()
}

fn dotenv(file: &Path) -> Result<HashMap<String, String>, String> {
    let fail = |error: dotenvy::Error| format!("`env`, {}: {error}", file.display());
    dotenvy::from_path_iter(file).map_err(fail)?.collect::<Result<_, _>>().map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn read(name: &str, text: &str) -> Result<LangGraph, Error> {
        let path =
            std::env::temp_dir().join(format!("eddyline-langgraph-{}-{name}.json", std::process::id()));
        fs::write(&path, text).unwrap();
        let read = LangGraph::read(&path);
        fs::remove_file(path).unwrap();
        read
    }

    #[test]
    fn what_has_a_meaning_is_taken_over_and_the_rest_is_named() {
        let read = read(
            "whole",
            r#"{
                "$schema": "x", "dependencies": ["."], "python_version": "3.12",
                "graphs": {"agent": "./agent.py:graph", "other": {"path": "./o.py:g", "description": "d"}},
                "env": {"OPENAI_API_KEY": "k", "N": 1},
                "http": {"app": "./app.py:app", "cors": {"allow_origins": ["https://a.example"], "max_age": 5}},
                "store": {"ttl": {"default_ttl": 60, "refresh_on_read": false}, "index": {"dims": 3}},
                "checkpointer": {"ttl": {"strategy": "keep_latest", "default_ttl": 10.5, "sweep_limit": null}}
            }"#,
        );
        let read = read.unwrap();
        let graph = |id: &str, place: &str| (id.to_owned(), place.to_owned());
        assert_eq!(read.graphs, [graph("agent", "./agent.py:graph"), graph("other", "./o.py:g")]);
        assert_eq!((&*read.variables["OPENAI_API_KEY"], &*read.variables["N"]), ("k", "1"));
        assert_eq!(read.ignored, ["http.app", "http.cors.max_age", "store.index.dims"]);
        let settings = Settings::loader().langgraph(&read).set("store.refresh_on_read", true).load().unwrap();
        assert_eq!(settings.http.cors_origins, ["https://a.example"]);
        assert_eq!(settings.store.default_ttl, Some(std::time::Duration::from_hours(1)));
        assert!(settings.store.refresh_on_read, "a flag wins");
        assert_eq!(settings.threads.ttl_minutes.map(std::num::NonZero::get), Some(11));
    }

    #[test]
    fn what_is_of_another_form_is_refused_by_name() {
        for (name, text, said) in [
            ("none", "{}", "names no graph"),
            ("list", r#"{"graphs": []}"#, "`graphs` is of another form"),
            ("path", r#"{"graphs": {"a": {}}}"#, "graph `a` has no `path`"),
            ("file", r#"{"graphs": {"a": "b"}, "env": "./nowhere.env"}"#, "nowhere.env"),
            ("json", "{", "EOF"),
        ] {
            let problem = read(name, text).unwrap_err().to_string();
            assert!(problem.contains(said), "{problem}");
        }
        assert!(LangGraph::read("/nowhere/langgraph.json").is_err());
    }
}
