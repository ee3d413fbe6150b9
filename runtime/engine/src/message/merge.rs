//! How the parts of two message chunks add up, left to right, as `LangChain`'s chunks do.

use serde_json::{Map, Value};

use super::{ChunkIndex, Content, MessageError, ToolCallChunk, python};

/// Joins two contents: texts run on, and lists of blocks merge by [`lists`].
pub(super) fn contents(left: &Content, right: &Content) -> Result<Content, MessageError> {
    Ok(match (left, right) {
        (Content::Text(left), Content::Text(right)) => Content::Text(format!("{left}{right}")),
        (Content::Text(left), Content::Blocks(right)) => {
            let first = Value::String(left.clone());
            Content::Blocks(std::iter::once(first).chain(right.iter().cloned()).collect())
        }
        (Content::Blocks(left), Content::Blocks(right)) => Content::Blocks(lists(left, right)?),
        (Content::Blocks(left), Content::Text(right)) => Content::Blocks(append_text(left.clone(), right)),
    })
}

/// A text goes on with the last block if that is text, else it is a block of its own; an empty list stays empty.
fn append_text(mut blocks: Vec<Value>, text: &str) -> Vec<Value> {
    match blocks.last_mut() {
        Some(Value::String(last)) => last.push_str(text),
        Some(_) if !text.is_empty() => blocks.push(text.into()),
        _ => {}
    }
    blocks
}

/// Joins two lists: an object with an index goes into the one on the left that has it, everything else behind.
pub(super) fn lists(left: &[Value], right: &[Value]) -> Result<Vec<Value>, MessageError> {
    let mut merged = left.to_vec();
    for element in right {
        let partner = element.as_object().and_then(|element| {
            merged.iter_mut().filter_map(Value::as_object_mut).find(|left| is_same(left, element))
        });
        match (partner, element) {
            (Some(partner), Value::Object(element)) => {
                let others = element.iter().filter(|(key, _)| *key != "type");
                add_entries(partner, others)?;
            }
            _ => merged.push(element.clone()),
        }
    }
    Ok(merged)
}

/// Whether both are pieces of one thing: they have the same index, and no different ids.
fn is_same(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    let joins = match right.get("index") {
        Some(Value::Number(index)) => !index.is_f64(),
        Some(Value::String(index)) => index.starts_with("lc_"),
        _ => false,
    };
    let id =
        |element: &Map<String, Value>| element.get("id").filter(|id| !id.is_null() && *id != "").cloned();
    joins && left.get("index") == right.get("index") && are_compatible(id(left).as_ref(), id(right).as_ref())
}

fn are_compatible<T: PartialEq>(left: Option<T>, right: Option<T>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => left == right,
        _ => true,
    }
}

/// Joins two maps key by key: texts run on, integers add up, lists and maps merge, null gives way.
pub(super) fn maps(
    left: &Map<String, Value>,
    right: &Map<String, Value>,
) -> Result<Map<String, Value>, MessageError> {
    let mut merged = left.clone();
    add_entries(&mut merged, right)?;
    Ok(merged)
}

fn add_entries<'a>(
    merged: &mut Map<String, Value>,
    right: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> Result<(), MessageError> {
    for (key, value) in right {
        match merged.get_mut(key) {
            Some(left) => add_value(key, left, value)?,
            None => drop(merged.insert(key.clone(), value.clone())),
        }
    }
    Ok(())
}

fn add_value(key: &str, left: &mut Value, right: &Value) -> Result<(), MessageError> {
    match (&mut *left, right) {
        (_, Value::Null) => {}
        (Value::Null, _) => *left = right.clone(),
        (Value::String(left), Value::String(right)) => {
            let names = matches!(key, "id" | "output_version" | "model_provider");
            if !(names && left == right || key == "index" && left.starts_with("lc_")) {
                left.push_str(right);
            }
        }
        (Value::Object(left), Value::Object(right)) => add_entries(left, right)?,
        (Value::Array(left), Value::Array(right)) => *left = lists(left, right)?,
        (left, right) if python::class(left) != python::class(right) => {
            return Err(MessageError::DifferentTypes { key: key.to_owned() });
        }
        (left, right) if left == right => {}
        (Value::Number(_), Value::Number(number)) if !number.is_f64() => *left = integers(key, left, right)?,
        (left, _) => {
            return Err(MessageError::NoSum { key: key.to_owned(), class: python::class(left) });
        }
    }
    Ok(())
}

/// The sum, except for a number that names something or tells a time: the later one holds.
fn integers(key: &str, left: &Value, right: &Value) -> Result<Value, MessageError> {
    if matches!(key, "index" | "created" | "timestamp") {
        return Ok(right.clone());
    }
    let wide = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from));
    let sum =
        wide(left).zip(wide(right)).map(|(left, right)| left + right).ok_or(MessageError::IntegerRange)?;
    i64::try_from(sum)
        .map(Value::from)
        .or_else(|_| u64::try_from(sum).map(Value::from))
        .map_err(|_| MessageError::IntegerRange)
}

/// Joins the pieces of tool calls by their index.
pub(super) fn tool_call_chunks(left: &[ToolCallChunk], right: &[ToolCallChunk]) -> Vec<ToolCallChunk> {
    let mut merged = left.to_vec();
    for piece in right {
        match merged.iter_mut().find(|left| is_same_call(left, piece)) {
            Some(call) => {
                add_text(&mut call.name, piece.name.as_deref());
                add_text(&mut call.args, piece.args.as_deref());
                if call.id != piece.id {
                    add_text(&mut call.id, piece.id.as_deref());
                }
            }
            None => merged.push(piece.clone()),
        }
    }
    merged
}

fn is_same_call(left: &ToolCallChunk, right: &ToolCallChunk) -> bool {
    let joins = match &right.index {
        Some(ChunkIndex::Number(_)) => true,
        Some(ChunkIndex::Name(name)) => name.starts_with("lc_"),
        None => false,
    };
    let id = |chunk: &ToolCallChunk| chunk.id.clone().filter(|id| !id.is_empty());
    joins && left.index == right.index && are_compatible(id(left), id(right))
}

fn add_text(left: &mut Option<String>, right: Option<&str>) {
    if let Some(right) = right {
        left.get_or_insert_default().push_str(right);
    }
}

/// The better of two ids: one that the provider gave, else one of the model call (`lc_run-…`), else any.
pub(super) fn ids<'a>(left: Option<&'a str>, right: Option<&'a str>) -> Option<&'a str> {
    let rank = |id: &&str| match *id {
        id if id.starts_with("lc_run-") => 1,
        id if id.starts_with("lc_") => 2,
        _ => 0,
    };
    left.into_iter().chain(right).filter(|id| !id.is_empty()).min_by_key(rank)
}
