//! The keys of a state: what each holds, how writes meet in it, and the JSON Schema of them all.

use eddyline_engine::channel::{Kind as ChannelKind, Reducer};
use eddyline_engine::state::Field;
use eddyline_engine::{Message, Messages, NodeError, Shared};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::located::{Located, Named, TextOr};
use super::mistake::Mistake;
use super::spec::{Keep, KeySpec, Reduce};
use super::template::RESERVED;

/// What a key may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    Integer,
    Number,
    Boolean,
    Object,
    List,
    Messages,
    Any,
}

const TYPES: [(&str, Type); 8] = [
    ("string", Type::Text),
    ("integer", Type::Integer),
    ("number", Type::Number),
    ("boolean", Type::Boolean),
    ("object", Type::Object),
    ("list", Type::List),
    ("messages", Type::Messages),
    ("any", Type::Any),
];

impl Type {
    fn named(name: &Located<String>, mistakes: &mut Vec<Mistake>) -> Self {
        let found = TYPES.iter().find(|(known, _)| *known == name.value).map(|(_, found)| *found);
        found.unwrap_or_else(|| {
            let mistake = Mistake::new(name.place, format!("`{}` is not a type", name.value));
            mistakes.push(mistake.known(&name.value, TYPES.map(|(known, _)| known)));
            Self::Any
        })
    }

    fn name(self) -> &'static str {
        TYPES.iter().find(|(_, known)| *known == self).map_or("any", |(name, _)| name)
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Messages | Self::Any => true,
        }
    }

    /// What it starts from under Python's `operator.add`.
    fn zero(self) -> Option<Value> {
        match self {
            Self::Text => Some("".into()),
            Self::Integer => Some(0.into()),
            Self::Number => Some(0.0.into()),
            Self::List => Some(json!([])),
            _ => None,
        }
    }

    fn schema(self) -> Map<String, Value> {
        let schema = match self {
            Self::Text => json!({"type": "string"}),
            Self::List => json!({"type": "array"}),
            Self::Any => json!({}),
            Self::Messages => {
                let mut generator = SchemaGenerator::new(
                    SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true),
                );
                Messages::json_schema(&mut generator).to_value()
            }
            other => json!({"type": other.name()}),
        };
        schema.as_object().cloned().unwrap_or_default()
    }
}

/// One key, or one argument of a tool.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) kind: Type,
    items: Option<Type>,
    reduce: Option<Reduce>,
    default: Option<Value>,
    keep: Keep,
    description: Option<String>,
}

/// The keys of a state, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Keys(Vec<Declared>);

impl Keys {
    pub(super) fn new(spec: &Named<TextOr<KeySpec>>, mistakes: &mut Vec<Mistake>) -> Self {
        Self(spec.0.iter().map(|(name, spec)| declared(name, spec, mistakes)).collect())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| &*key.name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Declared> {
        self.0.iter().find(|key| key.name == name)
    }

    pub(super) fn fields(&self) -> Vec<Field> {
        self.0.iter().map(|key| Field::new(key.name.clone(), key.channel())).collect()
    }

    /// The JSON Schema of an object with these keys, or with some of them.
    pub(super) fn schema(&self, title: &str, only: Option<&[Located<String>]>) -> Value {
        let shown = |key: &&Declared| only.is_none_or(|only| only.iter().any(|name| name.value == key.name));
        let properties: Map<String, Value> =
            self.0.iter().filter(shown).map(|key| (key.name.clone(), key.schema())).collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": title,
            "type": "object",
            "properties": properties,
        })
    }

    /// The JSON Schema of the arguments of a tool: all of them have to be there.
    pub(super) fn parameters(&self) -> Value {
        let properties: Map<String, Value> =
            self.0.iter().map(|key| (key.name.clone(), key.schema())).collect();
        let required: Vec<&str> = self.names().collect();
        json!({"type": "object", "properties": properties, "required": required})
    }
}

fn declared(name: &Located<String>, spec: &TextOr<KeySpec>, mistakes: &mut Vec<Mistake>) -> Declared {
    if RESERVED.contains(&&*name.value) {
        let words = format!("a key cannot be called `{}`, which has a meaning in expressions", name.value);
        mistakes.push(Mistake::new(name.place, words).help("choose another name"));
    }
    let spec = match spec {
        TextOr::Long(spec) => spec.clone(),
        TextOr::Text(kind) => KeySpec {
            kind: Located { place: name.place, value: kind.clone() },
            items: None,
            reduce: None,
            default: None,
            keep: Keep::Always,
            description: None,
        },
    };
    let kind = Type::named(&spec.kind, mistakes);
    let items = spec.items.as_ref().map(|items| Type::named(items, mistakes));
    check(name, kind, &spec, mistakes);
    Declared {
        name: name.value.clone(),
        kind,
        items,
        reduce: spec.reduce.map(|reduce| reduce.value),
        default: spec.default.map(|default| default.to_json()),
        keep: spec.keep,
        description: spec.description,
    }
}

