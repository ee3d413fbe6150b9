//! A channel that is a list of what was written.

use std::sync::Arc;

use serde_json::Value;

use super::{Channel, NewId};
use crate::error::RunError;
use crate::value::Shared;

/// The values of the last superstep, or of all of them; lists are flattened by one level.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    accumulate: bool,
    items: Arc<Vec<Shared>>,
}

impl Topic {
    pub(crate) fn new(accumulate: bool) -> Self {
        Self { accumulate, items: Arc::default() }
    }
}

impl Channel for Topic {
    fn update(&mut self, values: &[Shared], _new_id: NewId<'_>) -> Result<bool, RunError> {
        let cleared = !self.accumulate && !self.items.is_empty();
        if cleared {
            self.items = Arc::default();
        }
        if values.is_empty() {
            return Ok(cleared);
        }
        let items = Arc::make_mut(&mut self.items);
        let before = items.len();
        for value in values {
            match value.send().is_none().then(|| value.json()) {
                Some(Value::Array(list)) => items.extend(list.iter().cloned().map(Shared::from)),
                _ => items.push(value.clone()),
            }
        }
        Ok(cleared || items.len() > before)
    }

    fn get(&self) -> Option<Shared> {
        self.is_available().then(|| self.list())
    }

    fn is_available(&self) -> bool {
        !self.items.is_empty()
    }

    fn items(&self) -> Option<&[Shared]> {
        Some(&self.items)
    }

    fn checkpoint(&self) -> Option<Shared> {
        Some(self.list())
    }

    fn restore(&mut self, value: &Shared) {
        let items = value.json().as_array().into_iter().flatten();
        self.items = Arc::new(items.cloned().map(Shared::from).collect());
    }

    fn boxed_clone(&self) -> Box<dyn Channel> {
        Box::new(self.clone())
    }
}

impl Topic {
    fn list(&self) -> Shared {
        Shared::from(Value::Array(self.items.iter().map(|item| item.json().clone()).collect()))
    }
}
