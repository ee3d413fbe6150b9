//! JSON Schemas as providers want them for answers that must fit.

use serde_json::{Map, Value};

/// What schemas say of numbers and defaults that providers refuse; serde checks it when the answer is read.
const REFUSED: [&str; 8] = [
    "$schema",
    "default",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "title",
];

/// The same schema in the providers' subset: every object is closed and names all its keys, one of several is any of
/// several. What may be missing is null instead.
pub(super) fn strict(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => Value::Object(object(fields)),
        Value::Array(items) => items.iter().map(strict).collect(),
        other => other.clone(),
    }
}

fn object(fields: &Map<String, Value>) -> Map<String, Value> {
    let numeric = ["integer", "number"].iter().any(|kind| {
        let said = &fields.get("type");
        said.is_some_and(|said| {
            said == kind || said.as_array().is_some_and(|any| any.iter().any(|one| one == kind))
        })
    });
    // Nothing may stand beside a reference, not even what the field is for.
    if let Some(reference) = fields.get("$ref") {
        return Map::from_iter([("$ref".to_owned(), reference.clone())]);
    }
    let mut strict_fields = Map::new();
    for (key, value) in fields {
        match key.as_str() {
            key if REFUSED.contains(&key) && !value.is_object() => {}
            "format" if numeric => {}
            "oneOf" => drop(strict_fields.insert("anyOf".into(), strict(value))),
            "properties" | "$defs" => drop(strict_fields.insert(key.clone(), named(value))),
            // Data, not schemas.
            "enum" | "const" | "required" => drop(strict_fields.insert(key.clone(), value.clone())),
            _ => drop(strict_fields.insert(key.clone(), strict(value))),
        }
    }
    if let Some(properties) = fields.get("properties").and_then(Value::as_object) {
        strict_fields.insert("required".into(), properties.keys().cloned().collect());
        strict_fields.insert("additionalProperties".into(), false.into());
    }
    strict_fields
}

/// Schemas by names that are no keywords.
fn named(schemas: &Value) -> Value {
    let schemas = schemas.as_object().into_iter().flatten();
    schemas.map(|(name, schema)| (name.clone(), strict(schema))).collect()
}

#[cfg(test)]
mod tests {
    use eddyline_engine::model::ResponseFormat;
    use serde_json::json;

    use super::*;

    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Weather {
        /// Where.
        title: String,
        degrees: Option<u8>,
        #[serde(default)]
        winds: Vec<Wind>,
        /// The strongest.
        gust: Wind,
    }

    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Wind {
        speed: f64,
    }

    #[test]
    fn objects_are_closed_and_name_all_their_keys() {
        let schema = strict(&ResponseFormat::of::<Weather>("weather").schema);
        let expected = json!({
            "type": "object",
            "properties": {
                "title": {"description": "Where.", "type": "string"},
                "degrees": {"type": ["integer", "null"]},
                "winds": {"type": "array", "items": {"$ref": "#/$defs/Wind"}},
                "gust": {"$ref": "#/$defs/Wind"},
            },
            "required": ["title", "degrees", "winds", "gust"],
            "additionalProperties": false,
            "$defs": {"Wind": {
                "type": "object",
                "properties": {"speed": {"type": "number"}},
                "required": ["speed"],
                "additionalProperties": false,
            }},
        });
        assert_eq!(schema, expected);
    }
}