/// Whether type, reducer, default and keeping go together.
fn check(name: &Located<String>, kind: Type, spec: &KeySpec, mistakes: &mut Vec<Mistake>) {
    let mut wrong = |place, words: String, help: &str| mistakes.push(Mistake::new(place, words).help(help));
    if let Some(items) = spec.items.as_ref().filter(|_| kind != Type::List) {
        wrong(
            items.place,
            format!("`{}` is no list, and has no `items`", name.value),
            "make its type `list`",
        );
    }
    let fits = |reduce: Reduce| match reduce {
        Reduce::Append => kind == Type::List,
        Reduce::Add => matches!(kind, Type::Text | Type::Integer | Type::Number | Type::List | Type::Any),
        Reduce::Merge => kind == Type::Object,
        Reduce::Any => kind != Type::Messages,
    };
    if let Some(reduce) = spec.reduce.as_ref().filter(|reduce| !fits(reduce.value)) {
        let words = format!("a key of type `{}` cannot be reduced like this", kind.name());
        let help = match reduce.value {
            _ if kind == Type::Messages => "leave `reduce` out: messages merge by their ids",
            Reduce::Append => "`append` is for lists",
            Reduce::Add => "`add` is for numbers, texts and lists",
            Reduce::Merge => "`merge` is for objects",
            Reduce::Any => "leave `reduce` out",
        };
        wrong(reduce.place, words, help);
    }
    if let Some(default) = &spec.default {
        let reduces = matches!(
            spec.reduce.as_ref().map(|reduce| reduce.value),
            Some(Reduce::Append | Reduce::Add | Reduce::Merge)
        );
        if !reduces {
            let words = format!("`{}` has no reducer, and so no default", name.value);
            wrong(default.place, words, "write `{{ NAME | default(…) }}` where it is read");
        } else if !kind.fits(&default.to_json()) {
            let words = format!("the default of `{}` is not of its type, `{}`", name.value, kind.name());
            wrong(default.place, words, "change one of them");
        }
    }
    if spec.keep != Keep::Always && (spec.reduce.is_some() || kind == Type::Messages) {
        let words = format!("`{}` is reduced, and what is reduced is always kept", name.value);
        wrong(name.place, words, "leave out `keep` or `reduce`");
    }
}

impl Declared {
    fn channel(&self) -> ChannelKind {
        match (self.keep, self.reduce) {
            (Keep::Step, _) => ChannelKind::Ephemeral { guard: true },
            (Keep::Run, _) => ChannelKind::Untracked { guard: true },
            (Keep::Always, Some(Reduce::Any)) => ChannelKind::AnyValue,
            (Keep::Always, Some(reduce)) => ChannelKind::Reduce(self.reducer(reduce)),
            (Keep::Always, None) if self.kind == Type::Messages => ChannelKind::Reduce(Reducer::messages()),
            (Keep::Always, None) => ChannelKind::LastValue,
        }
    }

    fn reducer(&self, reduce: Reduce) -> Reducer {
        let (reducer, zero) = match reduce {
            Reduce::Append => (Reducer::append(), None),
            Reduce::Merge => (Reducer::custom(merge), Some(json!({}))),
            Reduce::Add | Reduce::Any => (Reducer::add(), self.kind.zero()),
        };
        match self.default.clone().or(zero) {
            Some(zero) => reducer.starting_from(Shared::from(zero)),
            None => reducer,
        }
    }

    fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        if let Some(items) = self.items {
            schema.insert("items".to_owned(), items.schema().into());
        }
        if let Some(description) = &self.description {
            schema.insert("description".to_owned(), description.as_str().into());
        }
        schema.into()
    }

    /// Whether one value that is no list can be appended.
    pub(super) fn appends(&self) -> bool {
        matches!(self.reduce, Some(Reduce::Append | Reduce::Add)) && self.kind == Type::List
    }

    /// A value on its way into the key.
    ///
    /// Fails when it is not of the key's type.
    pub(super) fn write(&self, value: Value) -> Result<Shared, NodeError> {
        let replaces = value.get("type").is_some_and(|kind| kind == "__overwrite__");
        if self.kind == Type::Messages && !replaces {
            return Ok(Messages::coerce(&value)?.into());
        }
        let items_fit =
            |items: &Vec<Value>| items.iter().all(|item| self.items.is_none_or(|kind| kind.fits(item)));
        if replaces || value.is_null() || self.kind.fits(&value) && value.as_array().is_none_or(items_fit) {
            return Ok(value.into());
        }
        let kind = match self.items {
            Some(items) => format!("{} of {}", self.kind.name(), items.name()),
            None => self.kind.name().to_owned(),
        };
        let words = format!(
            "key `{}` is declared as `{kind}`, and this was written to it: {}",
            self.name,
            short(&value)
        );
        Err(NodeError::visible("TypeError", words))
    }

    /// A message on its way into the key.
    pub(super) fn write_message(&self, message: Message) -> Result<Shared, NodeError> {
        match self.kind {
            Type::Messages => Ok(Messages::from(vec![message]).into()),
            Type::Text => Ok(message.text().into_owned().into()),
            _ => self.write(serde_json::to_value(message)?),
        }
    }
}

fn merge(left: Map<String, Value>, right: Map<String, Value>) -> Map<String, Value> {
    left.into_iter().chain(right).collect()
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}
