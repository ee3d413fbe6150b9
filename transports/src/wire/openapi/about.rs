//! What is said of one method of one path.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// What a method of a path does, takes and answers.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(super) summary: &'static str,
    pub(super) query: &'static [Parameter],
    pub(super) resumes: bool,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<(u16, Content)>,
}

/// What is known of a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// The schema of the type that reads it, made when it is asked for.
    Read(fn(&mut SchemaGenerator) -> Schema),
    /// The form that has this name in `resources.json`.
    Named(&'static str),
}

/// What an answer has in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Content {
    /// Nothing.
    Nothing,
    /// A document of the form that has this name in `resources.json`.
    One(&'static str),
    /// A list of such documents.
    List(&'static str),
    /// A page of such a list, with headers that say whether another follows.
    Page(&'static str),
    /// Any JSON: what a graph comes to.
    Json,
    /// Events, until there are no more.
    Events,
    /// A text of this media type.
    Text(&'static str),
}

/// What can be said in the query.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Parameter {
    Flag(&'static str),
    Number(&'static str),
    Text(&'static str),
    OneOf(&'static str, &'static [&'static str]),
    /// Names, each said by itself or all of them with commas between.
    Names(&'static str, &'static [&'static str]),
    /// One that has to be said.
    Required(&'static str),
}

impl About {
    /// A method that takes nothing; what it answers is still to be said.
    pub(crate) fn new(summary: &'static str) -> Self {
        Self { summary, query: &[], resumes: false, body: None, answers: Vec::new() }
    }

    /// What can be said in the query.
    pub(crate) fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }

    /// Takes `Last-Event-ID`.
    pub(crate) fn resumes(self) -> Self {
        Self { resumes: true, ..self }
    }

    /// Takes a body of this type.
    pub(crate) fn takes<T: JsonSchema>(self) -> Self {
        Self { body: Some(Body::Read(SchemaGenerator::subschema_for::<T>)), ..self }
    }

    /// Takes a body of the form that has this name in `resources.json`.
    pub(crate) fn takes_one(self, name: &'static str) -> Self {
        Self { body: Some(Body::Named(name)), ..self }
    }

    /// Answers with this status and content; more than one may be said.
    pub(crate) fn answers(mut self, status: u16, content: Content) -> Self {
        self.answers.push((status, content));
        self
    }
}

impl Parameter {
    pub(super) fn describe(self) -> Value {
        let (name, schema) = match self {
            Self::Flag(name) => (name, json!({"type": "boolean"})),
            Self::Number(name) => (name, json!({"type": "integer", "minimum": 0})),
            Self::Text(name) | Self::Required(name) => (name, json!({"type": "string"})),
            Self::OneOf(name, known) => (name, json!({"type": "string", "enum": known})),
            Self::Names(name, []) => (name, json!({"type": "array", "items": {"type": "string"}})),
            Self::Names(name, known) => {
                (name, json!({"type": "array", "items": {"type": "string", "enum": known}}))
            }
        };
        let is_required = matches!(self, Self::Required(_));
        json!({"name": name, "in": "query", "required": is_required, "schema": schema})
    }
}

impl Content {
    /// The response of this content.
    pub(super) fn describe(self) -> Value {
        let one = named;
        let list = |name: &str| json!({"type": "array", "items": one(name)});
        let of = |media: &str, schema: Value| json!({media: {"schema": schema}});
        match self {
            Self::Nothing => json!({"description": "Done; there is nothing to say."}),
            Self::One(name) => json!({"description": name, "content": of("application/json", one(name))}),
            Self::List(name) => {
                let description = format!("A list of {name}");
                json!({"description": description, "content": of("application/json", list(name))})
            }
            Self::Page(name) => json!({
                "description": format!("A page of a list of {name}"),
                "headers": {
                    "x-pagination-total": {
                        "description": "At least so many were found", "schema": {"type": "integer"},
                    },
                    "x-pagination-next": {
                        "description": "The offset of the next page, if there is one",
                        "schema": {"type": "integer"},
                    },
                },
                "content": of("application/json", list(name)),
            }),
            Self::Json => json!({"description": "Any JSON", "content": of("application/json", json!({}))}),
            Self::Events => {
                json!({"description": "Server-sent events", "content": {"text/event-stream": {}}})
            }
            Self::Text(media) => {
                json!({"description": "A text", "content": of(media, json!({"type": "string"}))})
            }
        }
    }
}

/// The form of this name.
pub(super) fn named(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
