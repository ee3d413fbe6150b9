//! The document: all paths, what is taken and answered there, and who may ask.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::About;
use super::about::{Body, named};

/// One method of one path, as the table of the routes has it.
pub(crate) struct Described<'a> {
    /// With `{names}` where a value goes.
    pub(crate) path: &'a str,
    /// In lower case.
    pub(crate) method: &'a str,
    /// What is said of it.
    pub(crate) about: &'a About,
}

/// What answers look like.
const RESOURCES: &str = include_str!("resources.json");

/// Where clients name graphs.
const GRAPHS: [&str; 2] = ["/RunBody/properties/assistant_id", "/AssistantBody/properties/graph_id"];

/// Describes these methods of a server with these graphs. `is_guarded` says whether those who ask must say who they are.
pub(crate) fn document<'a>(
    operations: impl IntoIterator<Item = Described<'a>>,
    graph_ids: impl Iterator<Item = String>,
    is_guarded: bool,
) -> Result<Value, serde_json::Error> {
    let mut schemas: Map<String, Value> = serde_json::from_str(RESOURCES)?;
    let mut bodies = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
    });
    bodies.meta_schema = None;
    let mut bodies = bodies.into_generator();
    let (mut paths, mut ids) = (Map::new(), BTreeSet::new());
    for Described { path, method, about } in operations {
        let mut operation = json!({
            "operationId": unused(&mut ids, path, method),
            "tags": [tag(path)],
            "summary": about.summary,
            "parameters": parameters(path, about),
            "responses": responses(about),
        });
        if let Some(body) = about.body {
            let schema = match body {
                Body::Read(schema) => schema(&mut bodies).to_value(),
                Body::Named(name) => named(name),
            };
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        if is_guarded && path == "/ok" {
            operation["security"] = json!([]);
        }
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[method] = operation;
    }
    schemas.extend(bodies.take_definitions(true));
    let mut schemas = Value::Object(schemas);
    let known = json!({"type": "string", "enum": graph_ids.collect::<Vec<_>>()});
    let [assistant, graph] = GRAPHS;
    // An assistant has an id of its own, or is the default one of a graph.
    let assistants = json!({"anyOf": [known, {"type": "string", "format": "uuid"}]});
    for (place, schema) in [(assistant, assistants), (graph, known)] {
        if let Some(said) = schemas.pointer_mut(place) {
            *said = schema;
        }
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "eddyline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Agent graphs and what happens in them: the LangGraph API.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas},
    });
    if is_guarded {
        document["components"]["securitySchemes"] = json!({
            "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            "bearer": {"type": "http", "scheme": "bearer"},
        });
        document["security"] = json!([{"key": []}, {"bearer": []}]);
    }
    Ok(document)
}

/// Every method has a name of its own: `post_threads_id_runs_stream`.
fn unused(ids: &mut BTreeSet<String>, path: &str, method: &str) -> String {
    let words = path.split(['/', '{', '}']).filter(|word| !word.is_empty());
    let name = words.fold(method.to_owned(), |name, word| format!("{name}_{word}"));
    let is_new = ids.insert(name.clone());
    debug_assert!(is_new, "{name} stands twice in the table of the routes");
    name
}

/// The first word of the path; the server itself is about itself.
fn tag(path: &str) -> &str {
    match path.split('/').nth(1) {
        Some(word @ ("assistants" | "threads" | "runs" | "store" | "webhooks")) => word,
        _ => "server",
    }
}

fn parameters(path: &str, about: &About) -> Vec<Value> {
    let named = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path = named.map(|name| {
        let is_id = name != "namespace";
        let schema =
            if is_id { json!({"type": "string", "format": "uuid"}) } else { json!({"type": "string"}) };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    let in_query = about.query.iter().map(|parameter| parameter.describe());
    let last = about.resumes.then(|| {
        json!({"name": "Last-Event-ID", "in": "header", "required": false, "schema": {"type": "string"},
            "description": "The id of the last event that was read: what came after it is told."})
    });
    in_path.chain(in_query).chain(last).collect()
}

/// Those of the method, and those that every method may have.
fn responses(about: &About) -> Map<String, Value> {
    let refused = |description: &str| json!({"description": description, "content": {"application/json": {"schema": named("Refusal")}}});
    let own = about.answers.iter().map(|(status, content)| (status.to_string(), content.describe()));
    own.chain([
        ("4XX".to_owned(), refused("Refused; `detail` says why")),
        ("503".to_owned(), refused("No room for it now; `Retry-After` says when to ask again")),
        (
            "500".to_owned(),
            json!({"description": "The server is at fault; its log says why",
            "content": {"text/plain": {"schema": {"type": "string"}}}}),
        ),
    ])
    .collect()
}
