//! The text of a graph file as a tree in which every value knows its place.
//!
//! YAML, JSON (which is read as YAML, of which it is a part) and TOML become the same tree, so that nothing after it
//! knows which of them was written.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Place};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
}

/// How large a file may be, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// How many values it may hold once aliases stand for what they name.
const MAX_VALUES: usize = 100_000;
/// How deep lists and maps may nest.
const MAX_DEPTH: usize = 24;

impl Tree {
    /// Reads YAML or JSON.
    pub(super) fn of_yaml(text: &str) -> Result<Self, Mistake> {
        check_size(text)?;
        let budget = serde_saphyr::budget! {
            max_events: MAX_VALUES * 2,
            max_nodes: MAX_VALUES,
            max_depth: MAX_DEPTH,
            max_documents: 1,
            flow_nesting_limit: MAX_DEPTH,
        };
        let options = serde_saphyr::options! { budget: budget, with_snippet: false, strict_booleans: true };
        let read: Result<serde_saphyr::Spanned<Yaml>, _> = serde_saphyr::from_str_with_options(text, options);
        read.map(Self::from).map_err(|error| {
            let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
            let place = place.unwrap_or(Place::TOP);
            let words = error.without_snippet().to_string();
            let words = words.trim_end_matches(&format!(" at line {}, column {}", place.line, place.column));
            if let Some(key) = words.strip_prefix("duplicate mapping key: ") {
                let key = key.split(',').next().unwrap_or(key);
                let mistake = Mistake::new(place, format!("`{key}` stands here for the second time"));
                return mistake.help("keep one of them");
            }
            let mistake = Mistake::new(place, format!("this cannot be read as YAML or JSON: {words}"));
            mistake.help(match words {
                tabs if tabs.contains("tabs") => "indent with spaces",
                // A map stands in the place of a key.
                "expected string scalar" => "put quotes around a text with `{{ }}`",
                _ => "look here and just before for a missing colon, quote or bracket, or one space too many",
            })
        })
    }

    /// Reads TOML.
    pub(super) fn of_toml(text: &str) -> Result<Self, Mistake> {
        check_size(text)?;
        let table = DeTable::parse(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let words = format!("this is not TOML: {}", error.message());
            Mistake::new(place_of(text, start), words).help("write `key = value`, with texts in quotes")
        })?;
        let (place, table) = (place_of(text, table.span().start), table.into_inner());
        of_table(text, place, table)
    }

    /// The value without places.
    pub(super) fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                entries.iter().map(|(key, value)| (key.text().to_owned(), value.to_json())).collect()
            }
        }
    }

    /// The text that it is; keys always are one.
    pub(super) fn text(&self) -> &str {
        match &self.kind {
            Kind::Text(text) => text,
            _ => "",
        }
    }
}

fn check_size(text: &str) -> Result<(), Mistake> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    let words = format!("the file has {} bytes, and a graph file may have {MAX_BYTES}", text.len());
    Err(Mistake::new(Place::TOP, words).help("move parts of it into subgraphs of their own files"))
}

/// The place of a byte of a text.
fn place_of(text: &str, byte: usize) -> Place {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place { line: line as u64, column: column as u64 }
}

fn of_table(text: &str, place: Place, table: DeTable<'_>) -> Result<Tree, Mistake> {
    let entry = |(key, value): (toml::Spanned<_>, toml::Spanned<DeValue<'_>>)| {
        let place = place_of(text, key.span().start);
        let key: std::borrow::Cow<'_, str> = key.into_inner();
        let at = place_of(text, value.span().start);
        Ok((Tree { place, kind: Kind::Text(key.into_owned()) }, of_toml_value(text, at, value.into_inner())?))
    };
    let entries = table.into_iter().map(entry).collect::<Result<_, Mistake>>()?;
    Ok(Tree { place, kind: Kind::Map(entries) })
}

fn of_toml_value(text: &str, place: Place, value: DeValue<'_>) -> Result<Tree, Mistake> {
    let number = |digits: &str| serde_json::from_str::<Number>(digits).ok();
    let kind = match value {
        DeValue::String(text) => Kind::Text(text.into_owned()),
        DeValue::Boolean(flag) => Kind::Bool(flag),
        DeValue::Datetime(time) => Kind::Text(time.to_string()),
        DeValue::Integer(integer) => {
            let read = i64::from_str_radix(integer.as_str(), integer.radix());
            Kind::Number(
                read.map_err(|_| {
                    let mistake = Mistake::new(place, "this number does not fit into 64 bits");
                    mistake.help("write it in quotes, as a text")
                })?
                .into(),
            )
        }
        DeValue::Float(float) => {
            let read = number(float.as_str()).or_else(|| Number::from_f64(float.as_str().parse().ok()?));
            let unknown = || {
                let mistake = Mistake::new(place, "this is not a number that JSON has");
                mistake.help("write it in quotes, as a text")
            };
            Kind::Number(read.ok_or_else(unknown)?)
        }
        DeValue::Array(items) => {
            let items = items.into_iter().map(|item| {
                let at = place_of(text, item.span().start);
                of_toml_value(text, at, item.into_inner())
            });
            Kind::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => return of_table(text, place, table),
    };
    Ok(Tree { place, kind })
}

/// A value as the YAML library hands it over.
struct Yaml(Kind);

impl From<serde_saphyr::Spanned<Yaml>> for Tree {
    fn from(spanned: serde_saphyr::Spanned<Yaml>) -> Self {
        let at = spanned.referenced;
        Self { place: Place { line: at.line(), column: at.column() }, kind: spanned.value.0 }
    }
}

impl From<serde_saphyr::Spanned<String>> for Tree {
    fn from(spanned: serde_saphyr::Spanned<String>) -> Self {
        let at = spanned.referenced;
        Self { place: Place { line: at.line(), column: at.column() }, kind: Kind::Text(spanned.value) }
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = KindVisitor::<serde_saphyr::Spanned<String>, serde_saphyr::Spanned<Self>>(PhantomData);
        deserializer.deserialize_any(visitor).map(Self)
    }
}

/// Takes any value; its keys come as `K` and the values in it as `V`, which know their places.
pub(super) struct KindVisitor<K, V>(pub(super) PhantomData<fn() -> (K, V)>);

impl<'de, K, V> Visitor<'de> for KindVisitor<K, V>
where
    K: Deserialize<'de> + Into<Tree>,
    V: Deserialize<'de> + Into<Tree>,
{
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Kind, E> {
        Ok(Kind::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Kind, E> {
        Ok(Kind::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Kind, E> {
        Number::from_f64(number)
            .map(Kind::Number)
            .ok_or_else(|| E::custom("this is not a number that JSON has"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Kind, E> {
        Ok(Kind::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Kind, E> {
        Ok(Kind::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<V>()? {
            list.push(item.into());
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<K, V>()? {
            map.push((key.into(), value.into()));
        }
        Ok(Kind::Map(map))
    }
}
