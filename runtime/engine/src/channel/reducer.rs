//! How two values of one key become one.

use std::any::{Any, type_name};
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::NewId;
use crate::command::overwritten;
use crate::error::RunError;
use crate::message::{MessageError, Messages, add_messages};
use crate::value::{Key, Shared};

/// A reducer with the value that it starts from.
///
/// Without a starting value the first write is taken as it is.
#[derive(Clone)]
pub struct Reducer {
    name: Key,
    zero: Option<Shared>,
    merge: Merge,
}

type MergeFn = dyn Fn(&Shared, &Shared) -> Result<Shared, ReduceError> + Send + Sync;

#[derive(Clone)]
enum Merge {
    Append,
    Add,
    Messages,
    Custom(Arc<MergeFn>),
}

impl Reducer {
    /// Appends lists: `["a"]` and `["b"]` make `["a", "b"]`. Starts from `[]`.
    pub fn append() -> Self {
        Self { name: "append".into(), zero: Some(Value::Array(Vec::new()).into()), merge: Merge::Append }
    }

    /// Adds numbers, joins strings and appends lists, as Python's `operator.add` does.
    pub fn add() -> Self {
        Self { name: "add".into(), zero: None, merge: Merge::Add }
    }

    /// Merges chat messages by id (LangGraph's `add_messages`). Starts from `[]`.
    pub fn messages() -> Self {
        let zero = Shared::from(Messages::default());
        Self { name: "add_messages".into(), zero: Some(zero), merge: Merge::Messages }
    }

    /// Merges with a function of the key's type, which gets what is there and what was written.
    ///
    /// A function that panics fails the run; the last checkpoint stands.
    pub fn custom<T, F>(merge: F) -> Self
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Fn(T, T) -> T + Send + Sync + 'static,
    {
        let merge = move |left: &Shared, right: &Shared| {
            let read =
                |value: &Shared| value.read::<T>().map_err(|error| ReduceError::value(error.to_string()));
            let (left, right) = (read(left)?, read(right)?);
            let merged = std::panic::catch_unwind(AssertUnwindSafe(|| merge(left, right)));
            let merged = merged.map_err(|panic| ReduceError::panicked(&*panic))?;
            Shared::new(merged).map_err(|error| ReduceError::value(error.to_string()))
        };
        Self { name: type_name::<F>().into(), zero: None, merge: Merge::Custom(Arc::new(merge)) }
    }

    /// Starts from `zero`: the key then has a value before anything is written.
    pub fn starting_from(mut self, zero: impl Into<Shared>) -> Self {
        self.zero = Some(zero.into());
        self
    }

    /// The value before anything is written.
    pub(crate) fn zero(&self) -> Option<Shared> {
        self.zero.clone()
    }

    pub(crate) fn same(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// Gives a value that did not come through the reducer the form that the reducer would give it.
    pub(crate) fn settle(&self, value: Shared) -> Shared {
        match self.merge {
            // What is to be merged or to replace stays as it was written.
            Merge::Messages if value.messages().is_none() && overwritten(&value).is_none() => {
                value.read::<Messages>().map_or(value, Shared::from)
            }
            _ => value,
        }
    }

    /// Merges `right` into `left`.
    pub(crate) fn reduce(
        &self,
        left: &Shared,
        right: &Shared,
        new_id: NewId<'_>,
    ) -> Result<Shared, ReduceError> {
        match &self.merge {
            Merge::Append => append(left, right),
            Merge::Add => add(left, right),
            Merge::Messages => merge_messages(left, right, new_id),
            Merge::Custom(merge) => merge(left, right),
        }
    }
}

fn merge_messages(left: &Shared, right: &Shared, new_id: NewId<'_>) -> Result<Shared, ReduceError> {
    let (before, added) = (operand(left, "left")?, operand(right, "right")?);
    // With their ids, so that they are as long as they will be.
    let (before, added) = (before.with_ids(new_id), added.with_ids(new_id));
    let merged = Shared::from(add_messages(&before, &added, new_id)?);
    let is_left = left.messages().is_some_and(|messages| messages.is_same(&before));
    let before = if is_left { left.clone() } else { before.into() };
    Ok(merged.grown(&before, &added.into()))
}

fn operand(value: &Shared, side: &str) -> Result<Messages, ReduceError> {
    if let Some(messages) = value.messages() {
        return Ok(messages.clone());
    }
    if let Some(message) = value.message() {
        return Ok(Messages::from(vec![message.clone()]));
    }
    if value.is_null() {
        let other = if side == "left" { "right" } else { "left" };
        return Err(ReduceError::value(format!(
            "Must specify non-null arguments for both 'left' and 'right'. Only received: '{other}'."
        )));
    }
    Ok(Messages::coerce(value.json())?)
}

fn append(left: &Shared, right: &Shared) -> Result<Shared, ReduceError> {
    match (left.json(), right.json()) {
        (Value::Array(one), Value::Array(other)) => {
            let all = Shared::from(Value::Array(one.iter().chain(other).cloned().collect()));
            Ok(all.grown(left, right))
        }
        (Value::Array(_), other) | (other, _) => Err(ReduceError::mismatch(other)),
    }
}

fn add(left: &Shared, right: &Shared) -> Result<Shared, ReduceError> {
    match (left.json(), right.json()) {
        (Value::Number(a), Value::Number(b)) => sum(a, b).map(Shared::from),
        (Value::String(a), Value::String(b)) => Ok(Shared::from(format!("{a}{b}")).grown(left, right)),
        (Value::Array(_), Value::Array(_)) => append(left, right),
        (a, b) => Err(ReduceError {
            class: "TypeError".into(),
            message: format!("cannot add {} and {}", kind(a), kind(b)),
            panicked: false,
        }),
    }
}

fn sum(a: &Number, b: &Number) -> Result<Value, ReduceError> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        let sum = a.checked_add(b).ok_or_else(|| ReduceError::value(format!("{a} + {b} exceeds 64 bits")))?;
        return Ok(sum.into());
    }
    Ok((a.as_f64().unwrap_or_default() + b.as_f64().unwrap_or_default()).into())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl fmt::Debug for Reducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A reducer did not take a value.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ReduceError {
    class: Key,
    message: String,
    panicked: bool,
}

impl ReduceError {
    fn value(message: String) -> Self {
        Self { class: "ValueError".into(), message, panicked: false }
    }

    fn mismatch(found: &Value) -> Self {
        let message = format!("expected a list, found {}", kind(found));
        Self { class: "TypeError".into(), message, panicked: false }
    }

    fn panicked(panic: &(dyn Any + Send)) -> Self {
        Self { class: "ReducerPanicked".into(), message: crate::error::panic_text(panic), panicked: true }
    }

    pub(crate) fn at(&self, key: &Key) -> RunError {
        if self.panicked {
            let message = format!("the reducer of key `{key}`: {}", self.message);
            return RunError::Panicked { message };
        }
        RunError::Reducer { class: self.class.clone(), key: key.clone(), message: self.message.clone() }
    }
}

impl From<MessageError> for ReduceError {
    fn from(error: MessageError) -> Self {
        Self { class: error.class().into(), message: error.to_string(), panicked: false }
    }
}
